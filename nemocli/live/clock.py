"""Seconds of a session as seconds of the sound, whose clock runs on where sound was lost."""

from bisect import bisect_left, bisect_right


class SoundClock:
    """Times of one session, which began at second `base` of the sound and may have gaps."""

    def __init__(self, base: float) -> None:
        # Sorted by position: from that second of the session on, the sound is so much later.
        self._positions = [0.0]
        self._offsets = [base]

    def skip(self, position: float, seconds: float) -> None:
        """Note that sound is missing at a position of the session, behind all earlier ones."""
        self._positions.append(position)
        self._offsets.append(self._offsets[-1] + seconds)

    def locate(self, position: float) -> float:
        """Return the second of the sound at a position of the session, to the millisecond."""
        return round(self.locate_exactly(position), 3)

    def locate_end(self, position: float) -> float:
        """Return the same for an end: sound that is missing right behind it does not count."""
        index = max(0, bisect_left(self._positions, position) - 1)
        return round(position + self._offsets[index], 3)

    def locate_exactly(self, position: float) -> float:
        """Return the same without rounding, which would add up over a day of sessions."""
        return position + self._offsets[self._index(position)]

    def forget(self, position: float) -> None:
        """Free what is only needed for positions before this one."""
        index = self._index(position)
        del self._positions[:index], self._offsets[:index]

    def _index(self, position: float) -> int:
        return max(0, bisect_right(self._positions, position) - 1)
