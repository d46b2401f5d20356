"""What a live stream tells: segments that still grow, segments that stay, and its health."""

from dataclasses import dataclass

from nemocli.transcript.segments import Segment


@dataclass(frozen=True, slots=True)
class Partial:
    """A segment as it is now. Its words may change until a Final carries the same id."""

    segment: Segment
    #: The language the model last heard, or the one that was asked for; None if neither is known.
    language: str | None


@dataclass(frozen=True, slots=True)
class Final:
    """A segment that will not change. Ids count up from 0 and never come back."""

    segment: Segment
    language: str | None


@dataclass(frozen=True, slots=True)
class Status:
    """How the stream is, told regularly, and whenever something happened to it.

    All times are in seconds of the sound's own clock: `heard` is what came in since the start, so
    `heard` less `lag` is the moment the words on the screen belong to.
    """

    #: `listening` regularly, else what happened: `dropped`, `rescued`, `reset`, `sound` (the
    #: message says what is odd about it), `paused`, `resumed`, `language`, `ending`, `ended`.
    kind: str
    heard: float
    dropped: float
    rescued: float
    lag: float
    #: Of the last sound processed, in dB of full scale; -120 is digital silence.
    level: float
    language: str | None
    #: One sentence for a person; empty while there is nothing to say.
    message: str = ""


Event = Partial | Final | Status
