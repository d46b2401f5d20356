"""Collection of warnings about a sound while it is decoded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nemocli.sound_warning import SoundWarning

#: Incidents of a kind that are closer than this are merged.
MERGE_S = 10.0

#: Limit on the incidents of each kind; more are merged with the last.
MAX_INCIDENTS = 20


class WarningLog:
    """Log of warnings in bounded memory: incidents near each other become one."""

    def __init__(self) -> None:
        self._incidents: dict[str, list[_Incident]] = {}
        self._single: list[SoundWarning] = []

    def add(self, kind: str, at_s: float, message: str) -> None:
        """Add a warning of a kind that is rare in a file."""
        self._single.append(SoundWarning(kind, round(at_s, 3), message))

    def note(self, what: str, at_s: float, seconds: float) -> None:
        """Note one of the INCIDENTS, of which a file may have millions.

        `seconds` is the length of the sound concerned, or the error of a clock.
        """
        same = self._incidents.setdefault(what, [])
        if same and (at_s - same[-1].end <= MERGE_S or len(same) >= MAX_INCIDENTS):
            same[-1].extend(at_s, seconds)
        else:
            same.append(_Incident(at_s, at_s, seconds))

    @property
    def warnings(self) -> tuple[SoundWarning, ...]:
        """All warnings, by time."""
        noted = [
            SoundWarning(INCIDENTS[what][0], round(incident.at, 3), _describe(what, incident))
            for what, incidents in self._incidents.items()
            for incident in incidents
        ]
        return tuple(sorted([*self._single, *noted], key=lambda warning: warning.at_s))


@dataclass
class _Incident:
    at: float
    end: float
    seconds: float
    count: int = 1

    def extend(self, at: float, seconds: float) -> None:
        self.end = max(self.end, at)
        self.seconds += seconds
        self.count += 1


def _describe(what: str, incident: _Incident) -> str:
    place = f"at {incident.at:.1f} s"
    if incident.count > 1:
        place = f"in {incident.count:,} places from {incident.at:.1f} to {incident.end:.1f} s"
    return INCIDENTS[what][1](place, f"{incident.seconds:,.2f} s")


#: Frequent incidents: kind, and a function that makes the sentence for a place and an amount.
INCIDENTS: dict[str, tuple[str, Callable[[str, str], str]]] = {
    "undecodable": (
        "damage",
        lambda place, amount: (
            f"Sound that cannot be decoded ({amount}) was replaced by silence, {place}."
        ),
    ),
    "foreign": (
        "damage",
        lambda place, amount: f"Bytes that cannot be decoded as sound were left out, {place}.",
    ),
    "wrong sum": (
        "damage",
        lambda place, amount: (
            f"Sound with a wrong checksum ({amount}) was decoded, but is probably damaged, {place}."
        ),
    ),
    "not numbers": (
        "damage",
        lambda place, amount: (
            f"Samples that are not numbers ({amount}) were replaced by silence, {place}."
        ),
    ),
    "missing": (
        "gap",
        lambda place, amount: (
            f"Sound is missing by the file's clock ({amount}), {place}: silence stands there."
        ),
    ),
    "back": (
        "clock",
        lambda place, amount: (
            f"The file's clock jumps back or stands still ({amount} in all), {place}: times follow"
            " the sound."
        ),
    ),
    "ahead": (
        "clock",
        lambda place, amount: (
            f"The file's clock jumps ahead ({amount} in all), {place}: times follow the sound."
        ),
    ),
    "uneven": (
        "clock",
        lambda place, amount: (
            f"The file's clock is not that of its sound ({amount} apart in all), {place}: times"
            " follow the sound."
        ),
    ),
    "slow": (
        "clock",
        lambda place, amount: (
            f"The file's clock is slower than its sound, of which {amount} were left out, {place}."
        ),
    ),
}
