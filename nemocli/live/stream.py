"""Words as events: segments that grow and are closed, and a model that is kept awake."""

import unicodedata
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nemocli.boosting.phrases import Phrase, Phrases, parse_line
from nemocli.engine.languages import AUTO_LANGUAGE
from nemocli.engine.session import Session
from nemocli.errors import UsageError
from nemocli.live.clock import SoundClock
from nemocli.live.loudness import Loudness
from nemocli.live.spans import Allowance, Span, SpanFinder
from nemocli.transcriber import Transcriber
from nemocli.transcript.alignment import Align
from nemocli.transcript.events import Final, Partial
from nemocli.transcript.segments import Segment, Segmenter, end_with_sentence
from nemocli.transcript.types import Token, Transcript, Update, Word
from nemocli.units import FRAME_SECONDS, SAMPLE_RATE

#: Without quiet around it, as in music, a run of blanks must be this many times as long.
NOISY_FACTOR = 3.0

#: Seconds of sound that are kept for a rescue at most.
MAX_RESCUE_S = 30.0

#: After a rescue, the next one waits this many times as long, up to a limit, until a word comes
#: without one.
RESCUE_BACKOFF, MAX_RESCUE_WAIT_S = 2.0, 300.0

#: Seconds as loud as speech, from the beginning, without a word: perhaps it is no sound at all.
SENSELESS_AFTER_S = 20.0

#: Seconds for which a pipe that brings sound in bursts may be silent in the middle of a word.
MAX_BURST_GAP_S = 15.0

#: Seconds after its sound in which the last token of a sentence comes.
MAX_TOKEN_DELAY_S = 0.4

#: Seconds before the last token in which the next word may begin, if it is aligned.
MAX_ALIGNED_S = 4.0

#: Silence for the model behind sound that was cut off: without it, the last word may not come.
CUT_SILENCE_S = 0.56

#: Seconds of quiet, decoded without a word, after which a span without one is transcribed again.
SPAN_PAUSE_S = 0.64

#: Seconds before a span in which its first token may come, and seconds of quiet given before it.
EARLY_TOKEN_S, BEFORE_SPAN_S = 0.16, 0.5


@dataclass(frozen=True)
class StreamLimits:
    """Seconds after which the stream does something; 0 means never, except for `endpoint`."""

    #: Blanks, in a quiet place, that close a segment; half of it after the end of a sentence.
    endpoint: float = 0.8
    #: True silence after which encoder and decoder begin anew.
    reset: float = 30.0
    #: Sound as loud as speech without a token, after which they do so and are given it once more.
    rescue: float = 8.0
    #: A span between pauses, as loud as speech, that gave no word: it is transcribed once more.
    #: Without `rescue`, there are no such rescues either.
    shortest_span: float = 0.3


@dataclass(frozen=True)
class StreamEvent:
    """Something that the stream did; in a rescue, `seconds` of sound were decoded again."""

    kind: str
    seconds: float
    message: str


