"""The interface of all written formats: a writer that takes segments one by one.

The same code writes whole files, and streams of many hours.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from nemocli.sound_warning import SoundWarning
from nemocli.transcript.cue_layout import DEFAULT_LAYOUT, CueLayout
from nemocli.transcript.provenance import Provenance
from nemocli.transcript.segments import Segment
from nemocli.transcript.types import Transcript


@dataclass(frozen=True)
class WholeTranscript:
    """A whole transcript, and what it was made with."""

    about: Provenance
    transcript: Transcript
    #: Warnings about the sound.
    warnings: tuple[SoundWarning, ...] = ()


class Writer(ABC):
    """Writes one document: a head, a part for each segment, and a tail.

    After every segment, the head, the parts so far and the tail make a valid document.
    """

    #: The format's name, which is also the files' extension.
    name: ClassVar[str]
    #: Whether the document has text even if there are no words.
    has_text_without_words: ClassVar[bool] = False
    #: Whether the document says who speaks when, and nothing else.
    has_only_turns: ClassVar[bool] = False

    def __init__(  # noqa: B027  a format need not keep what it does not write
        self, about: Provenance, layout: CueLayout = DEFAULT_LAYOUT
    ) -> None:
        """Begin a document about a transcript, laid out as users may choose."""

    def write_head(self) -> str:
        """Return the beginning of the document."""
        return ""

    @abstractmethod
    def add(self, segment: Segment) -> str:
        """Add a segment; return the text that is now final, which may be of earlier segments."""

    def write_tail(self, language: str | None, duration: float) -> str:
        """Return the end of the document, if it ended here.

        `language` is the one that the model last named, `duration` the seconds of sound so far.
        """
        return ""

    def write_whole(
        self,
        transcript: Transcript,
        segments: Iterable[Segment],
        warnings: Sequence[SoundWarning],
    ) -> Iterator[str]:
        """Give the document of a whole transcript, which has been split into `segments`."""
        yield self.write_head()
        yield from map(self.add, segments)
        yield from self.write_whole_tail(transcript, warnings)

    def write_whole_tail(
        self, transcript: Transcript, warnings: Sequence[SoundWarning]
    ) -> Iterator[str]:
        """Give the end of the document of a whole transcript, which may say more than `tail`."""
        yield self.write_tail(transcript.language, transcript.duration)
