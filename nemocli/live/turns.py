"""A live stream as turns of text that only grows: what clients of a server are sent."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nemocli.boosting.phrases import Phrases
from nemocli.live.stream import LiveStream, StreamEvent, StreamLimits
from nemocli.transcriber import Transcriber
from nemocli.transcript.events import Final, Partial
from nemocli.transcript.types import Token, Word, join_words
from nemocli.units import SAMPLE_RATE

#: Seconds of sound that are given to the stream at once where pauses end turns, so that they are
#: found where they are. Otherwise it gets all that came: chunks that are late share a call.
PACKET_S = 0.1
_PACKET = round(PACKET_S * SAMPLE_RATE)


@dataclass(frozen=True, slots=True)
class TurnStarted:
    """The first word of a turn came; it begins at second `start` of the sound."""

    start: float


@dataclass(frozen=True, slots=True)
class TurnText:
    """The text of a turn has grown by `text`, which is never empty and never taken back."""

    text: str


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """A turn is complete. `text` is that of its TurnTexts, one after another. Times in seconds."""

    text: str
    start: float
    end: float
    language: str | None
    words: tuple[Word, ...]
    #: The model's tokens, language tags included; None unless they are kept.
    tokens: tuple[Token, ...] | None = None


@dataclass(frozen=True, slots=True)
class TurnCleared:
    """The turn that was begun is forgotten: it has no end."""


TurnEvent = TurnStarted | TurnText | TurnEnded | TurnCleared


class TurnStream:
    """Sound in, turns out: what is said between two pauses, or between two calls of `end_turn`.

    With `ends_at_pauses`, the limits' `endpoint` ends a turn; otherwise only `end_turn` does, which
    treats the sound as ended, so that the text is that of a file with the same sound. Times count
    from second `begin` on.
    """

    def __init__(
        self,
        transcriber: Transcriber,
        lang: str,
        limits: StreamLimits,
        ends_at_pauses: bool,
        begin: float = 0.0,
        phrases: Phrases | None = None,
        keeps_tokens: bool = False,
    ) -> None:
        self._transcriber = transcriber
        self._limits = limits
        self._ends_at_pauses = ends_at_pauses
        self._phrases = phrases
        self._stream = LiveStream(transcriber, lang, limits, phrases=phrases)
        self._stream.keeps_tokens = keeps_tokens
        # Samples of all turns, and the second in which the sound of `_stream` began.
        self._samples = round(begin * SAMPLE_RATE)
        self._base = begin
        self._begin_turn()

    def _begin_turn(self) -> None:
        self._closes = self._stream.closes
        self._began_at = self._samples
        self._words: list[Word] = []
        self._text = ""
        self._start: float | None = None

    def receive(self, samples: NDArray[np.float32]) -> Iterator[TurnEvent]:
        """Transcribe the next samples, float32 [n] at 16 kHz."""
        size = _PACKET if self._ends_at_pauses else max(1, len(samples))
        for at in range(0, len(samples), size):
            packet = samples[at : at + size]
            self._samples += len(packet)
            yield from self._follow(self._stream.receive(packet))

    def end_turn(self) -> Iterator[TurnEvent]:
        """End the sound so far; sound that follows begins anew. A turn without words ends too."""
        yield from self._follow(self._stream.finish(), ends=True)
        yield from self._end()
        self._restart()

    def wait(self, seconds: float) -> Iterator[TurnEvent]:
        """End a turn if no sound has come for so long; see `LiveStream.wait`."""
        if self._ends_at_pauses:
            yield from self._follow(self._stream.wait(seconds))

    def switch(self, lang: str) -> None:
        """Switch to a language from the next chunk on; UsageError if the model lacks it."""
        self._stream.lang = lang

    def set_endpoint(self, seconds: float) -> None:
        """End turns by another pause from now on, the one that was begun included."""
        self._limits = replace(self._limits, endpoint=seconds)
        self._stream.set_endpoint(seconds)

    def prefer(self, phrases: Phrases) -> None:
        """Prefer other phrases from the next chunk on."""
        self._phrases = phrases
        self._stream.prefer(phrases)

    def keep_tokens(self, keeps_tokens: bool) -> None:
        """Keep the tokens of turns from now on, or no longer."""
        self._stream.keeps_tokens = keeps_tokens

    def clear(self) -> Iterator[TurnEvent]:
        """Forget the turn that was begun; sound that follows begins anew."""
        self._restart()
        yield TurnCleared()

    def _restart(self) -> None:
        before = self._stream
        self._stream = LiveStream(
            self._transcriber, before.lang, self._limits, phrases=self._phrases
        )
        self._stream.keeps_tokens = before.keeps_tokens
        self._base = self.seconds
        self._begin_turn()

    @property
    def seconds(self) -> float:
        """Seconds of sound received, those of earlier turns included."""
        return self._samples / SAMPLE_RATE

    @property
    def has_sound(self) -> bool:
        """Whether sound came since the last turn ended."""
        return self._samples > self._began_at

    @property
    def frames(self) -> int:
        """The number of encoder frames of this session that are decoded; a reset begins anew."""
        return self._stream.frames

    @property
    def samples_to_chunk(self) -> int:
        """The number of samples that complete the next chunk: only these can give new words."""
        return self._stream.samples_to_chunk

    def _follow(
        self, events: Iterable[Partial | Final | StreamEvent], ends: bool = False
    ) -> Iterator[TurnEvent]:
        """Turn the stream's events into those of turns; `ends` says that the caller ends it."""
        growing: tuple[Word, ...] = ()
        for event in events:
            if not ends and self._is_at_pause():
                yield from self._end()
            if isinstance(event, Partial):
                growing = event.segment.words
            elif isinstance(event, Final):
                self._words += event.segment.words
                growing = ()
            else:
                continue
            yield from self._grow((*self._words, *growing))
        if not ends and self._is_at_pause():
            yield from self._end()

    def _is_at_pause(self) -> bool:
        if self._stream.closes == self._closes:
            return False
        self._closes = self._stream.closes
        return self._ends_at_pauses and self._start is not None

    def _grow(self, words: tuple[Word, ...]) -> Iterator[TurnEvent]:
        text = join_words(words)
        # Words grow at their ends and are never taken back, so this is always the case but for a
        # shorter text in between, which is waited out.
        if len(text) <= len(self._text) or not text.startswith(self._text):
            return
        if self._start is None:
            self._start = self._base + words[0].start
            yield TurnStarted(self._start)
        added, self._text = text[len(self._text) :], text
        yield TurnText(added)

    def _end(self) -> Iterator[TurnEvent]:
        words = tuple(_shift(word, self._base) for word in self._words)
        start = self.seconds if self._start is None else self._start
        end = words[-1].end if words else self.seconds
        tokens = self._stream.take_tokens() if self._stream.keeps_tokens else None
        yield TurnEnded(self._text, start, max(start, end), self._stream.language, words, tokens)
        self._begin_turn()


def _shift(word: Word, seconds: float) -> Word:
    """Return a word with times that are later by so much."""
    if not seconds:
        return word
    first, last = word.times_by_model
    by_model = (round(first + seconds, 3), round(last + seconds, 3))
    start, end = round(word.start + seconds, 3), round(word.end + seconds, 3)
    model_times = None if word.model_times is None else by_model
    return replace(word, start=start, end=end, model_times=model_times)
