"""Mean and percentiles of a stream's lag, in constant memory."""

from collections import Counter

#: Width of a class of the histogram, in seconds.
STEP = 0.005


class Lags:
    """Lags in seconds, as a histogram."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._sum = 0.0

    def add(self, lag: float) -> None:
        self._counts[round(lag / STEP)] += 1
        self._sum += lag

    @property
    def mean(self) -> float:
        return self._sum / max(1, self._counts.total())

    def compute_percentile(self, percent: float) -> float:
        """Return the lag that `percent` of all lags do not exceed; 0 without any."""
        needed = percent / 100 * self._counts.total()
        seen = 0
        for step, count in sorted(self._counts.items()):
            seen += count
            if seen >= needed:
                return step * STEP
        return 0.0
