"""Bytes behind the end of a file in a container that tells where it ends."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from pathlib import Path

from nemocli.audio.file_ends import find_file_parts
from nemocli.audio.ogg_pages import read_page
from nemocli.audio.packed_formats import TS_PACKET_BYTES, measure_frame

#: First bytes of a page of Ogg, and of a head of EBML; identity of Matroska's segment.
PAGE, EBML, SEGMENT = b"OggS\0", b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"

#: Formats whose sound is read up to its very end.
READ_EXACTLY = ("mlp", "truehd", "tta", "wv")

#: How an extension of DTS begins, which may follow a frame.
DTS_EXTENSION = b"\x64\x58\x20\x25"

#: Most bytes behind the last packet of a transport stream that are searched.
MAX_TS_REST = 1 << 20

#: Bytes of a frame of FLAC at most, but for absurd ones.
MAX_FLAC_FRAME_BYTES = 1 << 20


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
        elif form in _FINDERS:
            end = _FINDERS[form](data)
        elif form in READ_EXACTLY:
            end = read_up_to
        elif form in ("aiff", "caf", "w64"):
            parts = find_file_parts(path)
            end = parts[-1].start + (parts[-1].promised or 0) if parts else None
        if end is None or not read_up_to <= end < len(data):
            return 0
        end = _skip_tags(data, end)
        return len(data) - end if data[end : end + (1 << 16)].strip(b"\0") else 0


def lacks_end(path: Path, form: str) -> bool:
    """Return whether the last part of a file is longer than the file. Raises OSError as `open`."""
    if not path.is_file() or not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        end: int | None = None
        if form.startswith("mov,"):
            end = _find_atoms_end(data)
        elif form.startswith("matroska"):
            end = _find_matroska_end(data)
        elif form == "mpegts":
            end = _find_cut_packet_end(data)
        return end is not None and end > len(data)


def _skip_tags(data: mmap.mmap, at: int) -> int:
    """Return where the tags end that begin at a place: APE, ID3 of both versions."""
    while True:
        if data[at : at + 8] == b"APETAGEX":
            size = 32 + int.from_bytes(data[at + 12 : at + 16], "little")
        elif data[at : at + 3] == b"ID3":
            size = 10
            for place, byte in enumerate(data[at + 6 : at + 10]):
                size += byte << 7 * (3 - place)
        elif data[at : at + 3] == b"TAG":
            size = 128
        else:
            return at
        at += size


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


def lacks_contents(path: Path) -> bool:
    """Return whether a file is an mp4 without a whole table of contents. Raises OSError as `open`.

    Most programs write it at the end.
    """
    if not path.is_file() or not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = 0
        if data[4:8] not in (b"ftyp", b"mdat", b"wide", b"free", b"skip"):
            return False
        while at + 8 <= len(data):
            size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
            if size == 1:
                size = int.from_bytes(data[at + 8 : at + 16])
            if size < 8 or (kind == b"moov" and at + size <= len(data)):
                return kind != b"moov"
            at += size
    return True


def _find_atoms_end(data: mmap.mmap) -> int | None:
    """Return where the last atom at the top ends by its size; None if atoms do not follow."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4])
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16])
        if size < 8 or not data[at + 4 : at + 8].isalnum():
            return None
        at += size
    return at


def _find_avi_end(data: mmap.mmap) -> int | None:
    """Return where the last of the RIFF chunks ends that follow each other."""
    at = 0
    while data[at : at + 4] == b"RIFF":
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + size % 2
    return at or None


def _find_flv_end(data: mmap.mmap) -> int | None:
    """Return where the last of the tags ends that follow each other: sound, picture, script."""
    at = int.from_bytes(data[5:9]) + 4
    while at + 15 <= len(data) and data[at] & 0x1F in (8, 9, 18):
        at += 15 + int.from_bytes(data[at + 1 : at + 4])
    return at


def _find_asf_end(data: mmap.mmap) -> int | None:
    """Return where the last of the objects ends that follow each other, each with its size."""
    at = 0
    while at + 24 <= len(data):
        size = int.from_bytes(data[at + 16 : at + 24], "little")
        if not 24 <= size <= len(data) - at:
            break
        at += size
    return at


def _find_ts_end(data: mmap.mmap) -> int | None:
    """Return where the last packet of a transport stream ends, whole or not."""
    for size in TS_PACKET_BYTES:
        at = data.rfind(b"\x47")
        while at >= 4 * size and at > len(data) - MAX_TS_REST:
            if all(data[at - n * size] == 0x47 for n in range(1, 5)):
                return at + 188
            at = data.rfind(b"\x47", 0, at)
    return None


def _find_cut_packet_end(data: mmap.mmap) -> int | None:
    """Return where the last packet of a transport stream would end; None if that is unknown."""
    end = _find_ts_end(data)
    return end if end is None or end > len(data) else None


def _find_program_end(data: mmap.mmap) -> int | None:
    """Return the place behind the end code of a program stream, which not every one has."""
    at = data.rfind(b"\x00\x00\x01\xb9")
    return None if at < 0 else at + 4


def _find_voc_end(data: mmap.mmap) -> int | None:
    """Return where the last block ends: a 0, or the last of those that follow each other."""
    at = int.from_bytes(data[20:22], "little")
    while at + 4 <= len(data) and data[at]:
        at += 4 + int.from_bytes(data[at + 1 : at + 4], "little")
    return at + 1


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


def ends_frame(form: str, data: bytes) -> bool:
    """Return whether the last packet of a plain stream ends where its frame does.

    Tags and zeros may follow, and with DTS an extension. True for formats in which that cannot
    be seen.
    """
    if form == "flac":
        return _ends_flac_frame(data)
    size = measure_frame(form, data) if form == "dts" else None
    rest = b"" if size is None else data[size:]
    return not rest.strip(b"\0") or rest.startswith(DTS_EXTENSION)


def _ends_flac_frame(data: bytes) -> bool:
    """Return whether a FLAC packet ends where its frame does, or in a tag or zeros behind that.

    By its checksum: that of a frame together with its own checksum is 0.
    """
    if data[-128:-125] == b"TAG":
        data = data[:-128]
    if not data or b"APETAGEX" in data:
        return True
    if len(data) > MAX_FLAC_FRAME_BYTES:
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

#: Where a file ends, by FFmpeg's name of its format; each returns None if that is unknown.
_FINDERS: dict[str, Callable[[mmap.mmap], int | None]] = {
    "avi": _find_avi_end,
    "flv": _find_flv_end,
    "asf": _find_asf_end,
    "mpeg": _find_program_end,
    "mpegts": _find_ts_end,
    "voc": _find_voc_end,
}
