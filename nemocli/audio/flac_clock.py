"""Times of FLAC frames, by the numbers in their headers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import av


class FlacClock:
    """Clock by the numbers of frames, or of samples, in a FLAC stream.

    Streams joined one behind the other each begin at 0.
    """

    takes_bytes = True

    def __init__(self, stream_info: bytes) -> None:
        """Take the stream's header; without one, the first frame shows the size of frames."""
        #: Whether the stream has no header, because other bytes are in front of it or it was cut.
        self.is_headless = len(stream_info) < 4
        self._block_size = int.from_bytes(stream_info[2:4])
        self._begin = self._end = 0.0
        self._data = b""

    def time(self, data: bytes, pos: int | None, frame: av.AudioFrame) -> float | None:
        number = None if data is self._data else _read_coded_number(data[4:11])
        self._data = data
        self._block_size = self._block_size or frame.samples
        if number == 0:
            self._begin = self._end
        if number is None:  # the second frame of a packet whose frames damage hid
            starts = self._end
        else:
            is_variable = data[1] & 1
            first = number if is_variable else number * self._block_size
            starts = self._begin + first / frame.sample_rate
        self._end = starts + frame.samples / frame.sample_rate
        return starts

    def note_damage(self, data: bytes) -> None:
        pass

    def note_other(self, end: int) -> None:
        pass


def _read_coded_number(data: bytes) -> int | None:
    """Read a number of up to 36 bits, coded as in UTF-8; return None if it is damaged."""
    if not data:
        return None
    first, count = data[0], 0
    while count < 8 and first & (0x80 >> count):
        count += 1
    if count == 0:
        return first
    if count in (1, 8) or len(data) < count:
        return None
    number = first & (0x7F >> count)
    for byte in data[1:count]:
        if byte & 0xC0 != 0x80:
            return None
        number = number << 6 | byte & 0x3F
    return number
