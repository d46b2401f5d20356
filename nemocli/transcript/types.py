"""The data of results: tokens, words, updates and transcripts."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from nemocli.errors import UsageError, quote
from nemocli.transcript.speakers import Speaker, Turn
from nemocli.units import FRAME_SECONDS

#: A language tag among the tokens, such as `<ja-JP>`.
LANGUAGE_TAG = re.compile(r"<([a-z]{2,3}-[A-Z]{2})>")


@dataclass(frozen=True, slots=True)
class Token:
    """A token that the model emitted."""

    id: int
    #: Its text in the vocabulary.
    piece: str
    #: The number of its encoder frame of 80 ms, from the start of the stream.
    frame: int
    #: The softmax of its logit, 0 to 1.
    confidence: float
    #: The name of its channel, such as `left`; None if channels are not separate.
    channel: str | None = None
    #: Whether a listed phrase decided for it, against the model's best.
    is_boosted: bool = False

    @property
    def time(self) -> float:
        """Seconds from the start of the stream to the start of the token's encoder frame."""
        return round(self.frame * FRAME_SECONDS, 2)

    @property
    def language(self) -> str | None:
        """The locale that it names, such as `ja-JP`; None if it is not a language tag."""
        tag = LANGUAGE_TAG.fullmatch(self.piece)
        return tag[1] if tag else None


@dataclass(frozen=True, slots=True)
class Word:
    """Text between spaces; in scripts without spaces, one token's characters. Times in seconds."""

    text: str
    start: float
    end: float
    #: The confidence of its least confident token.
    confidence: float
    #: Whether there is a space before the word in the text.
    space_before: bool = True
    #: The name of its channel, such as `left`; None if channels are not separate.
    channel: str | None = None
    #: Start and end by the model's frames, if the word was aligned with the sound; otherwise None,
    #: since `start` and `end` are those.
    model_times: tuple[float, float] | None = None
    #: Whether a listed phrase decided for one of its tokens, against the model's best.
    is_boosted: bool = False
    #: Who says it; None if speakers were not asked for, or if nobody is known to speak there.
    speaker: Speaker | None = None
    #: Whether somebody else speaks as well for at least half of it.
    is_overlapped: bool = False

    @property
    def label(self) -> str | None:
        """What stands before its text: who says it, or else the name of its channel."""
        return self.speaker.label if self.speaker else self.channel

    @property
    def times_by_model(self) -> tuple[float, float]:
        """Start and end by the model's frames, also of an aligned word."""
        return self.model_times or (self.start, self.end)


@dataclass(frozen=True, slots=True)
class Update:
    """What is new in a stream since the update before; its size does not grow with the stream."""

    #: Words that will not change any more. Each word is in one update.
    final: tuple[Word, ...]
    #: The last word, if it may still grow; it is in the next update again.
    growing: tuple[Word, ...]
    #: The tokens that were emitted, language tags included.
    tokens: tuple[Token, ...]
    #: The locale of the model's last language tag, such as `ja-JP`; None if it emitted none.
    language: str | None
    #: Seconds of sound received so far.
    duration: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """The result so far, or the whole result once a session is finished."""

    words: Sequence[Word]
    #: Every emitted token in order, language tags included.
    tokens: Sequence[Token]
    #: The locale of the model's last language tag, such as `ja-JP`; None if it emitted none.
    language: str | None
    #: Seconds of sound received.
    duration: float = 0.0
    #: Who speaks when, by start and then by speaker; None if speakers were not asked for.
    turns: Sequence[Turn] | None = None

    @property
    def text(self) -> str:
        """The text of all words, which is joined at each call."""
        return join_words(self.words)

    # The formats are written with this module, so they are imported at use.

    def to_dict(self) -> dict[str, Any]:
        """Return what `json.dumps` takes: the members of the document in docs/json.md.

        Those about the file, its warnings and the model are left out: a transcript does not know
        them. Nor does it know the requested language, so `language` is None without a tag.
        """
        from nemocli.transcript.json_documents import describe_transcript

        return describe_transcript(self)

    def to_srt(self) -> str:
        """Return the subtitles of `nemocli file --format srt`."""
        from nemocli.transcript.formats import write_transcript

        return write_transcript(self, "srt")

    def to_vtt(self) -> str:
        """Return the subtitles of `nemocli file --format vtt`."""
        from nemocli.transcript.formats import write_transcript

        return write_transcript(self, "vtt")


def join_words(words: Iterable[Word]) -> str:
    """Return the text of consecutive words, with spaces where the model wrote them.

    Raises UsageError for a text, and for anything else that is no list.
    """
    if isinstance(words, str) or not isinstance(words, Iterable):
        raise UsageError(f"words takes a list of words, not {quote(words)}.")
    return "".join((" " if word.space_before else "") + word.text for word in words).strip()
