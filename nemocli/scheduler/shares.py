"""What calls that run at once take of a machine's time."""

import time


class MachineTime:
    """Divides seconds among the calls that run at once, in equal parts.

    A call that ran alone has taken its own seconds, and one of two that ran side by side half of
    them: so the times of all calls never make more than the time that passed. Not thread-safe.
    """

    def __init__(self) -> None:
        #: The number of calls that run.
        self.calls = 0
        # What a call would have taken that ran from the beginning, and until when that is counted.
        self._seconds = 0.0
        self._at = 0.0

    def begin(self) -> float:
        """Begin a call; return what `end` needs."""
        self._count()
        self.calls += 1
        return self._seconds

    def end(self, begun: float) -> float:
        """End the call for which `begin` returned that; return the seconds that it took."""
        self._count()
        self.calls -= 1
        return self._seconds - begun

    def _count(self) -> None:
        now = time.monotonic()
        if self.calls:
            self._seconds += (now - self._at) / self.calls
        self._at = now