class LiveStream:
    """Sound in, events out. Times in events are seconds of the sound's clock.

    A segment is closed by a pause, not by a reset: encoder and decoder carry on. Memory is constant
    however long the stream. `align` and `phrases` are as for `Transcriber.session`; a reset and a
    rescue forget a phrase that has begun.
    """

    def __init__(
        self,
        transcriber: Transcriber,
        lang: str,
        limits: StreamLimits,
        align: Align = None,
        phrases: Phrases | None = None,
    ) -> None:
        self._transcriber = transcriber
        self._align = align
        self._phrases = phrases
        self._lang = transcriber.resolve_language(lang)
        self._limits = limits
        self._segmenter = Segmenter()
        self._next_id = 0
        self._shown: tuple[Word, ...] = ()
        self._loudness = Loudness()
        self._spans = SpanFinder()
        self._allowance = Allowance()
        self._patience = limits.rescue
        self._had_word = False
        #: How often a span was transcribed once more, also where it gave no word then either.
        self.span_attempts = 0
        #: How often what was said was closed: by a pause, a reset, an interruption or the end.
        self.closes = 0
        #: Whether tokens are kept for `take_tokens`, from now on.
        self.keeps_tokens = False
        # Those since what was said was closed last, and those before.
        self._open_tokens: list[Token] = []
        self._closed_tokens: list[Token] = []
        self._begin(0.0)

    @property
    def lang(self) -> str:
        """The requested language; a new one takes effect with the next chunk."""
        return self._lang

    @lang.setter
    def lang(self, requested: str) -> None:
        self._lang = self._session.lang = self._transcriber.resolve_language(requested)

    def resolve_language(self, lang: str) -> str:
        """Return the locale that `lang` stands for, or `auto`. UsageError if it is unknown."""
        return self._transcriber.resolve_language(lang)

    def warn_of_language(self, lang: str) -> str | None:
        """Return a sentence about a language that needs adaptation; see `Transcriber`."""
        return self._transcriber.warn_of_language(lang)

    def check_phrase(self, line: str) -> Phrase:
        """Return a phrase, perhaps with a tab and its weight, as it would be added.

        UsageError for a text that cannot be one, or cannot be written. Another thread may call it.
        """
        phrase = parse_line(line)
        if self._transcriber.find_unspelled([phrase.text]):
            raise UsageError(f"The model has no pieces to write {phrase.text!r}.")
        return phrase

    def add_phrase(self, phrase: Phrase) -> None:
        """Prefer one more phrase from the next chunk on."""
        self.prefer((self._phrases or Phrases(())).adding([phrase]))

    def set_endpoint(self, seconds: float) -> None:
        """Close segments after another pause from now on; the session carries on."""
        self._limits = replace(self._limits, endpoint=seconds)

    def prefer(self, phrases: Phrases) -> None:
        """Prefer other phrases from the next chunk on."""
        self._phrases = self._session.phrases = phrases

    @property
    def language(self) -> str | None:
        """The requested language, or the one that was recognized last if that is `auto`."""
        return self._last_language if self._lang == AUTO_LANGUAGE else self._lang

    @property
    def frames(self) -> int:
        """The number of encoder frames that the session has decoded; a reset begins anew."""
        return self._session.frames

    @property
    def samples_to_chunk(self) -> int:
        """The number of samples that complete the session's next chunk."""
        return self._session.samples_to_chunk

    @property
    def level(self) -> float:
        """Level of the last sound, in dB of full scale."""
        return self._loudness.level

    @property
    def is_senseless(self) -> bool:
        """Whether there was never a word in sound as loud as speech, for long enough."""
        return not self._had_word and self._loudness.all_loud >= SENSELESS_AFTER_S

    def receive(
        self, samples: NDArray[np.float32], lost: float = 0.0
    ) -> Iterator[Partial | Final | StreamEvent]:
        """Transcribe the next samples, float32 [n] at 16 kHz; `lost` seconds are missing before."""
        if lost:
            self._clock.skip(self._position, lost)
            self._kept.clear()
            self._kept_from = self._fed
            self._spans.forget()
        self._spans.add(self._loudness.measure(samples))
        self._allowance.pass_time(len(samples) / SAMPLE_RATE)
        yield from self._feed(samples)
        if self._is_wedged():
            yield from self._rescue()
        elif span := self._find_lost_span():
            yield from self._rescue_span(span)
        elif self._is_silent():
            yield from self._reset()
        elif self._is_pause():
            yield from self._close()

    def wait(self, seconds: float) -> Iterator[Partial | Final | StreamEvent]:
        """Close what was said if no sound has come for so long: `seconds`, by the clock.

        A sound that breaks off while someone speaks goes on, as bursts over a network do; only
        after MAX_BURST_GAP_S is it taken for ended.
        """
        undecided = self._position - self._session.frames * FRAME_SECONDS
        holds_speech = undecided > 0 and self._loudness.quiet < undecided + MAX_TOKEN_DELAY_S
        words = self._shown
        if not words and not holds_speech:
            return
        is_sentence = not holds_speech and end_with_sentence(words)
        needed = self._limits.endpoint / (2 if is_sentence else 1)
        if self._loudness.quiet < FRAME_SECONDS:
            needed = MAX_BURST_GAP_S
        if seconds >= needed:
            # The end of the sound that came is decoded only if the session is finished.
            yield from self._reset() if holds_speech else self._close()

    def interrupt(self, gap: float = 0.0) -> Iterator[Partial | Final | StreamEvent]:
        """End what was said; sound that follows belongs to something else.

        `gap` seconds are missing between the two.
        """
        if self._fed:
            # It is behind the sound, so `_position`, which no word exceeds, stays.
            update = self._session.feed_silence(round(CUT_SILENCE_S * SAMPLE_RATE))
            self._note(update)
            yield from self._make_finals(update.final)
            yield from self.finish()
        if self._fed or gap:
            self._begin(self._clock.locate_exactly(self._position) + gap)
            self._loudness.restart()

    def finish(self) -> Iterator[Partial | Final | StreamEvent]:
        """End the sound: what is left becomes final, even if the model fails at the end."""
        try:
            self._note(self._session.finish())
        finally:
            yield from self._close()
        if span := self._find_lost_span(is_ended=True):
            yield from self._rescue_span(span)

    def _begin(self, base: float, session: Session | None = None) -> None:
        """Begin a session for the sound from second `base` on."""
        self._session = session or self._open_session()
        self._clock = SoundClock(base)
        self._position = 0.0
        self._fed = 0
        self._kept: deque[NDArray[np.float32]] = deque()
        self._kept_from = 0
        self._token_frame: int | None = None
        # Frame of the last token that writes a letter or digit.
        self._word_frame: int | None = None
        self._last_language: str | None = None
        self._spans.restart()

    def _open_session(self) -> Session:
        return self._transcriber.session(
            self._lang, align=self._align, phrases=self._phrases, keep_transcript=False
        )

    def _feed(self, samples: NDArray[np.float32]) -> Iterator[Final | Partial]:
        self._kept.append(samples)
        self._fed += len(samples)
        self._position = self._fed / SAMPLE_RATE
        update = self._session.feed(samples)
        self._note(update)
        if self._session.last_token_frame != self._token_frame:
            self._token_frame = self._session.last_token_frame
            self._had_word = True
            self._loudness.restart()
            self._patience = self._limits.rescue
        self._drop_kept()
        yield from self._make_finals(update.final)
        for word in update.growing:
            for group in self._segmenter.end_before(self._place_on_clock(word)):
                yield self._make_final(group)
        yield from self._make_partial(update.growing)

    def _note(self, update: Update | Transcript) -> None:
        self._last_language = update.language or self._last_language
        for token in update.tokens:
            if token.language is None and any(map(str.isalnum, token.piece)):
                self._word_frame = token.frame
        if self.keeps_tokens:
            self._open_tokens += update.tokens

    def take_tokens(self) -> tuple[Token, ...]:
        """Return the tokens of what was closed, each once."""
        tokens, self._closed_tokens = tuple(self._closed_tokens), []
        return tokens

    def _find_token_end(self) -> float:
        return 0.0 if self._token_frame is None else (self._token_frame + 1) * FRAME_SECONDS

    def _drop_kept(self) -> None:
        """Keep for rescues what came after the last token or belongs to a span, up to a limit."""
        span = self._spans.span
        begin = self._position - BEFORE_SPAN_S if span is None else span.begin - BEFORE_SPAN_S
        begin = max(min(begin, self._find_token_end()), self._position - MAX_RESCUE_S)
        excess = round(SAMPLE_RATE * begin) - self._kept_from
        while self._kept and excess > 0:
            first = self._kept.popleft()
            if len(first) > excess:
                self._kept.appendleft(first[excess:])
            self._kept_from += min(excess, len(first))
            excess -= min(excess, len(first))

    def _join_kept(self, begin: float) -> NDArray[np.float32]:
        """Return the sound from a second of the session on, as far as it is kept."""
        skipped = max(0, round(SAMPLE_RATE * begin) - self._kept_from)
        return np.concatenate([np.zeros(0, np.float32), *self._kept])[skipped:]

    def _make_finals(self, words: Iterable[Word]) -> Iterator[Final]:
        for word in words:
            if self._may_follow(word):
                for group in self._segmenter.push(self._place_on_clock(word)):
                    yield self._make_final(group)

    def _make_final(self, words: Iterable[Word]) -> Final:
        segment = Segment(self._next_id, tuple(words), self.language)
        self._next_id += 1
        self._shown = ()
        return Final(segment, self.language)

    def _make_partial(self, growing: Iterable[Word]) -> Iterator[Partial]:
        grown = (self._place_on_clock(word) for word in growing if self._may_follow(word))
        words = (*self._segmenter.pending, *grown)
        if words != self._shown:
            self._shown = words
            if words:
                yield Partial(Segment(self._next_id, words, self.language), self.language)

    def _may_follow(self, word: Word) -> bool:
        """Return False for punctuation that comes late: it would begin the next segment."""
        return bool(self._segmenter.pending) or not _is_punctuation(word.text)

    def _place_on_clock(self, word: Word) -> Word:
        # The last frame of a session is whole, also where its sound ends within it.
        first, last = word.times_by_model
        by_model = (
            self._clock.locate(min(first, self._position)),
            self._clock.locate(min(last, self._position)),
        )
        if word.model_times is None:
            return replace(word, start=by_model[0], end=by_model[1])
        start, end = self._clock.locate(word.start), self._clock.locate_end(word.end)
        return replace(word, start=start, end=end, model_times=by_model)

    def _close(self) -> Iterator[Final]:
        """Make a segment of the words so far, the one that still grows among them."""
        yield from self._make_finals(self._session.flush().final)
        for group in self._segmenter.flush():
            yield self._make_final(group)
        self._count_close()
        if self._token_frame is not None:
            self._clock.forget(self._token_frame * FRAME_SECONDS - MAX_ALIGNED_S)

    def _count_close(self) -> None:
        self.closes += 1
        self._closed_tokens += self._open_tokens
        self._open_tokens = []

    def _is_pause(self) -> bool:
        words = self._shown
        if not words or self._token_frame is None:
            return False
        needed = self._limits.endpoint / (2 if end_with_sentence(words) else 1)
        blanks = (self._session.frames - 1 - self._token_frame) * FRAME_SECONDS
        if blanks >= needed and self._loudness.quiet >= needed / 2:
            return True
        return blanks >= NOISY_FACTOR * needed

    def _measure_since_token(self) -> float:
        """Return seconds of this session since the last token, or since its beginning."""
        return self._position - self._find_token_end()

    def _is_silent(self) -> bool:
        quiet = min(self._loudness.quiet, self._measure_since_token())
        return 0 < self._limits.reset <= quiet

    def _reset(self) -> Iterator[Partial | Final | StreamEvent]:
        """Begin anew in silence, where nothing is lost by it.

        Models of this kind were seen to wedge after long silence, and to lose their punctuation in
        long sessions.
        """
        had_token = self._token_frame is not None
        yield from self.finish()
        self._begin(self._clock.locate_exactly(self._position))
        if had_token:
            yield StreamEvent("reset", 0.0, "")

    def _is_wedged(self) -> bool:
        return 0 < self._patience <= self._loudness.loud

    def _rescue(self) -> Iterator[Partial | Final | StreamEvent]:
        """Begin anew, and transcribe once more what came since the last token.

        Resetting only the encoder or only the decoder was seen to make it worse.
        """
        yield from self._close()
        begin = max(self._find_token_end(), self._kept_from / SAMPLE_RATE)
        sound = self._join_kept(begin)
        patience = min(self._patience * RESCUE_BACKOFF, MAX_RESCUE_WAIT_S)
        self._begin(self._clock.locate_exactly(begin))
        self._loudness.restart()
        events = list(self._feed(sound))
        self._spans.restart(self._position)
        self._patience = patience  # also if there are words: a fresh model invents some in noise
        if self._token_frame is None:
            return
        seconds = len(sound) / SAMPLE_RATE
        yield StreamEvent("rescued", seconds, f"{seconds:.0f} s were heard once more")
        yield from events

    def _find_lost_span(self, is_ended: bool = False) -> Span | None:
        """Return a span that gave no word and may be transcribed once more; forget it if decided.

        It is decided when the session has decoded the pause behind it, or at the end of the sound.
        """
        span = self._spans.span
        if span is None:
            return None
        decoded = min(self._position, self._session.frames * FRAME_SECONDS)
        if decoded < span.end + SPAN_PAUSE_S and not is_ended:
            return None
        self._spans.forget()
        word_end = -1.0 if self._word_frame is None else (self._word_frame + 1) * FRAME_SECONDS
        if word_end > span.begin - EARLY_TOKEN_S:
            self._allowance.note_span(has_word=True)
            return None
        if not 0 < self._limits.shortest_span <= span.seconds:
            return None
        self._allowance.note_span(has_word=False)
        return span if self._limits.rescue and self._allowance.take() else None

    def _rescue_span(self, span: Span) -> Iterator[Partial | Final | StreamEvent]:
        """Transcribe a span by a new session; if that writes words, it takes the old one's place.

        Sound behind the span is quiet, so nothing is lost by beginning anew there, and no word can
        come twice.
        """
        self.span_attempts += 1
        begin = max(0.0, span.begin - min(span.quiet_before, BEFORE_SPAN_S))
        sound, position = self._join_kept(begin), self._position
        session = self._open_session()
        updates = [session.feed(sound)]
        if position - span.end < CUT_SILENCE_S:
            updates.append(session.feed_silence(round(CUT_SILENCE_S * SAMPLE_RATE)))
        last = session.finish()
        words = [*(word for update in updates for word in update.final), *last.words]
        if all(_is_punctuation(word.text) for word in words):
            return
        yield from self._close()
        end = self._clock.locate_exactly(position)
        self._begin(self._clock.locate_exactly(begin), session)
        self._position = position - begin
        for update in updates:
            self._note(update)
        self._note(last)
        self._had_word = True
        self._loudness.restart()
        yield StreamEvent("rescued", len(sound) / SAMPLE_RATE, "")
        yield from self._make_finals(words)
        for group in self._segmenter.flush():
            yield self._make_final(group)
        self._count_close()
        language = self._last_language
        self._begin(end)
        self._last_language = language


def _is_punctuation(text: str) -> bool:
    return all(unicodedata.category(character)[0] == "P" for character in text)
