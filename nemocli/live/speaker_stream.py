"""A live stream whose finals have speakers."""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from nemocli.boosting.phrases import Phrase
from nemocli.diarization.turns import ROWS_PER_SECOND
from nemocli.diarization.words import MAX_DISTANCE_S, WordSpeakers
from nemocli.live.listener import ListenedStream
from nemocli.live.speaker_rows import SpeakerRows
from nemocli.live.stream import StreamEvent
from nemocli.transcript.events import Final, Partial
from nemocli.transcript.segments import Segment
from nemocli.transcript.speakers import make_speakers
from nemocli.transcript.types import Word
from nemocli.units import SAMPLE_RATE

#: Seconds without any sound after which all sound so far is decided without what follows.
PAD_AFTER_S = 0.5

#: Seconds of rows before and behind words that are looked at.
_MARGIN_S = MAX_DISTANCE_S + 1.0


class SpeakerLiveStream:
    """Holds the finals of a stream until it is decided who said their words.

    Meanwhile they are shown as a partial, which never has speakers, together with the words that
    still change. Then each becomes a final for each speaker in it.
    """

    def __init__(
        self,
        stream: ListenedStream,
        rows: SpeakerRows,
        names: tuple[str, ...] = (),
        word_delay_s: float = 0.0,
    ) -> None:
        self._stream, self._rows = stream, rows
        self._words = WordSpeakers(make_speakers(rows.speakers, names), word_delay_s)
        self._word_delay_s = word_delay_s
        self._clock = 0.0
        self._held: deque[Final] = deque()
        self._growing: Partial | None = None
        self._next_id = 0
        # The words of the last partial; empty if there is none since the last final.
        self._shown: tuple[Word, ...] = ()
        # What was said of sound that has no speakers.
        self._left_out = 0.0
        self._has_reported_error = False

    @property
    def lang(self) -> str:
        """The requested language; a new one takes effect with the next chunk."""
        return self._stream.lang

    @lang.setter
    def lang(self, requested: str) -> None:
        self._stream.lang = requested

    @property
    def is_senseless(self) -> bool:
        """Whether there was never a word in sound as loud as speech, for long enough."""
        return self._stream.is_senseless

    @property
    def language(self) -> str | None:
        """The requested language, or the one that was recognized last if that is `auto`."""
        return self._stream.language

    @property
    def level(self) -> float:
        """Level of the last sound, in dB of full scale."""
        return self._stream.level

    def resolve_language(self, lang: str) -> str:
        """Return the locale that `lang` stands for, or `auto`. UsageError if it is unknown."""
        return self._stream.resolve_language(lang)

    def warn_of_language(self, lang: str) -> str | None:
        """Return a sentence if the model's card lists a language as one that needs adaptation."""
        return self._stream.warn_of_language(lang)

    def check_phrase(self, line: str) -> Phrase:
        """Return a phrase as it would be added. UsageError for a text that cannot be one."""
        return self._stream.check_phrase(line)

    def add_phrase(self, phrase: Phrase) -> None:
        """Prefer one more phrase from the next chunk on."""
        self._stream.add_phrase(phrase)

    def receive(
        self, samples: NDArray[np.float32], lost: float = 0.0
    ) -> Iterator[Partial | Final | StreamEvent]:
        """Transcribe the next samples, float32 [n] at 16 kHz; `lost` seconds are missing before."""
        self._clock += lost
        self._rows.push(samples, self._clock)
        self._clock += len(samples) / SAMPLE_RATE
        yield from self._take(self._stream.receive(samples, lost))

    def wait(self, seconds: float) -> Iterator[Partial | Final | StreamEvent]:
        """Close what was said if no sound has come for so long: `seconds`, by the clock."""
        if self._held and seconds >= PAD_AFTER_S:
            self._rows.pad()
        yield from self._take(self._stream.wait(seconds))

    def interrupt(self, gap: float = 0.0) -> Iterator[Partial | Final | StreamEvent]:
        """End what was said; `gap` seconds are missing between it and the sound that follows."""
        yield from self._take(self._stream.interrupt(gap))
        self._clock += gap
        self._rows.pad()

    def finish(self) -> Iterator[Partial | Final | StreamEvent]:
        """End the sound, and wait until it is decided who spoke."""
        try:
            yield from self._take(self._stream.finish())
        finally:
            self._rows.end()
            self._growing = None
            yield from self._release()

    def _take(
        self, events: Iterable[Partial | Final | StreamEvent]
    ) -> Iterator[Partial | Final | StreamEvent]:
        """Pass events on, but hold finals."""
        for event in events:
            if isinstance(event, Final):
                self._held.append(event)
                self._growing = None
            elif isinstance(event, Partial):
                self._growing = event
            else:
                yield event
        yield from self._release()
        yield from self._report()

    def _release(self) -> Iterator[Partial | Final]:
        """Give the finals that are decided, and a partial of all other words if that is new."""
        while self._held and self._rows.has_decided(self._held[0].segment.end + MAX_DISTANCE_S):
            yield from self._assign(self._held.popleft())
        waiting = [word for final in self._held for word in final.segment.words]
        last: Final | Partial | None = self._held[-1] if self._held else None
        if self._growing is not None:
            waiting += self._growing.segment.words
            last = self._growing
        if last is not None and self._shown != (words := tuple(waiting)):
            self._shown = words
            segment = Segment(self._next_id, words, last.segment.language)
            yield Partial(segment, last.language)

    def _assign(self, final: Final) -> Iterator[Final]:
        """Give a final for each speaker of a segment, in the order of its words."""
        segment = final.segment
        begin = max(0.0, segment.start - self._word_delay_s - _MARGIN_S)
        first = round(begin * ROWS_PER_SECOND)
        count = round((segment.end + _MARGIN_S) * ROWS_PER_SECOND) - first
        words = self._words.assign(segment.words, self._rows.take(first, count), first)
        for _, said in groupby(words, lambda word: word.speaker):
            yield Final(Segment(self._next_id, tuple(said), segment.language), final.language)
            self._next_id += 1
            self._shown = ()

    def _report(self) -> Iterator[StreamEvent]:
        """Say once what ended the finding of speakers, and each time that sound was left out."""
        rows = self._rows
        if rows.error is not None:
            if not self._has_reported_error:
                self._has_reported_error = True
                yield StreamEvent("speakers", 0.0, f"words have no speaker any more: {rows.error}")
            return
        if rows.left_out and not self._left_out:
            yield StreamEvent(
                "speakers", 0.0, "too slow to find all speakers: some words have none"
            )
        self._left_out = rows.left_out
