"""Search for the sound of a WAV file, where the lengths in its header are wrong.

A recorder that was killed leaves lengths of 0, a pipe writes 4 GiB, a long recording its length
modulo 4 GiB; and files joined byte by byte have headers inside.
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import BinaryIO

from nemocli.audio.sound_part import SoundPart
from nemocli.audio.wav_header import UNKNOWN_LENGTH

#: First bytes of a file, and the byte order of its numbers.
BYTE_ORDERS = {b"RIFF": "<", b"RF64": "<", b"RIFX": ">"}

#: Length in the header of a WAV that was written to a pipe.
UNSAID = 0xFFFFFFFF

#: What follows the end by the header is sound if it is this long, in seconds, and not chunks.
MIN_BEHIND_S = 0.5

#: Limits on chunks of a file, stretches of sound, and bytes of a format chunk.
MAX_CHUNKS, MAX_PARTS, MAX_FORMAT_BYTES = 10_000, 10_000, 4096

#: Chunks that may be cut off at the end of a file.
TAGS = (b"LIST", b"id3 ", b"ID3 ", b"fact", b"cue ", b"bext", b"JUNK", b"PAD ", b"iXML", b"_PMX")


def find_wav_parts(path: Path) -> list[SoundPart]:
    """Find all sound in a WAV file, in its order; an empty list if it cannot be understood.

    Raises OSError as `open`.
    """
    with path.open("rb") as file:
        return list(_Scan(file, path.stat().st_size).find_parts())


class _Scan:
    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size = file, size
        self._is_odd = False

    def find_parts(self) -> Iterator[SoundPart]:
        at = _skip_tag(self._read(0, 10))
        self._is_odd = at > 0
        for _ in range(MAX_PARTS):
            order = self._read_byte_order(at)
            if order is None:
                return
            at = yield from self._find_parts_of_one(at + 12, order)

    def _find_parts_of_one(self, at: int, order: str) -> Generator[SoundPart, None, int]:
        """Yield the sound of the WAV whose first chunk is at `at`; return where it ends."""
        form, long_size = b"", None
        file_size = self._read(at - 8, 4)
        ends = at - 4 + struct.unpack(order + "I", file_size)[0] if len(file_size) == 4 else 0
        for _ in range(MAX_CHUNKS):
            chunk = self._read_chunk(at, order)
            if chunk is None or self._read_byte_order(at):
                break
            (name, size), at = chunk, at + 8
            if name == b"data" and form:
                length = size if long_size is None else long_size
                part = self._make_part(at, length, form, order, ends)
                yield part
                at = self._find_next(part.start, part.end - part.start, order) + part.bytes_behind
                continue
            if name == b"fmt " and size <= MAX_FORMAT_BYTES:
                form = self._read(at, size)
            elif name == b"ds64" and len(sizes := self._read(at, 16)) == 16:
                file_length, long_size = struct.unpack("<QQ", sizes)
                ends = ends - UNSAID + file_length
            at = self._find_next(at, size, order)
        return at

    def _find_next(self, at: int, size: int, order: str) -> int:
        """Return where the next chunk begins: at an even place, but some programs forget that."""
        end = at + size
        if size % 2 and self._read_chunk(end + 1, order) is None and self._read_chunk(end, order):
            self._is_odd = True
            return end
        return end + size % 2

    def _make_part(self, start: int, size: int, form: bytes, order: str, ends: int) -> SoundPart:
        """Make the part that begins at `start`, and is `size` bytes long by its header.

        By its header, the whole file ends at `ends`.
        """
        there = self._size - start
        promised: int | None = size
        length, behind = min(size, there), 0
        if size > there and size >= UNKNOWN_LENGTH:
            promised = None
        elif size < there and not self._is_followed_well(start, size):
            behind = there - size
            is_long = behind >= MIN_BEHIND_S * _read_byte_rate(form, order)
            if size in (0, UNSAID) or (is_long and not self._agree(start + size, ends)):
                length, behind = there, 0
                promised = None if size == UNSAID else size
            elif is_long:
                pass
            elif not self._read(start + size, behind).strip(b"\0"):
                behind = 0
        seconds = None if promised is None else promised / _read_byte_rate(form, order)
        header = _make_header(form, length, order)
        plain = promised == length and not behind and not self._is_odd
        return SoundPart(start, start + length, header, promised, seconds, behind, plain)

    def _agree(self, sound_ends: int, ends: int) -> bool:
        """Return whether both lengths in a header can be true: only chunks lie between the ends.

        Above 4 GiB, both may lack the same.
        """
        if self._size >= 1 << 32 or not sound_ends <= ends < self._size:
            return False
        at = sound_ends + sound_ends % 2
        for _ in range(MAX_CHUNKS):
            if at >= ends:
                return True
            chunk = self._read_chunk(at, "<")
            if chunk is None:
                return False
            at += 8 + chunk[1] + chunk[1] % 2
        return False

    def _is_followed_well(self, start: int, size: int) -> bool:
        """Return whether only chunks follow, up to the end of the file or the next WAV."""
        at = start + size
        if not size and self._size - start < 8:
            return False
        return any(self._are_chunks(place) for place in (at, at + 1))

    def _are_chunks(self, at: int) -> bool:
        for _ in range(MAX_CHUNKS):
            if self._size - at < 8 or self._read_byte_order(at):
                return True
            # Names are letters in either byte order, and chunks other than sound are small.
            chunk = self._read_chunk(at, "<")
            if chunk is None:
                return False
            name, size = chunk
            at += 8 + size + size % 2
            if at > self._size + 1:
                return name in TAGS or name == b"data"
        return False

    def _read_byte_order(self, at: int) -> str | None:
        """Return the byte order of the WAV that begins at `at`; None if there is no WAV."""
        first = self._read(at, 12)
        return BYTE_ORDERS.get(first[:4]) if first[8:] == b"WAVE" else None

    def _read_chunk(self, at: int, order: str) -> tuple[bytes, int] | None:
        """Read name and length of a chunk; return None if it cannot be a chunk."""
        head = self._read(at, 8)
        if len(head) < 8 or not all(32 <= byte < 127 for byte in head[:4]):
            return None
        return head[:4], struct.unpack(order + "I", head[4:])[0]

    def _read(self, at: int, count: int) -> bytes:
        self._file.seek(at)
        return self._file.read(count)


def _skip_tag(first: bytes) -> int:
    """Return where an ID3 tag in front of the file ends; 0 if there is no tag."""
    if first[:3] != b"ID3" or len(first) < 10 or max(first[6:]) >= 0x80:
        return 0
    return 10 + sum(part << shift for part, shift in zip(first[6:], (21, 14, 7, 0), strict=True))


def _read_byte_rate(form: bytes, order: str) -> int:
    """Read bytes a second from the format chunk; if unknown, those of 16-bit mono at 8 kHz."""
    return (struct.unpack(order + "I", form[8:12])[0] if len(form) >= 12 else 0) or 16_000


def _make_header(form: bytes, length: int, order: str) -> bytes:
    """Make a header for `length` bytes of sound: WAV, or RF64 if that is too long for WAV."""
    chunks = b"fmt " + struct.pack(order + "I", len(form)) + form + b"\0" * (len(form) % 2)
    size = 4 + len(chunks) + 8 + length
    if size < 2**32:
        magic = b"RIFX" if order == ">" else b"RIFF"
        head = magic + struct.pack(order + "I", size) + b"WAVE"
        return head + chunks + b"data" + struct.pack(order + "I", length)
    sizes = struct.pack("<QQQI", size + 36, length, 0, 0)
    head = b"RF64\xff\xff\xff\xffWAVEds64" + struct.pack("<I", len(sizes)) + sizes
    return head + chunks + b"data\xff\xff\xff\xff"
