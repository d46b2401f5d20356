"""From a session's own seconds to those of the sound, whose clock runs on where sound was lost."""

from bisect import bisect_right


class SoundClock:
    """Times of one session, which began at second `base` of the sound and may have gaps."""

    def __init__(self, base: float) -> None:
        # Sorted by position: from that second of the session on, the sound is so much later.
        self._positions = [0.0]
        self._offsets = [base]

    def skip(self, position: float, seconds: float) -> None:
        """Seconds of sound are missing at a position (of the session) behind all earlier ones."""
        self._positions.append(position)
        self._offsets.append(self._offsets[-1] + seconds)

    def at(self, position: float) -> float:
        """The sound's second at a position, in seconds, of the session; to the millisecond."""
        return round(self.exactly(position), 3)

    def exactly(self, position: float) -> float:
        """The same as another session may begin with: rounding would add up over a day."""
        return position + self._offsets[self._index(position)]

    def forget(self, position: float) -> None:
        """Nothing before this position will be asked for any more."""
        index = self._index(position)
        del self._positions[:index], self._offsets[:index]

    def _index(self, position: float) -> int:
        return max(0, bisect_right(self._positions, position) - 1)
