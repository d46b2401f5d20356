"""What a call of the model costs on this machine, and how many live streams that allows."""

from dataclasses import dataclass

#: How much a measurement counts when the next one comes. A machine may become slower or faster.
FORGETTING = 0.995

#: Chunks between which the costs of calls must differ before they are compared.
MIN_SPREAD = 0.5


@dataclass(frozen=True)
class CallCost:
    """Seconds of a call: `fixed`, and `each` for every chunk of every stream in it."""

    fixed: float
    each: float

    def of(self, chunks: int) -> float:
        """Return the seconds that a call with this many chunks in all takes."""
        return self.fixed + self.each * chunks

    def count_chunks_within(self, seconds: float) -> int:
        """Return how many chunks fit into a call of so many seconds: at least one."""
        if self.each <= 0:
            return 1
        return max(1, int((seconds - self.fixed) / self.each))

    def count_streams_within(self, chunk_seconds: float) -> int:
        """Return how many live streams are served with less lag than a chunk lasts: at least one.

        With n streams, calls follow one another, and each takes the chunks that were completed
        during the one before: T = fixed + each * n * T / chunk_seconds. A chunk waits for the call
        that is running, and then for its own, so two of them must fit: 2 T <= chunk_seconds.
        """
        if self.each <= 0:
            return 1
        return max(1, int((chunk_seconds - 2 * self.fixed) / self.each))


class CallCosts:
    """Fits a CallCost to the calls that were measured, by least squares; newer ones count more."""

    def __init__(self) -> None:
        self._weight = self._chunks = self._squares = self._seconds = self._products = 0.0

    def add(self, chunks: int, seconds: float) -> None:
        """Add a call with this many chunks in all."""
        for name in ("_weight", "_chunks", "_squares", "_seconds", "_products"):
            setattr(self, name, getattr(self, name) * FORGETTING)
        self._weight += 1
        self._chunks += chunks
        self._squares += chunks * chunks
        self._seconds += seconds
        self._products += chunks * seconds

    @property
    def cost(self) -> CallCost:
        """The cost of a call; zero before the first one was measured."""
        if not self._weight:
            return CallCost(0.0, 0.0)
        mean_chunks, mean = self._chunks / self._weight, self._seconds / self._weight
        spread = self._squares / self._weight - mean_chunks**2
        if spread < MIN_SPREAD:
            return CallCost(0.0, mean / mean_chunks)
        each = (self._products / self._weight - mean_chunks * mean) / spread
        each = min(max(each, 0.0), mean / mean_chunks)
        return CallCost(mean - each * mean_chunks, each)
