"""The thread between a source of sound and what shows the words."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nemocli.audio.level import PeakLevel
from nemocli.audio.source import LiveSource, Mark, Packet
from nemocli.boosting.phrases import Phrase
from nemocli.live.lags import Lags
from nemocli.live.stream import StreamEvent
from nemocli.transcript.events import Event, Final, Partial, Status

#: Seconds between two status events while nothing happens, and to wait for the next packet.
STATUS_INTERVAL_S, READ_TIMEOUT_S = 0.25, 0.05

#: Seconds between two events about sound that is dropped, while that goes on.
DROPPED_INTERVAL_S = 1.0

#: Seconds of sound after which it is doubted, and the share of it that gave no word at first: even
#: of single words that a model hardly knows, it is half of that.
DOUBTED_AFTER_S, DOUBTED_SHARE = 60.0, 1 / 3

#: Waiting events above which partials and regular statuses are not added.
MAX_EVENTS = 1000


@dataclass(frozen=True)
class StreamSummary:
    """A whole stream in numbers: seconds of sound, frames, lags in seconds."""

    heard: float
    dropped: float
    #: The same in frames of the source. At a normal end, all that were not dropped were processed.
    heard_frames: int
    dropped_frames: int
    #: Seconds, and frames, that a microphone did not give while it was away.
    gaps: float
    gap_frames: int
    rescued: float
    mean_lag: float
    p95_lag: float
    real_time_factor: float


class ListenedStream(Protocol):
    """A LiveStream, or one whose model is elsewhere; see there."""

    lang: str

    @property
    def is_senseless(self) -> bool: ...

    @property
    def language(self) -> str | None: ...

    @property
    def level(self) -> float: ...

    def resolve_language(self, lang: str) -> str: ...

    def warn_of_language(self, lang: str) -> str | None: ...

    def check_phrase(self, line: str) -> Phrase: ...

    def add_phrase(self, phrase: Phrase) -> None: ...

    def receive(
        self, samples: NDArray[np.float32], lost: float = 0.0
    ) -> Iterator[Partial | Final | StreamEvent]: ...

    def wait(self, seconds: float) -> Iterator[Partial | Final | StreamEvent]: ...

    def interrupt(self, gap: float = 0.0) -> Iterator[Partial | Final | StreamEvent]: ...

    def finish(self) -> Iterator[Partial | Final | StreamEvent]: ...


class EventSink(Protocol):
    """Takes the events of a listener, in its thread."""

    def put(self, event: Event, /) -> None: ...

    def qsize(self) -> int: ...


class Listener:
    """Runs a stream in a thread of its own; `events` are in their order.

    The last event is a Status of kind `ended`; an error that ended the stream early is in `error`.
    With a `sink`, the events go there instead.
    """

    def __init__(
        self, stream: ListenedStream, source: LiveSource, sink: EventSink | None = None
    ) -> None:
        self.events: SimpleQueue[Event] = SimpleQueue()
        self._sink: EventSink = sink or self.events
        self.error: Exception | None = None
        self._source = source
        self._stream = stream
        # Peak of the sound, and whether anything was recognised in it.
        self._level = PeakLevel()
        self._has_words = False
        self._orders: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._lags = Lags()
        self._busy = 0.0
        self._rescued = 0.0
        # Frames that were transcribed, and those together with the gaps between them.
        self._processed = 0
        self._passed = 0
        self._reported_at = 0.0
        self._last_sound = 0.0
        self._reported_dropped = 0
        self._dropped_reported_at = -DROPPED_INTERVAL_S
        self._is_doubted = False
        self._thread = threading.Thread(target=self._run, name="listener", daemon=True)

    def start(self) -> None:
        """Begin to take in sound; raises what the source's `start` does."""
        self._source.start()
        self._thread.start()

    def pause(self) -> None:
        """Take in no more sound; what was said so far is finished and closed."""
        self._source.pause()

    def resume(self) -> None:
        """Take in sound again, which begins something new."""
        self._source.resume()

    def close_segment(self) -> None:
        """Finish and close what was said so far; what follows begins something new."""
        self._source.mark(Mark("closed"))

    def switch(self, lang: str) -> None:
        """Switch to a language from the next chunk on; UsageError if the model does not have it."""
        tag = self._stream.resolve_language(lang)

        def switch() -> None:
            self._stream.lang = tag
            warning = self._stream.warn_of_language(tag)
            self._report("language", f"language: {tag}" + (f". {warning}" if warning else ""))

        self._order(switch)

    def add_phrase(self, line: str) -> None:
        """Prefer one more phrase from the next chunk on; UsageError if it cannot be one.

        It may have a tab and a weight behind it, as a line of a list.
        """
        phrase = self._stream.check_phrase(line)
        weight = "" if phrase.weight == 1 else f" (weight {phrase.weight:g})"

        def add() -> None:
            self._stream.add_phrase(phrase)
            self._report("phrase", f"phrase: {phrase.text}{weight}")

        self._order(add)

    def stop(self) -> None:
        """Take in no more sound; what waits is still transcribed."""
        self._source.stop()
        self._order(lambda: self._report("ending"))

    @property
    def lag(self) -> float:
        """Seconds of sound that came in and were neither transcribed nor dropped."""
        source = self._source
        return (source.heard - source.dropped - self._passed) / source.rate

    def summarize(self) -> StreamSummary:
        """Return the numbers of a stream that has ended."""
        seconds = self._processed / self._source.rate
        return StreamSummary(
            heard=self._source.heard / self._source.rate,
            dropped=self._source.dropped / self._source.rate,
            heard_frames=self._source.heard,
            dropped_frames=self._source.dropped,
            gaps=self._source.gaps / self._source.rate,
            gap_frames=self._source.gaps,
            rescued=self._rescued,
            mean_lag=self._lags.mean,
            p95_lag=self._lags.compute_percentile(95),
            real_time_factor=self._busy / seconds if seconds else 0.0,
        )

    def _order(self, order: Callable[[], None]) -> None:
        self._orders.put(order)

    def _run(self) -> None:
        self._last_sound = time.monotonic()
        try:
            if warning := self._stream.warn_of_language(self._stream.lang):
                self._report("language", warning)
            while not self._source.ended:
                self._obey()
                packet = self._source.read(READ_TIMEOUT_S)
                if packet is not None:
                    self._receive(packet)
                else:
                    self._wait()
                if time.monotonic() - self._reported_at >= STATUS_INTERVAL_S:
                    self._report("listening")
        except Exception as error:  # shown by the main thread
            self.error = error
        try:
            for happened in self._stream.finish():
                self._pass_on(happened)
        except Exception as error:
            self.error = self.error or error
        self._report_dropped()
        while warning := self._source.take_warning():
            self._report("sound", warning)
        self._report_level()
        self._report("ended")

    def _obey(self) -> None:
        while not self._orders.empty():
            self._orders.get()()

    def _wait(self) -> None:
        """Let the stream close what was said, by the clock, while no sound comes."""
        for happened in self._stream.wait(time.monotonic() - self._last_sound):
            self._pass_on(happened)

    def _receive(self, packet: Packet) -> None:
        began = time.monotonic()
        mark = packet.mark
        self._level.add(packet.samples)
        for happened in self._stream.receive(packet.samples, packet.lost / self._source.rate):
            self._pass_on(happened)
        if mark is not None:
            for happened in self._stream.interrupt(mark.gap / self._source.rate):
                self._pass_on(happened)
        self._last_sound = time.monotonic()
        self._busy += self._last_sound - began
        self._processed += packet.frames
        self._passed += packet.frames + (mark.gap if mark else 0)
        if mark is not None:
            self._report(mark.kind, mark.message)
        else:
            self._lags.add(self.lag)
        if warning := self._source.take_warning():
            self._report("sound", warning)
        if (self._stream.is_senseless or self._is_often_rescued()) and not self._is_doubted:
            self._is_doubted = True
            if self._source.doubt:
                self._report("sound", self._source.doubt)
        if time.monotonic() - self._dropped_reported_at >= DROPPED_INTERVAL_S:
            self._report_dropped()

    def _report_level(self) -> None:
        """Explain at the end why there are no words, or why some may be missing."""
        explained = self._is_doubted and self._source.doubt
        if not self._level.has_samples or self.error is not None or explained:
            return
        warning = self._level.warn_of_quiet() if self._has_words else self._level.explain_no_words()
        if warning is not None:
            self._report("sound", warning.message)

    def _is_often_rescued(self) -> bool:
        """Tell whether much of the sound was transcribed again, for lack of words."""
        seconds = self._processed / self._source.rate
        return seconds >= DOUBTED_AFTER_S and self._rescued > seconds * DOUBTED_SHARE

    def _report_dropped(self) -> None:
        dropped = self._source.dropped - self._reported_dropped
        if dropped:
            self._reported_dropped += dropped
            self._dropped_reported_at = time.monotonic()
            self._report("dropped", f"{dropped / self._source.rate:.1f} s dropped: too slow")

    def _pass_on(self, happened: Event | StreamEvent) -> None:
        if isinstance(happened, StreamEvent):
            self._rescued += happened.seconds
            self._report(happened.kind, happened.message)
            return
        self._has_words = self._has_words or isinstance(happened, Final)
        if not (isinstance(happened, Partial) and self._is_behind()):
            self._sink.put(happened)

    def _is_behind(self) -> bool:
        """Tell whether events are not taken fast enough."""
        return self._sink.qsize() > MAX_EVENTS

    def _report(self, kind: str, message: str = "") -> None:
        self._reported_at = time.monotonic()
        if kind == "listening" and self._is_behind():
            return
        rate = self._source.rate
        self._sink.put(
            Status(
                kind=kind,
                heard=self._source.heard / rate,
                dropped=self._source.dropped / rate,
                gaps=self._source.gaps / rate,
                rescued=self._rescued,
                lag=self.lag,
                level=self._stream.level,
                language=self._stream.language,
                message=message,
            )
        )
