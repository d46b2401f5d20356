"""Times of packets, also for formats that store none.

FFmpeg counts the packets of such a file; where some were destroyed, all later ones would be early.
FLAC numbers its frames. In others, the bytes between good packets show how many were destroyed.
"""

from __future__ import annotations

import mmap
import re
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from nemocli.audio.ogg_pages import CONTINUED, LAST, NO_TIME, read_page
from nemocli.audio.packed_kinds import count_frames

if TYPE_CHECKING:
    import av

#: Formats, by FFmpeg's names, that are just one coded frame behind the other.
PLAIN_STREAMS = ("aac", "ac3", "dts", "eac3", "loas", "mlp", "mp3", "truehd")

#: Beginnings of bytes inserted between frames, where no sound is missing: tags, metadata of
#: internet radio, a web page.
FOREIGN = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"StreamTitle", b"<", b"fLaC")

#: The first bytes of undecodable data, in which one of FOREIGN must begin.
FOREIGN_WITHIN = 16

#: Length of a chunk's name and length in an AVI.
CHUNK_HEAD_BYTES = 8

#: Limit on damaged bytes in a row.
MAX_DAMAGED_BYTES = 1 << 24

#: Good packets whose size and length tell how much sound damaged bytes held: the rate may vary.
RECENT_PACKETS = 4

#: Limit on damaged bytes in which frames are counted by their headers.
MAX_COUNTED_BYTES = 1 << 16

#: Text, such as a page that a server sent instead of sound: no codec makes so much of it.
TEXT = re.compile(rb"[\t\n\r\x20-\x7e]{64,}")

#: The largest frame, except at absurd rates.
MAX_FRAME_BYTES = 4096

#: A tag that has its length in its header.
ID3 = re.compile(rb"ID3[\x02-\x04]\x00.([\x00-\x7f]{4})", re.DOTALL)


class PacketClock(Protocol):
    """Clock that returns the time of each decoded frame."""

    #: Whether `time` needs the bytes; if not, they may be empty.
    takes_bytes: bool

    def time(self, data: bytes, pos: int | None, frame: av.AudioFrame) -> float | None:
        """Return when a frame begins, in seconds, or None if that is unknown.

        It was decoded from `data`, which are in the file at `pos`.
        """

    def note_damage(self, data: bytes) -> None:
        """Take note of a packet that cannot be decoded."""

    def note_other(self, end: int) -> None:
        """Take note of a packet of another track, which ends at a place in the file."""


class ContainerClock:
    """Clock by the times in the file."""

    takes_bytes = False

    def time(self, data: bytes, pos: int | None, frame: av.AudioFrame) -> float | None:
        if frame.pts is None or frame.time_base is None:
            return None
        return float(frame.pts * frame.time_base)

    def note_damage(self, data: bytes) -> None:
        pass

    def note_other(self, end: int) -> None:
        pass


class AviClock(ContainerClock):
    """Clock by the times in an AVI, which are counts of chunks, corrected for destroyed chunks.

    The bytes between two chunks show how many were destroyed.
    """

    takes_bytes = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self._begin: int | None = None
        self._ends = 0
        self._destroyed = 0.0

    def time(self, data: bytes, pos: int | None, frame: av.AudioFrame) -> float | None:
        time = super().time(data, pos, frame)
        if pos is None or time is None:
            return time
        if self._begin is None:
            self._begin = pos
        elif pos > self._ends + CHUNK_HEAD_BYTES + 1 and self._ends > self._begin:
            bytes_a_second = (self._ends - self._begin) / max(
                time, frame.samples / frame.sample_rate
            )
            self._destroyed += self._count_destroyed(pos - CHUNK_HEAD_BYTES) / bytes_a_second
        self._ends = max(self._ends, pos + len(data))
        return time + self._destroyed

    def _count_destroyed(self, end: int) -> int:
        """Return how many bytes before `end` are not chunks, and so were sound or picture."""
        if not self._path.is_file():
            return 0
        at = self._ends + self._ends % 2
        with self._path.open("rb") as file:
            while at + CHUNK_HEAD_BYTES <= end:
                file.seek(at)
                head = file.read(CHUNK_HEAD_BYTES)
                if head[:4] == b"RIFF":  # another file
                    return 0
                if head[:4] == b"LIST":
                    at += CHUNK_HEAD_BYTES + 4
                elif head[:4] in (b"JUNK", b"idx1") or head[:2] == b"ix":
                    size = int.from_bytes(head[4:], "little")
                    at += CHUNK_HEAD_BYTES + size + size % 2
                else:
                    break
        return max(0, end - at)

    def note_other(self, end: int) -> None:
        self._ends = max(self._ends, end)


