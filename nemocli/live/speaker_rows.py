"""Who speaks in a live sound: rows of probabilities on the sound's clock, found by a thread."""

import threading
from collections import deque
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from nemocli.closing import Closing
from nemocli.diarization.capping import LiveCap
from nemocli.diarization.diarizer import Diarizer
from nemocli.diarization.modes import FRAME_S
from nemocli.diarization.turns import ROWS_PER_SECOND
from nemocli.engine.mel import MelStream
from nemocli.units import SAMPLE_RATE

#: Seconds of decided rows that are kept for words which come later.
KEPT_S = 120.0

#: Seconds of sound that may wait for the model besides its own latency; then sound is left out.
MAX_BACKLOG_S = 8.0

#: Samples between two rows.
_HOP = SAMPLE_RATE // ROWS_PER_SECOND


class SpeakerRows(Closing):
    """Takes samples, which a thread passes through a diarization model.

    Rows are numbered by the sound's clock, in hundredths of a second. Where sound is missing, the
    model goes on as if the two parts belonged together, and there are no rows between them.
    """

    def __init__(
        self,
        diarizer: Diarizer,
        mode: str,
        max_speakers: int | None = None,
        may_wait: bool = False,
    ) -> None:
        """Begin a stream. With `may_wait`, no sound is left out: `push` waits for the model."""
        self._may_wait = may_wait
        self._stream = diarizer.begin(mode, most_remembered=max_speakers)
        self._mel = MelStream(diarizer.config.features)
        self._cap = None if max_speakers is None else LiveCap(max_speakers)
        known = diarizer.config.num_speakers
        #: The number of speakers that rows have.
        self.speakers = known if max_speakers is None else min(known, max_speakers)
        step_s = (self._stream.mode.chunk + self._stream.mode.lookahead) * FRAME_S
        self._padding = np.zeros(round(step_s * SAMPLE_RATE), np.float32)
        self._max_waiting = round((step_s + MAX_BACKLOG_S) * ROWS_PER_SECOND)
        # The clock of the next sample, if it is the next one of the model's sound too.
        self._next_s: float | None = None
        self._is_padded = True
        #: Seconds of sound that were left out, because the model was too slow.
        self.left_out = 0.0
        self._queue: SimpleQueue[NDArray[np.float32] | None] = SimpleQueue()
        # Below, all is shared with the thread.
        self._lock = threading.Condition()
        # From which row of the model's sound on, rows have which number; None: they have none.
        self._places: deque[tuple[int, int | None]] = deque()
        self._found: deque[tuple[int, NDArray[np.float32]]] = deque()
        self._pushed = self._decided = 0
        self._decided_until = 0
        # The row of the model's sound where all of the sound so far has ended.
        self._padded_from: int | None = None
        #: What ended the thread early.
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="speakers", daemon=True)
        self._thread.start()

    def push(self, samples: NDArray[np.float32], at_s: float) -> None:
        """Add samples [n] of 16 kHz, which begin at a second of the sound's clock."""
        seconds = len(samples) / SAMPLE_RATE
        if self._may_wait:
            with self._lock:
                self._lock.wait_for(lambda: not self._is_behind() or self.error is not None)
        if self._is_behind() or self.error is not None:
            self.left_out += seconds
            self._next_s = None
            return
        if self._next_s is None or abs(self._next_s - at_s) > 0.5 / ROWS_PER_SECOND:
            self._place(round(at_s * ROWS_PER_SECOND))
        self._next_s = at_s + seconds
        self._is_padded = False
        with self._lock:
            self._padded_from = None
        self._add(self._mel.push(samples))

    def pad(self) -> None:
        """Give the model silence, so that it decides all of the sound so far."""
        if self._is_padded:
            return
        self._is_padded = True
        self._place(None)
        self._next_s = None
        self._add(self._mel.push(self._padding))

    def end(self) -> None:
        """End the sound, and wait until all of it is decided."""
        self._add(self._mel.finish())
        self.close()
        self._thread.join()

    def close(self) -> None:
        """Let the thread end when it is done with what it has."""
        self._queue.put(None)

    def has_decided(self, until_s: float) -> bool:
        """Tell whether rows up to a second of the clock are decided, or never will be."""
        with self._lock:
            if not self._thread.is_alive():
                return True
            if self._padded_from is not None and self._decided >= self._padded_from:
                return True
            return self._decided_until >= until_s * ROWS_PER_SECOND

    def take(self, first: int, count: int) -> NDArray[np.float32]:
        """Return rows [count, speakers] from number `first` on; zeros where there are none."""
        rows = np.zeros((count, self.speakers), np.float32)
        with self._lock:
            for number, found in self._found:
                begin, end = max(first, number), min(first + count, number + len(found))
                if begin < end:
                    rows[begin - first : end - first] = found[begin - number : end - number]
        return rows

    def _is_behind(self) -> bool:
        return self._pushed - self._decided > self._max_waiting

    def _place(self, number: int | None) -> None:
        """Number the rows of the next samples from here on."""
        row = -(-self._mel.samples // _HOP)
        with self._lock:
            self._places.append((row, number))
            if number is None:
                self._padded_from = row

    def _add(self, rows: NDArray[np.float32]) -> None:
        if len(rows):
            self._pushed += len(rows)
            self._queue.put(rows)

    def _run(self) -> None:
        try:
            while (rows := self._queue.get()) is not None:
                self._keep(self._stream.feed(rows))
            self._keep(self._stream.finish())
        except Exception as error:  # reported by the stream, which goes on without speakers
            with self._lock:
                self.error = error
                self._lock.notify_all()

    def _keep(self, rows: NDArray[np.float32]) -> None:
        """Number decided rows by the clock, and forget old ones."""
        if self._cap is not None:
            rows = self._cap.push(rows)
        with self._lock:
            self._lock.notify_all()
            while len(rows):
                while len(self._places) > 1 and self._places[1][0] <= self._decided:
                    self._places.popleft()
                from_row, number = self._places[0]
                count = len(rows)
                if len(self._places) > 1:
                    count = min(count, self._places[1][0] - self._decided)
                if number is not None:
                    at = number + self._decided - from_row
                    self._found.append((at, rows[:count]))
                    self._decided_until = at + count
                self._decided += count
                rows = rows[count:]
            oldest = self._decided_until - round(KEPT_S * ROWS_PER_SECOND)
            while self._found and self._found[0][0] + len(self._found[0][1]) < oldest:
                self._found.popleft()
