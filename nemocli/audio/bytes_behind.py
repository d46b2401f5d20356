"""Bytes behind the end of a file in a container that tells where it ends."""

from __future__ import annotations

import mmap
from pathlib import Path

from nemocli.audio.ogg_pages import read_page

#: First bytes of a page of Ogg, and of a head of EBML; identity of Matroska's segment.
PAGE, EBML, SEGMENT = b"OggS\0", b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"

#: Bytes of a frame of FLAC at most, but for absurd ones.
MAX_FRAME_BYTES = 1 << 20


def count_bytes_behind(path: Path, form: str, read_up_to: int) -> int:
    """Count bytes behind the end of a file that are more than zeros; 0 if its end is unknown.

    `form` is FFmpeg's name of the format. If packets were read behind the end, up to `read_up_to`,
    it is none. Raises OSError as `open`.
    """
    if not path.is_file() or not path.stat().st_size:
        return 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        end: int | None = None
        if form == "ogg":
            last = data.rfind(PAGE)
            page = read_page(file, last) if last >= 0 else None
            end = None if page is None else last + page.size
        elif form.startswith("mov,"):
            end = _find_mp4_end(data)
        elif form.startswith("matroska"):
            end = _find_matroska_end(data)
        if (
            end is None
            or not read_up_to <= end < len(data)
            or not data[end : end + (1 << 16)].strip(b"\0")
        ):
            return 0
        return len(data) - end


def _find_mp4_end(data: mmap.mmap) -> int | None:
    """Return where the first bytes at the top are that cannot begin an atom."""
    at = 0
    while at + 8 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        if not all(bytes([byte]).isalnum() or byte in b" \xa9" for byte in kind):
            return at
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16])
        if size < 8:
            return None
        at += size
    return at if at < len(data) else None


def _find_matroska_end(data: mmap.mmap) -> int | None:
    """Return where the first segment ends; None if its length is unknown."""
    if data[:4] != EBML:
        return None
    at = 4
    for follows in (SEGMENT, b""):
        width = 9 - data[at].bit_length()
        size = int.from_bytes(data[at : at + width]) & ((1 << 7 * width) - 1)
        if width > 8 or size == (1 << 7 * width) - 1:
            return None
        if not follows:
            return at + width + size
        at += width + size
        if data[at : at + 4] != follows:
            return None
        at += 4
    return None


def ends_frame(data: bytes) -> bool:
    """Return whether a FLAC packet ends where its frame does, or in a tag or zeros behind that.

    By its checksum: that of a frame together with its own checksum is 0.
    """
    if data[-128:-125] == b"TAG":
        data = data[:-128]
    if not data or b"APETAGEX" in data:
        return True
    if len(data) > MAX_FRAME_BYTES:
        return False
    # Polynomial x^16 + x^15 + x^2 + 1.
    checksum = 0
    for byte in data:
        checksum = (checksum << 8 & 0xFFFF) ^ CHECKSUMS[checksum >> 8 ^ byte]
    return checksum == 0


def _make_checksums() -> list[int]:
    sums = []
    for byte in range(256):
        value = byte << 8
        for _ in range(8):
            value = (value << 1) ^ (0x18005 if value & 0x8000 else 0)
        sums.append(value)
    return sums


CHECKSUMS = _make_checksums()
