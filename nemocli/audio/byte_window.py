"""Part of a file as a file of its own, with another header in front of it."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer


class ByteWindow(io.RawIOBase):
    """Stream of `header`, then the bytes of a file from `start` up to `end`.

    `patch` replaces the bytes of the file at `patch_at`.
    """

    def __init__(
        self,
        path: Path,
        start: int,
        end: int,
        header: bytes = b"",
        patch: bytes = b"",
        patch_at: int = 0,
    ) -> None:
        """Open `path`. Raises OSError if it cannot be opened."""
        self._file = path.open("rb", buffering=0)
        self._header = header
        self._shift = start - len(header)
        self._size = len(header) + end - start
        self._at = 0
        self._patch, self._patch_at = patch, patch_at - self._shift

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int = -1) -> bytes | None:
        """Read as `RawIOBase` does, without making room for more than there is: sizes may lie."""
        left = max(0, self._size - self._at)
        return super().read(left if size < 0 else min(size, left))

    def readinto(self, buffer: Buffer) -> int:
        """Read as much as there is room for, less only at the end."""
        room = memoryview(buffer).cast("B")
        room = room[: max(0, self._size - self._at)]
        data = self._header[self._at : self._at + len(room)]
        room[: len(data)] = data
        count = len(data)
        if count < len(room):
            self._file.seek(self._at + count + self._shift)
        while count < len(room) and (more := self._file.readinto(room[count:])):
            count += more
        for at, byte in enumerate(self._patch, self._patch_at - self._at):
            if max(0, len(self._header) - self._at) <= at < count:
                room[at] = byte
        self._at += count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()
