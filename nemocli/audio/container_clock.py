"""Times of packets that a container stores, corrected for what was destroyed between them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nemocli.audio.ogg_pages import CONTINUED, LAST, NO_TIME, read_page

if TYPE_CHECKING:
    import av

#: Length of a chunk's name and length in an AVI.
CHUNK_HEAD_BYTES = 8


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
