"""What a scheduler has done so far, in numbers."""

import threading
from collections import Counter


class CallStatistics:
    """Calls of one kind."""

    def __init__(self) -> None:
        self.calls = 0
        #: Streams in all calls together, and the most in one.
        self.streams = 0
        self.largest = 0
        #: Seconds of sound that were transcribed, and that it took.
        self.sound_s = 0.0
        self.busy_s = 0.0


class SchedulerStatistics:
    """Counts calls, and how long live chunks waited. Any thread may read it."""

    #: Upper bounds of the classes of waits, in seconds; the last class has none.
    BOUNDS = (0.02, 0.05, 0.1, 0.2, 0.32, 0.5, 1.0, 2.0, 5.0)

    def __init__(self) -> None:
        self.live, self.files = CallStatistics(), CallStatistics()
        #: Live chunks by the first bound that their wait, their own call included, did not exceed.
        self.waits: Counter[float] = Counter()
        self.wait_sum = 0.0
        self._lock = threading.Lock()

    def add_call(self, is_live: bool, streams: int, sound_s: float, busy_s: float) -> None:
        """Add a call with so many streams, for so many seconds of sound."""
        kind = self.live if is_live else self.files
        with self._lock:
            kind.calls += 1
            kind.streams += streams
            kind.largest = max(kind.largest, streams)
            kind.sound_s += sound_s
            kind.busy_s += busy_s

    def add_wait(self, seconds: float) -> None:
        """Add how long a live stream waited for a request."""
        bound = next((bound for bound in self.BOUNDS if seconds <= bound), float("inf"))
        with self._lock:
            self.waits[bound] += 1
            self.wait_sum += seconds
