"""Plain data for results: tokens, words, and the transcript of a stream."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nemocli.units import FRAME_SECONDS

#: A language tag among the tokens, such as `<ja-JP>`.
LANGUAGE_TAG = re.compile(r"<([a-z]{2,3}-[A-Z]{2})>")


@dataclass(frozen=True, slots=True)
class Token:
    """One emitted symbol. `frame` counts encoder frames of 80 ms from the start of the stream."""

    id: int
    piece: str
    frame: int
    #: Softmax of the joint's logit for this symbol, 0 to 1.
    confidence: float
    #: Where it was said, if channels are transcribed each by itself, such as `left`.
    channel: str | None = None

    @property
    def time(self) -> float:
        """Seconds from the start of the stream to the start of the token's encoder frame."""
        return round(self.frame * FRAME_SECONDS, 2)

    @property
    def language(self) -> str | None:
        """The locale that this token names, such as `ja-JP`; None if it is no language tag."""
        tag = LANGUAGE_TAG.fullmatch(self.piece)
        return tag[1] if tag else None


@dataclass(frozen=True, slots=True)
class Word:
    """Text between spaces; in scripts without spaces, one token's characters. Times in seconds."""

    text: str
    start: float
    end: float
    #: The least confident of the word's tokens.
    confidence: float
    #: Whether a space stands before the word when the text is put together.
    space_before: bool = True
    #: Where it was said, if channels are transcribed each by itself, such as `left`.
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """What is new in a stream since the update before; it does not grow with the stream."""

    #: Words that will not change any more. Each word is in one update.
    final: tuple[Word, ...]
    #: What may still grow: the last word, if one has begun. The next update has it anew.
    growing: tuple[Word, ...]
    #: The symbols that were emitted, language tags included.
    tokens: tuple[Token, ...]
    #: The most recent language tag the model emitted, such as `ja-JP`; None if it emitted none.
    language: str | None
    #: Seconds of sound received so far.
    duration: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """The result so far, or the whole result once a session is finished."""

    words: Sequence[Word]
    #: Every emitted symbol in order, language tags included.
    tokens: Sequence[Token]
    #: The most recent language tag the model emitted, such as `ja-JP`; None if it emitted none.
    language: str | None
    #: Seconds of sound received.
    duration: float = 0.0

    @property
    def text(self) -> str:
        """The words put together, at a cost that grows with their number."""
        return join_words(self.words)


def join_words(words: Iterable[Word]) -> str:
    """The text of consecutive words, with spaces where the model wrote them."""
    return "".join((" " if word.space_before else "") + word.text for word in words).strip()