class SpeexClock(ContainerClock):
    """The times of Speex in Ogg, where each page tells when its last packet ends.

    FFmpeg counts on behind a page that is lost, and so places the next one early.
    """

    takes_bytes = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self._page: int | None = None
        self._shift = 0.0

    def time(self, data: bytes, pos: int | None, frame: av.AudioFrame) -> float | None:
        time = super().time(data, pos, frame)
        if time is not None and pos is not None and pos != self._page:
            starts = self._read_begin(pos, frame)
            self._page, self._shift = pos, 0.0 if starts is None else starts - time
        return None if time is None else time + self._shift

    def _read_begin(self, pos: int, frame: av.AudioFrame) -> float | None:
        """Read when the first packet of a page begins; return None if the page does not tell."""
        if not self._path.is_file():
            return None
        with self._path.open("rb") as file:
            page = read_page(file, pos)
        if page is None or page.granule in NO_TIME or page.flags & (CONTINUED | LAST):
            return None
        return (page.granule - page.packets * frame.samples) / frame.sample_rate


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


class ByteClock:
    """Clock that counts frames, and estimates by bytes what was destroyed between them."""

    takes_bytes = True

    def __init__(self, path: Path, form: str, *, is_searched: bool = False) -> None:
        """Look for the packets in the file `path` if FFmpeg does not know where they are.

        `form` is FFmpeg's name of the format.
        """
        self._path, self._form = path, form
        self._file: mmap.mmap | None = None
        if is_searched and path.is_file() and path.stat().st_size:
            with path.open("rb") as file:
                self._file = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._shift = 0
        self._now: float | None = None
        # Bytes and seconds of the last good packets, and where the last ended in the file.
        self._recent: deque[tuple[int, float]] = deque(maxlen=RECENT_PACKETS)
        self._ends: int | None = None
        self._data = b""
        # Bytes since then that were never sound.
        self._foreign = 0

    def time(self, data: bytes, pos: int | None, frame: av.AudioFrame) -> float | None:
        seconds = frame.samples / frame.sample_rate
        pos = self._find_place(data, pos)
        if self._now is None:
            first = ContainerClock().time(data, pos, frame)
            self._now = 0.0 if first is None else first
        follows = True
        if pos is not None and self._ends is not None and pos > self._ends:
            follows = False
            self._now += self._estimate_destroyed(self._ends, pos, seconds)
        starts = self._now
        self._now += seconds
        if pos is not None:
            self._ends = pos + len(data)
        if follows or not self._recent:  # others may be damaged bytes that look like a frame
            self._recent.append((len(data), seconds))
        self._foreign, self._data = 0, data
        return starts

    def _find_place(self, data: bytes, pos: int | None) -> int | None:
        if pos is None or self._file is None:
            return pos
        pos += self._shift
        if self._file[pos : pos + len(data)] == data:
            return pos
        found = self._file.find(data, pos, pos + MAX_DAMAGED_BYTES)
        if found < 0:
            return None
        self._shift += found - pos
        return found

    def note_damage(self, data: bytes) -> None:
        tag = ID3.search(self._data + data)  # which may have begun within the last good frame
        if tag:
            size = tag[1]
            self._foreign += 10 + (size[0] << 21 | size[1] << 14 | size[2] << 7 | size[3])
        elif any(mark in data[:FOREIGN_WITHIN] for mark in FOREIGN):
            self._foreign += len(data)
        self._data = b""

    def note_other(self, end: int) -> None:
        pass

    def _estimate_destroyed(self, begin: int, end: int, frame_seconds: float) -> float:
        """Return how many seconds of sound destroyed bytes of the file held, in whole frames."""
        text = self._count_text(begin, end)
        count = end - begin - max(self._foreign, text)
        if count <= 0 or not frame_seconds:
            return 0.0
        if (known := self._count_frames(begin, end)) is not None:
            return known * frame_seconds
        size = sum(packet[0] for packet in self._recent)
        seconds = sum(packet[1] for packet in self._recent)
        frames = round(count * seconds / max(size, 1) / frame_seconds)
        if text and count <= MAX_FRAME_BYTES:  # the frame that the text was put into
            frames = min(frames, 1)
        return frames * frame_seconds

    def _count_frames(self, begin: int, end: int) -> int | None:
        """Count the frames between two places whose headers are intact; None if they are not."""
        if end - begin > MAX_COUNTED_BYTES or not self._path.is_file():
            return None
        with self._path.open("rb") as file:
            file.seek(begin)
            return count_frames(self._form, file.read(end - begin))

    def _count_text(self, begin: int, end: int) -> int:
        """Count the bytes of long texts between two places in the file."""
        if end - begin > MAX_DAMAGED_BYTES or not self._path.is_file():
            return 0
        with self._path.open("rb") as file:
            file.seek(begin)
            return sum(len(text[0]) for text in TEXT.finditer(file.read(end - begin)))


def choose_clock(path: Path, form: str, codec: str, extra: bytes | None) -> PacketClock:
    """Choose the clock by FFmpeg's names of container and codec, and the codec's setup."""
    if codec == "flac" and (form == "flac" or (form == "ogg" and extra is not None)):
        return FlacClock(extra or b"")
    if codec.endswith("speex") and form == "ogg":
        return SpeexClock(path)
    if form == "avi":
        return AviClock(path)
    if form == "aac":  # FFmpeg does not count the bytes it skips
        return ByteClock(path, form, is_searched=True)
    if form in PLAIN_STREAMS or (form == "wav" and codec.startswith("mp")):
        return ByteClock(path, form)
    return ContainerClock()


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
