"""Who spoke when, and what: the references that speakers in transcripts are compared with."""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nemocli.errors import UsageError, quote

#: Fields of a SPEAKER line of RTTM, without its last, which many programs leave out.
RTTM_FIELDS = "SPEAKER file channel start duration <NA> <NA> speaker <NA>"

#: Limit on times in seconds: some thirty years.
MAX_SECONDS = 1e9


@dataclass(frozen=True)
class ReferenceTurn:
    """A time in which somebody speaks, in seconds."""

    speaker: str
    start: float
    end: float


@dataclass(frozen=True)
class SpeakerReference:
    """Who speaks in a sound."""

    #: By start; turns of one speaker neither overlap nor touch.
    turns: tuple[ReferenceTurn, ...]
    #: Speakers and what they say, in the order of time; None if it is not known.
    segments: tuple[tuple[str, str], ...] | None = None

    @property
    def texts(self) -> dict[str, str] | None:
        """All that each speaker says, by the speaker's name."""
        return None if self.segments is None else join_texts(self.segments)


def join_texts(said: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return all that each speaker says, from speakers and texts in the order of time."""
    texts: dict[str, list[str]] = {}
    for speaker, text in said:
        texts.setdefault(speaker, []).append(text)
    return {speaker: " ".join(parts) for speaker, parts in texts.items()}


def read_rttm(
    path: Path, sound: Path, offset: float, duration: float | None
) -> list[ReferenceTurn]:
    """Read the turns of a sound, or of its part, from an RTTM file.

    Lines of other recordings are left out: the sound's is named as it is, without extension. If
    there is one recording only, one name may also be the beginning of the other, as `ES2004a` is
    of `ES2004a.Mix-Headset`. Lines of another type than SPEAKER do not matter. Raises UsageError
    that names the wrong line, or for a file about other recordings alone.
    """
    by_recording: dict[str, list[ReferenceTurn]] = {}
    for number, line in enumerate(_read(path).split("\n"), 1):
        fields = line.split()
        if not fields or fields[0] != "SPEAKER":
            continue
        try:
            recording, turn = _parse_turn(fields)
        except ValueError as error:
            raise UsageError(f"{path}, line {number}: {error}.") from None
        by_recording.setdefault(recording, []).append(turn)
    if not by_recording:
        raise UsageError(f"{path} has no turns: a line is {RTTM_FIELDS!r}.")
    name = "_".join(sound.stem.split())  # fields have no spaces
    if len(by_recording) > 1 and name not in by_recording:
        raise UsageError(f"{path} has turns of {len(by_recording)} recordings, but none of {name}.")
    only = next(iter(by_recording))
    if name not in by_recording and not (_begins(only, name) or _begins(name, only)):
        raise UsageError(
            f"{path} is about the recording {quote(only)}, not about {name}: take the file of this"
            f" sound, or if it is that, write {name} in the second field of its lines."
        )
    return join_turns(cut_turns(by_recording.get(name, by_recording[only]), offset, duration))


def _begins(whole: str, part: str) -> bool:
    """Tell whether a name begins with another, and goes on with a sign such as a dot."""
    return whole.startswith(part) and not whole[len(part) :][:1].isalnum()


def _parse_turn(fields: list[str]) -> tuple[str, ReferenceTurn]:
    """Return the recording and the turn; ValueError has a message such as "its start is 'x'"."""
    if not 8 <= len(fields) <= 10:
        raise ValueError(f"it has {len(fields)} fields; a turn is {RTTM_FIELDS!r}")
    seconds = {}
    for name, text in (("start", fields[3]), ("duration", fields[4])):
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 0 <= value < MAX_SECONDS:
            raise ValueError(f"its {name} is {text!r}, not a number of seconds")
        seconds[name] = value
    start = seconds["start"]
    return fields[1], ReferenceTurn(fields[7], start, start + seconds["duration"])


def cut_turns(
    turns: Iterable[ReferenceTurn], offset: float, duration: float | None
) -> Iterator[ReferenceTurn]:
    """Give what there is of turns in a part of the sound, in seconds from the part's beginning."""
    length = math.inf if duration is None else duration
    for turn in turns:
        start, end = max(0.0, turn.start - offset), min(length, turn.end - offset)
        if start < end:
            yield ReferenceTurn(turn.speaker, start, end)


def join_turns(turns: Iterable[ReferenceTurn]) -> list[ReferenceTurn]:
    """Return turns by start, those of one speaker that overlap or touch as one turn."""
    last: dict[str, ReferenceTurn] = {}
    joined = []
    for turn in sorted(turns, key=lambda turn: (turn.start, turn.end)):
        before = last.get(turn.speaker)
        if before is not None and turn.start <= before.end:
            end = max(before.end, turn.end)
            last[turn.speaker] = ReferenceTurn(turn.speaker, before.start, end)
            continue
        if before is not None:
            joined.append(before)
        last[turn.speaker] = turn
    return sorted([*joined, *last.values()], key=lambda turn: (turn.start, turn.speaker))


def read_seglst(path: Path, offset: float, duration: float | None) -> list[tuple[str, str]]:
    """Read who says what, in the order of time, from a SegLST file.

    That is a JSON array of objects with `speaker`, `words` and `start_time`. Those that begin
    outside of the part of the sound are left out. Raises UsageError that says which one is wrong.
    """
    try:
        entries = json.loads(_read(path))
    except (ValueError, RecursionError):
        entries = None
    if not isinstance(entries, list) or not entries:
        raise UsageError(
            f"{path} is not a SegLST file: a JSON array of objects with speaker, words and"
            " start_time."
        )
    said = []
    for number, entry in enumerate(entries, 1):
        try:
            said.append(_parse_segment(entry))
        except ValueError as error:
            raise UsageError(f"{path}, segment {number}: {error}.") from None
    end = math.inf if duration is None else offset + duration
    return [
        (speaker, words)
        for start, speaker, words in sorted(said, key=lambda one: one[0])
        if offset <= start < end
    ]


def _parse_segment(entry: Any) -> tuple[float, str, str]:
    """Return start, speaker and words; ValueError has a message such as "it has no words"."""
    if not isinstance(entry, dict):
        raise ValueError("it is not a JSON object")
    for key in ("speaker", "words"):
        if not isinstance(entry.get(key), str):
            raise ValueError(f"it has no {key}")
    start: Any = entry.get("start_time")
    try:  # some programs write numbers as text
        start_s = math.nan if isinstance(start, bool) else float(start)
    except (TypeError, ValueError, OverflowError):
        start_s = math.nan
    if not 0 <= start_s < MAX_SECONDS:
        raise ValueError(f"its start_time is {start!r}, not a number of seconds")
    return start_s, entry["speaker"], entry["words"]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} holds text that is not UTF-8.") from None
