"""Times of packets in formats that store none, by the bytes between good ones."""

from __future__ import annotations

import mmap
import re
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from nemocli.audio.container_clock import ContainerClock
from nemocli.audio.packed_formats import count_frames

if TYPE_CHECKING:
    import av

#: Beginnings of bytes inserted between frames, where no sound is missing: tags, metadata of
#: internet radio, a web page.
FOREIGN = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"StreamTitle", b"<", b"fLaC")

#: The first bytes of undecodable data, in which one of FOREIGN must begin.
FOREIGN_WITHIN = 16

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
