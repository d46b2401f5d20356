"""Alignment: word times moved from the model's frames to where the words are in the sound."""

import re
from dataclasses import dataclass
from typing import Literal, Protocol

from nemocli.errors import UsageError

#: Requests the delay that was measured for the model, or without one what SOUND_ALONE requests.
AUTO_DELAY: Literal["auto"] = "auto"

#: Requests times by how loud the sound is, whatever the model's delay.
SOUND_ALONE: Literal["sound"] = "sound"

_NAMES = (AUTO_DELAY, SOUND_ALONE)

#: What documents call times that are aligned.
ALIGNED = "aligned"

#: Limit on a delay that the user gives.
MAX_DELAY_S = 2.0

_SECONDS = re.compile(r"\+?([0-9]{1,4}(\.[0-9]*)?|\.[0-9]+)")

#: What may be requested: nothing, AUTO_DELAY, SOUND_ALONE, or a delay in seconds.
Align = Literal["auto", "sound"] | float | None


@dataclass(frozen=True)
class Alignment:
    """How the times of words are aligned with the sound."""

    #: Seconds from the end of a token's sound to the end of its encoder frame; None if unknown.
    delay: float | None


class WordAligner(Protocol):
    """Finds where the words of one stream are in its sound; it is given each token once."""

    @property
    def span(self) -> tuple[float, float]:
        """Start and end of the word that grows, in seconds."""
        ...

    def add(self, frame: int, *, begins_word: bool, is_spoken: bool) -> None:
        """Add a token of the word by its encoder frame; punctuation is not spoken."""
        ...

    def close(self) -> None:
        """Finish the word that grows: the next one begins where it ends, or later."""
        ...


def check_align(align: object) -> Align:
    """Return a request; UsageError for anything but None, `auto`, `sound` or 0 to MAX_DELAY_S."""
    if align is None:
        return None
    for name in _NAMES:
        if isinstance(align, str) and align == name:
            return name
    if (
        isinstance(align, (int, float))
        and not isinstance(align, bool)
        and 0 <= align <= MAX_DELAY_S
    ):
        return float(align)
    raise UsageError(
        "align is auto, sound, or the delay of the model's tokens in seconds, from 0 to"
        f" {MAX_DELAY_S:g}, not {align!r}."
    )


def parse_align(text: str | None) -> Align:
    """Parse `auto`, `sound`, or seconds such as `0.2s`. Raises UsageError for anything else."""
    if text is None:
        return None
    name = text.strip().lower()
    if name in _NAMES:
        return check_align(name)
    seconds = name.removesuffix("s").strip()
    if _SECONDS.fullmatch(seconds) and float(seconds) <= MAX_DELAY_S:
        return float(seconds)
    raise UsageError(
        "--align is auto, sound, or the delay of the model's tokens in seconds, from 0 to"
        f" {MAX_DELAY_S:g}, not {text!r}."
    )
