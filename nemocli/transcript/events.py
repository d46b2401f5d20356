"""The events of a live stream: segments that may change, final segments, and its status."""

from dataclasses import dataclass

from nemocli.transcript.segments import Segment


@dataclass(frozen=True, slots=True)
class Partial:
    """A segment as it is now. Its words may change until a Final with the same id."""

    segment: Segment
    #: The language that the model last named, or the requested one; None if neither is known.
    language: str | None


@dataclass(frozen=True, slots=True)
class Final:
    """A segment that will not change. Ids count up from 0; none is used again."""

    segment: Segment
    language: str | None


@dataclass(frozen=True, slots=True)
class Status:
    """How the stream is, sent regularly, and whenever something happened to it.

    All times are in seconds of the sound's own clock: `heard` is what came in since the start, and
    the gaps, so `heard` less `lag` is the moment the words on the screen belong to.
    """

    #: `listening` regularly, else what happened: `dropped`, `rescued`, `reset`, `sound` (the
    #: message says what is odd about it), `paused`, `resumed`, `closed`, `waiting` (for a
    #: microphone), `gap` (it came back), `language` (another one, or the message says that the
    #: model's card lists it as one that needs adaptation), `phrase` (one was added),
    #: `speakers` (some words have none), `ending`, `ended`.
    kind: str
    #: Sound received since the start.
    heard: float
    #: Sound of it that was dropped, because the machine was too slow.
    dropped: float
    #: Sound of it that was transcribed again by another session.
    rescued: float
    #: Sound that waits. The words on the screen belong to the moment `heard` minus `lag`.
    lag: float
    #: The level of the last sound processed, in dB of full scale; -120 is digital silence.
    level: float
    language: str | None
    #: One sentence for the user; empty while there is nothing to say.
    message: str = ""
    #: What a microphone that was away did not give.
    gaps: float = 0.0


Event = Partial | Final | Status
