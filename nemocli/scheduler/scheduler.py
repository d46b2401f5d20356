"""The scheduler: the one thread that calls a loaded model, for all its streams and files.

Chunks of live streams that wait at the same time go through the model in one call, which costs
little more than a call for one of them. Files get what is left, in slices: a live stream never
waits for more than one slice.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from nemocli.closing import Closing
from nemocli.engine.recognizer import Recognizer
from nemocli.engine.stream import Stream, advance_now
from nemocli.errors import NemocliError
from nemocli.scheduler.costs import CallCost, CallCosts
from nemocli.scheduler.requests import Call, Request, choose_call
from nemocli.scheduler.statistics import SchedulerStatistics
from nemocli.units import FRAME_SECONDS

#: The most live streams at once, whatever is measured.
MAX_LIVE_STREAMS = 64

#: The most encoder frames in a call for files while no stream is live, and of one file in it.
MAX_FRAMES = 256

#: Seconds that a slice of files may take while there are live streams.
SLICE_S = 0.1

#: Seconds after its last chunk in which a stream counts as live, so that files are sliced.
LIVE_FOR_S = 2.0

#: Seconds after which a slice of files goes first, so that they do not wait for ever.
MAX_FILE_WAIT_S = 1.0

#: Seconds without a call after which memory that streams no longer need is given back.
TRIM_AFTER_S = 1.0

#: Live streams in the calls that are measured at the start.
MEASURED_STREAMS = (1, 8)

#: Seconds after which a client that was refused should try again.
RETRY_AFTER_S = 5


class BusyError(NemocliError):
    """This machine cannot serve another stream in time; try again later."""

    retry_after_s = RETRY_AFTER_S


class Scheduler(Closing):
    """Calls the model of a recognizer in a thread of its own, until it is closed.

    While it runs, `advance` of nemocli/engine/stream.py passes everything on to it, from any
    thread: sessions and files need not know of it. `max_streams` limits the live streams; None
    allows as many as this machine serves in time, by what calls cost.
    """

    def __init__(self, recognizer: Recognizer, max_streams: int | None = None) -> None:
        self.statistics = SchedulerStatistics()
        self._recognizer = recognizer
        self._max_streams = max_streams
        self._chunk = recognizer.runtime.lookahead + 1
        self._costs = CallCosts()
        self._changed = threading.Condition()
        self._live: deque[Request] = deque()
        self._files: deque[Request] = deque()
        # Requests that are finished, and whose callers do not know it yet.
        self._finished: deque[tuple[Request, BaseException | None]] = deque()
        self._places = 0
        self._last_live_at = -math.inf
        self._last_file_at = time.monotonic()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)
        self._thread.start()
        recognizer.scheduler = self

    # ------------------------------------------------------------------------- called by any thread

    def advance(self, streams: Sequence[Stream], chunks: int) -> None:
        """Transcribe the next chunks of streams; see `advance` of nemocli/engine/stream.py.

        Returns when it is done, and raises what the model raised.
        """
        request = Request(streams, chunks)
        with self._changed:
            if self._is_closed:
                raise NemocliError("The scheduler of this model is closed.")
            (self._live if request.is_live else self._files).append(request)
            self._changed.notify()
        request.wait()

    @contextmanager
    def take_live_place(self) -> Iterator[None]:
        """Take a place for a live stream in a `with` block; BusyError if none is free."""
        with self._changed:
            if self._places >= (most := self.max_streams):
                is_too_slow = self._max_streams is None and most < MAX_LIVE_STREAMS
                reason = (
                    "and this machine serves no more of them in time"
                    if is_too_slow
                    else "which is the most that are allowed"
                )
                raise BusyError(
                    f"{self._places} live streams are running, {reason}; try again later."
                )
            self._places += 1
        try:
            yield
        finally:
            with self._changed:
                self._places -= 1

    @property
    def places(self) -> int:
        """The number of live streams that have a place."""
        return self._places

    @property
    def max_streams(self) -> int:
        """The most live streams that have a place at once, by what calls cost here."""
        if self._max_streams is not None:
            return self._max_streams
        return min(self.cost.count_streams_within(self.chunk_seconds), MAX_LIVE_STREAMS)

    @property
    def cost(self) -> CallCost:
        """What a call costs here."""
        return self._costs.cost

    @property
    def chunk_seconds(self) -> float:
        """Seconds of sound in a chunk."""
        return self._chunk * FRAME_SECONDS

    @property
    def waiting(self) -> tuple[int, int]:
        """The numbers of requests of live streams and of files that wait."""
        return len(self._live), len(self._files)

    def measure(self, begin_stream: Callable[[], Stream]) -> None:
        """Measure what calls cost, with silence; the model is warm afterwards."""
        samples = round(16000 * self.chunk_seconds)
        for count in MEASURED_STREAMS:
            streams = [begin_stream() for _ in range(count)]
            for stream in streams:
                stream.push(stream.compute_rows(_make_silence(4 * samples)))
            for _ in range(min(3, streams[0].chunks)):  # the first is slower, and not counted
                self.advance(streams, 1)

    def close(self) -> None:
        """End the thread, after the call that is running; what waits fails. Twice is fine."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()
        if self._recognizer.scheduler is self:
            self._recognizer.scheduler = None

    # ----------------------------------------------------------------------------------- its thread

    def _run(self) -> None:
        """Call the model until the end, and fail what waits then or after an unforeseen error."""
        error: BaseException = NemocliError("The scheduler of this model was closed.")
        try:
            self._call_until_closed()
        except BaseException as failure:
            error = failure
            raise  # Python prints it
        finally:
            with self._changed:
                self._is_closed = True
                self._fail_all(error)

    def _call_until_closed(self) -> None:
        has_memory = False
        while True:
            with self._changed:
                call = self._choose()
                if call is None:
                    self._release_callers()
                while call is None and not self._is_closed:
                    if not self._changed.wait(TRIM_AFTER_S if has_memory else None):
                        break
                    call = self._choose()
                if self._is_closed:
                    return
            if call is None:
                with self._recognizer.turn():
                    has_memory = self._recognizer.encoder.trim()
            else:
                self._perform(call)
                del call  # which would keep its streams
                has_memory = True

    def _release_callers(self) -> None:
        """Let those continue whose requests are finished.

        Their threads all want to run then. If there is another call to prepare, they wait until it
        is computed: otherwise it would be prepared later, and nothing be computed meanwhile.
        """
        while self._finished:
            request, error = self._finished.popleft()
            request.finish(error)

    def _choose(self) -> Call | None:
        now = time.monotonic()
        most_streams = self._recognizer.encoder.max_streams or MAX_LIVE_STREAMS
        if self._live and not (self._files and self._is_file_due(now)):
            # More than one chunk of each only if all have a backlog: a chunk costs less then.
            most = self.cost.count_chunks_within(self.chunk_seconds)
            return choose_call(self._live, most_streams, most)
        if self._files:
            is_live = self._live or now - self._last_live_at < LIVE_FOR_S
            most = self._slice_chunks() if is_live else max(1, MAX_FRAMES // self._chunk)
            return choose_call(self._files, min(most, most_streams), most)
        return None

    def _is_file_due(self, now: float) -> bool:
        waited_since = max(self._last_file_at, self._files[0].came_at)
        return now - waited_since >= MAX_FILE_WAIT_S

    def _slice_chunks(self) -> int:
        """Return how many chunks a slice has, by what calls cost."""
        return self.cost.count_chunks_within(SLICE_S)

    def _perform(self, call: Call) -> None:
        began = time.monotonic()
        error: BaseException | None = None
        try:
            if call.streams:
                advance_now(call.streams, call.chunks, self._release_callers)
        except BaseException as failure:
            error = failure
        now = time.monotonic()
        is_live = call.requests[0].is_live
        if call.streams and error is None:
            self._note(call, now - began, now, is_live)
        queue = self._live if is_live else self._files
        with self._changed:
            for request in call.requests:
                request.chunks -= call.chunks
                # The streams of a call are in turns: what is left of a request waits behind others.
                queue.remove(request)
                if error is None and request.chunks > 0 and request.waiting:
                    queue.append(request)
                    continue
                if is_live:
                    self.statistics.add_wait(now - request.came_at)
                self._finished.append((request, error))

    def _note(self, call: Call, seconds: float, now: float, is_live: bool) -> None:
        if is_live:
            self._last_live_at = now
        else:
            self._last_file_at = now
        if any(stream.frames > self._chunk for stream in call.streams):  # not the first, slow call
            self._costs.add(call.size, seconds)
        sound = call.size * self.chunk_seconds
        self.statistics.add_call(is_live, len(call.streams), sound, seconds)

    def _fail_all(self, error: BaseException) -> None:
        self._release_callers()
        for request in (*self._live, *self._files):
            request.finish(error)
        self._live.clear()
        self._files.clear()


def _make_silence(samples: int) -> NDArray[np.float32]:
    return np.zeros(samples, np.float32)
