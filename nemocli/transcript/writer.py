"""What every written format is: a writer that takes segments one by one.

So a whole file and a stream that goes on for hours are written by the same code.
"""

from dataclasses import dataclass
from typing import Protocol

from nemocli.sound_warning import SoundWarning
from nemocli.transcript.cue_layout import DEFAULT_LAYOUT, CueLayout
from nemocli.transcript.segments import Segment
from nemocli.transcript.types import Transcript

#: What is said of channels that are transcribed each by itself.
SEPARATE = "separate"


@dataclass(frozen=True)
class SoundProvenance:
    """Which part of a file's sound was transcribed, and how it was changed."""

    #: The track's number from 1, of how many, and its language as the file tells it.
    track: int
    tracks: int
    track_language: str | None
    #: `mix`, the name of the channel that was taken, or SEPARATE.
    channels: str
    #: dB, by channel if they are separate; None if nothing was changed.
    gain: float | tuple[float, ...] | None


@dataclass(frozen=True)
class Provenance:
    """What a transcript was made from and with; `Transcriber.about` fills it in."""

    file: str
    model: str
    #: SHA-256 over the checkpoint, in hexadecimal; None if it is not known.
    model_revision: str | None
    #: Of the encoder's weights, such as `fp32` or `int8`.
    precision: str
    runtime: str
    #: Encoder frames of 80 ms.
    lookahead: int
    #: The locale that was asked for, or `auto`.
    requested_language: str
    #: What of the file was transcribed; None for what has no tracks, such as a microphone.
    sound: SoundProvenance | None = None

    @property
    def has_channels(self) -> bool:
        """Whether each segment belongs to one of several channels."""
        return self.sound is not None and self.sound.channels == SEPARATE

    @property
    def fixed_language(self) -> str | None:
        """The locale that was asked for; None if the model was to find out."""
        return None if self.requested_language == "auto" else self.requested_language


@dataclass(frozen=True)
class WholeTranscript:
    """A whole transcript, and what it was made with."""

    about: Provenance
    transcript: Transcript
    #: What is wrong with its sound.
    warnings: tuple[SoundWarning, ...] = ()


class Writer(Protocol):
    """One document: the head, what each segment adds, and a tail.

    Head, all that was added and the tail make a valid document after every segment.
    """

    def __init__(self, about: Provenance, layout: CueLayout = DEFAULT_LAYOUT) -> None: ...

    def head(self) -> str:
        """What the document begins with."""

    def add(self, segment: Segment) -> str:
        """What is certain now that this segment has come; it may be due to the one before."""

    def tail(self, language: str | None, duration: float) -> str:
        """What ends the document here: language heard last, seconds of sound so far."""
