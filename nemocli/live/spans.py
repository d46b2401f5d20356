"""Spans as loud as speech between pauses, and how many of them may be transcribed once more."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from nemocli.live.loudness import ABOVE_FLOOR, LOWEST_FLOOR, QUIETEST_SPEECH
from nemocli.units import FRAME_SECONDS

#: Frames in which the quietest one is the noise of the place: two seconds.
FLOOR_FRAMES = 25

#: Seconds of a span at most: longer sound without a word is the case of `StreamLimits.rescue`.
MAX_SPAN_S = 10.0

#: Attempts that are there at the start, that each second of sound adds, and that are saved up of
#: these at most.
FIRST_ATTEMPTS, PER_SECOND, MAX_BY_TIME = 3.0, 1 / 150, 6.0

#: Attempts that a span with a word adds, that one without takes away, and that are saved up of them
#: at most. The demo writes words in two of three spans of speech, and in three of ten of noise.
PER_SPOKEN_SPAN, PER_SILENT_SPAN, MAX_BY_WORDS = 0.75, 0.5, 10.0


@dataclass(frozen=True, slots=True)
class Span:
    """Loud frames and the shorter pauses between them; seconds of the session."""

    begin: float
    end: float
    #: Seconds before `begin` that are known to be quiet.
    quiet_before: float

    @property
    def seconds(self) -> float:
        return self.end - self.begin


class SpanFinder:
    """Finds spans, one after the other, in the levels of frames of 80 ms.

    Loud is what stands out from the quietest of the last two seconds, so that steady noise is not,
    however short it has been there; within a span, from the quietest before it too, so that a
    steady sound does not end it. A span that becomes too long is forgotten.
    """

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=FLOOR_FRAMES)
        self.restart()

    def restart(self, position: float = 0.0) -> None:
        """Count positions from that second of a session on; a span that grows is forgotten."""
        self._frames = self._quiet_from = self._end = round(position / FRAME_SECONDS)
        self._begin: int | None = None
        self._floor_before = 0.0

    def add(self, levels: Iterable[float]) -> None:
        """Take the levels of the next frames, in dB of full scale."""
        for level in levels:
            floor = min(self._recent, default=level)
            if self._begin is None:
                self._floor_before = floor
            floor = max(min(floor, level, self._floor_before), LOWEST_FLOOR)
            self._recent.append(level)
            self._frames += 1
            if level > max(floor + ABOVE_FLOOR, QUIETEST_SPEECH):
                if self._begin is None:
                    self._begin = self._frames - 1
                self._end = self._frames
            span = self.span
            if span is not None and span.seconds > MAX_SPAN_S:
                self.forget()

    @property
    def span(self) -> Span | None:
        """The span since the last call of `forget`; it grows if sound becomes loud again."""
        if self._begin is None:
            return None
        quiet = (self._begin - self._quiet_from) * FRAME_SECONDS
        return Span(self._begin * FRAME_SECONDS, self._end * FRAME_SECONDS, quiet)

    def forget(self) -> None:
        """Forget the span: what becomes loud from now on is another one."""
        if self._begin is not None:
            self._begin, self._quiet_from = None, self._end


class Allowance:
    """Bounds how often spans are transcribed once more, whatever the sound is.

    Attempts are saved up by time, and by spans in which the model writes words: often where people
    speak, and seldom in noise and music, even if the model invents words there now and then.
    """

    def __init__(self) -> None:
        self._by_time, self._by_words = FIRST_ATTEMPTS, 0.0

    def pass_time(self, seconds: float) -> None:
        """Save up for seconds of sound."""
        self._by_time = min(MAX_BY_TIME, self._by_time + seconds * PER_SECOND)

    def note_span(self, has_word: bool) -> None:
        """Save up for a span in which the model wrote a word, or lose something for another."""
        change = PER_SPOKEN_SPAN if has_word else -PER_SILENT_SPAN
        self._by_words = min(max(0.0, self._by_words + change), MAX_BY_WORDS)

    def take(self) -> bool:
        """Return whether there is enough for one attempt, which is then taken away."""
        if self._by_words >= 1:
            self._by_words -= 1
            return True
        if self._by_time >= 1:
            self._by_time -= 1
            return True
        return False
