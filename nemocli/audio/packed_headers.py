"""Headers that are packed, and would fill the memory when FFmpeg unpacks them all at once.

Two kinds can be: the frames of an ID3 tag (a title, a cover), and the table of contents of an old
QuickTime file. FFmpeg makes room for the length that they claim, up to 2 GB for each, so a file of
a megabyte could take all there is. Here they are unpacked first, a little at a time.
"""

import mmap
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

#: What all the packed headers of a file may unpack to, and how many there may be.
MOST_BYTES, MOST_HEADERS = 64 << 20, 10_000

#: Bytes unpacked in one go.
STEP = 1 << 16

#: Name, length and flags of a frame; one may begin anywhere in a tag that is made to mislead.
_FRAME = re.compile(rb"(?=[A-Z][A-Z0-9]{3}.{5}(.))", re.DOTALL)
#: Flags: the frame is packed; a zero follows each 255 in it. The latter also of a whole tag.
_PACKED, _STUFFED, _ALL_STUFFED = 0x08, 0x02, 0x80

#: How a packed table of contents begins: what it is packed with, and a length of four bytes.
_TABLE = re.compile(rb"dcomzlib.{4}cmvd", re.DOTALL)

#: Kinds of the first atom of a QuickTime file, and the atom that has the sound and no headers.
_ATOMS, _SOUND = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"), b"mdat"

#: How files begin in which no tag is read but at the beginning.
_TAGLESS = (b"\x1aE\xdf\xa3", b"OggS")


def unpacks_too_far(path: Path) -> bool:
    """Whether a plain file has packed headers of more than MOST_BYTES; OSError as `open`."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        left = MOST_BYTES
        for number, (start, end, is_stuffed) in enumerate(_packed(data)):
            left -= _unpacked_size(data, start, end, is_stuffed, left)
            if left < 0 or number > MOST_HEADERS:
                return True
    return False


def _packed(data: mmap.mmap) -> Iterator[tuple[int, int, bool]]:
    """Begin and end of what may be packed, and whether it is stuffed."""
    if data[4:8] in _ATOMS:
        for start, end in _atoms(data):
            for table in _TABLE.finditer(data, start, end):
                yield table.end() + 4, end, False
        return
    for start, end in _tags(data):
        for frame in _FRAME.finditer(data, start, end):
            flags = frame[1][0]
            if flags & _PACKED:
                yield (
                    frame.start() + 14,
                    end,
                    bool(flags & _STUFFED or data[start + 5] & _ALL_STUFFED),
                )


def _atoms(data: mmap.mmap) -> Iterator[tuple[int, int]]:
    """Begin and end of each atom at the top but those of the sound."""
    at = 0
    while at + 8 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16])
        end = min(at + size, len(data)) if size >= 8 else len(data)
        if kind != _SOUND:
            yield at, end
        at = end


def _tags(data: mmap.mmap) -> Iterator[tuple[int, int]]:
    """Begin and end of each ID3 tag: some containers have them anywhere."""
    at = data.find(b"ID3", 0, 3 if data[:4] in _TAGLESS else len(data))
    while at >= 0:
        version, sizes = data[at + 3 : at + 4], data[at + 6 : at + 10]
        if version in (b"\x03", b"\x04") and len(sizes) == 4 and max(sizes) < 0x80:
            size = sum(part << shift for part, shift in zip(sizes, (21, 14, 7, 0), strict=True))
            yield at, min(at + 10 + size, len(data))
        at = data.find(b"ID3", at + 3)


def _unpacked_size(data: mmap.mmap, at: int, end: int, is_stuffed: bool, most: int) -> int:
    """Bytes that a stream of zlib's at a place unpacks to; a little more than `most` at most."""
    unpacker, size = zlib.decompressobj(), 0
    while at < end and not unpacker.eof and size <= most:
        piece = data[at : min(at + STEP, end)]
        at += len(piece)
        if is_stuffed:
            if piece.endswith(b"\xff"):
                piece, at = piece + data[at : at + 1], at + 1
            piece = piece.replace(b"\xff\x00", b"\xff")
        while piece and not unpacker.eof and size <= most:
            try:
                size += len(unpacker.decompress(piece, STEP))
            except zlib.error:  # no such stream, or its end
                return size
            piece = unpacker.unconsumed_tail
    return size
