"""Sound at the pace of real time, and how long each of its chunks waits for its result.

Only the standard library: each peer imports it in its own virtual environment.
"""

import time

RATE = 16000

#: Samples of a packet: 50 ms.
PACKET = RATE // 20


class Pace:
    """A stream that began at a moment of time.monotonic(); it comes in packets.

    A chunk is complete when the packet with its last sample has come in whole. Its lag is the time
    from that moment to its result, however late the recognizer took the sound.
    """

    def __init__(self, began: float) -> None:
        self._began = began
        #: For each chunk, when it was complete, and its lag in seconds.
        self.lags: list[tuple[float, float]] = []

    def due(self, samples: int) -> float:
        """Return when the stream's first `samples` samples have come."""
        return self._began + -(-samples // PACKET) * PACKET / RATE

    def wait(self, samples: int) -> None:
        """Wait until they have come."""
        time.sleep(max(0.0, self.due(samples) - time.monotonic()))

    def record(self, samples: int) -> None:
        """Note that the chunk that is complete with these samples has its result now."""
        due = self.due(samples)
        self.lags.append((due, time.monotonic() - due))
