"""Check of compressed headers, which would fill the memory when FFmpeg unpacks them at once.

Two kinds can be compressed: the frames of an ID3 tag (a title, a cover), and the table of contents
of an old QuickTime file. FFmpeg allocates the length that they claim, up to 2 GB for each, so a
file of a megabyte could fill the memory. Here they are unpacked first, a little at a time.
"""

import mmap
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

#: Limits on the packed headers of a file: bytes unpacked from all, and their number.
MAX_UNPACKED_BYTES, MAX_HEADERS = 64 << 20, 10_000

#: Bytes unpacked in one go.
STEP_BYTES = 1 << 16

#: Name, length and flags of a frame; in a malicious tag, a frame may begin anywhere.
_FRAME = re.compile(rb"(?=[A-Z][A-Z0-9]{3}.{5}(.))", re.DOTALL)
#: Flags: the frame is packed; a zero follows each 255 in it. A whole tag can have the second
#: flag too.
_PACKED, _STUFFED, _ALL_STUFFED = 0x08, 0x02, 0x80

#: Beginning of a packed table of contents: its compression, and a length of four bytes.
_TABLE = re.compile(rb"dcomzlib.{4}cmvd", re.DOTALL)

#: Kinds of the first atom of a QuickTime file, and the atom that holds sound and no headers.
_ATOMS, _SOUND = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"), b"mdat"

#: First bytes of formats in which tags are read only at the beginning.
_TAGLESS = (b"\x1aE\xdf\xa3", b"OggS")


def unpacks_too_far(path: Path) -> bool:
    """Return whether a file's packed headers exceed the limits. Raises OSError as `open`."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        left = MAX_UNPACKED_BYTES
        for number, (start, end, is_stuffed) in enumerate(_find_packed(data)):
            left -= _measure_unpacked(data, start, end, is_stuffed, left)
            if left < 0 or number > MAX_HEADERS:
                return True
    return False


def _find_packed(data: mmap.mmap) -> Iterator[tuple[int, int, bool]]:
    """Yield begin and end of each header that may be packed, and whether it is stuffed."""
    if data[4:8] in _ATOMS:
        for start, end in _find_atoms(data):
            for table in _TABLE.finditer(data, start, end):
                yield table.end() + 4, end, False
        return
    for start, end in _find_tags(data):
        for frame in _FRAME.finditer(data, start, end):
            flags = frame[1][0]
            if flags & _PACKED:
                yield (
                    frame.start() + 14,
                    end,
                    bool(flags & _STUFFED or data[start + 5] & _ALL_STUFFED),
                )


def _find_atoms(data: mmap.mmap) -> Iterator[tuple[int, int]]:
    """Yield begin and end of each atom at the top except sound."""
    at = 0
    while at + 8 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16])
        end = min(at + size, len(data)) if size >= 8 else len(data)
        if kind != _SOUND:
            yield at, end
        at = end


def _find_tags(data: mmap.mmap) -> Iterator[tuple[int, int]]:
    """Yield begin and end of each ID3 tag: some containers have them anywhere."""
    at = data.find(b"ID3", 0, 3 if data[:4] in _TAGLESS else len(data))
    while at >= 0:
        version, sizes = data[at + 3 : at + 4], data[at + 6 : at + 10]
        if version in (b"\x03", b"\x04") and len(sizes) == 4 and max(sizes) < 0x80:
            size = sum(part << shift for part, shift in zip(sizes, (21, 14, 7, 0), strict=True))
            yield at, min(at + 10 + size, len(data))
        at = data.find(b"ID3", at + 3)


def _measure_unpacked(data: mmap.mmap, at: int, end: int, is_stuffed: bool, most: int) -> int:
    """Return the unpacked size of the zlib stream at `at`, counted until it exceeds `most`."""
    unpacker, size = zlib.decompressobj(), 0
    while at < end and not unpacker.eof and size <= most:
        piece = data[at : min(at + STEP_BYTES, end)]
        at += len(piece)
        if is_stuffed:
            if piece.endswith(b"\xff"):
                piece, at = piece + data[at : at + 1], at + 1
            piece = piece.replace(b"\xff\x00", b"\xff")
        while piece and not unpacker.eof and size <= most:
            try:
                size += len(unpacker.decompress(piece, STEP_BYTES))
            except zlib.error:  # no zlib stream, or a damaged one
                return size
            piece = unpacker.unconsumed_tail
    return size
