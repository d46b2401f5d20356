"""Search for where a file continues behind the place where its reader stopped.

Some readers stop at the first damage, and most at the end of the first of several files that were
joined byte by byte.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from nemocli.audio.matroska_blocks import find_block

#: FFmpeg's name of Matroska and WebM.
MATROSKA = "matroska,webm"

#: How another file of the same kind, or the next block of the same, begins, by FFmpeg's name.
BEGINNINGS: dict[str, re.Pattern[bytes]] = {
    "flv": re.compile(rb"FLV\x01[\x00\x01\x04\x05]\x00\x00\x00\x09"),
    "tta": re.compile(rb"TTA1[\x01-\x03]\x00"),
    "voc": re.compile(rb"Creative Voice File\x1a"),
    # Version 4, and a block of less than 16 MB.
    "wv": re.compile(rb"wvpk...\x00[\x02-\x10]\x04", re.DOTALL),
    "asf": re.compile(rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c"),
    "wav": re.compile(rb"RIFF....WAVE", re.DOTALL),
    "caf": re.compile(rb"caff\x00\x01\x00\x00desc"),
    # The head of EBML, with its version within.
    MATROSKA: re.compile(rb"\x1a\x45\xdf\xa3.{1,8}\x42\x86\x81\x01", re.DOTALL),
    "wtv": re.compile(rb"\xb7\xd8\x00\x20\x37\x49\xda\x11\xa6\x4e\x00\x07\xe9\x5e\xad\x8d"),
    "avi": re.compile(rb"RIFF....AVI LIST", re.DOTALL),
}

#: A packet of RealMedia, with its length, and bytes of the header in front of all packets.
RM_PACKET, RM_DATA_BYTES = re.compile(rb"\x00\x00([\x00-\x7f].)\x00[\x00-\x07]", re.DOTALL), 18

#: Fewer bytes between two packets are headers.
MIN_SKIPPED_BYTES = 256

#: Atoms at the top of mp4: beginning of a file, table of contents, fragment, empty space.
_BEGIN, _CONTENTS, _FRAGMENT, _NOTHING = b"ftyp", b"moov", b"moof", b"free"


@dataclass(frozen=True)
class Continuation:
    """Where and how to continue reading."""

    #: Where the part begins, and where its packets begin.
    start: int
    packets_from: int
    #: Bytes that replace others, and where those are in the file.
    patch: bytes = b""
    patch_at: int = 0
    #: Headers to read in front of it.
    header: bytes = b""
    #: Where the part ends; None for the end of the file.
    end: int | None = None


def find_continuation(path: Path, form: str, read_up_to: int) -> Continuation | None:
    """Find where a file continues; None if it does not. `form` is FFmpeg's name of its format.

    Raises OSError as `open`.
    """
    is_mp4 = form.startswith("mov,")
    if (
        not (is_mp4 or form in BEGINNINGS or form == "rm")
        or not path.is_file()
        or not path.stat().st_size
    ):
        return None
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if is_mp4:
            return _find_next_of_mp4(data, read_up_to)
        if form == "rm":
            return _find_next_of_rm(data, read_up_to)
        found = BEGINNINGS[form].search(data, max(read_up_to, 1))
        if form == MATROSKA:  # damage in the last cluster
            end = len(data) if found is None else found.start()
            if read_up_to and (block := find_block(data, read_up_to, end)):
                return Continuation(block[0], block[0], header=block[1], end=end)
        return None if found is None else Continuation(found.start(), found.start())


def find_skipped(path: Path, form: str, begin: int, end: int) -> Continuation | None:
    """Find packets between two places of a file, which its reader skipped; None if none are there.

    Raises OSError as `open`.
    """
    if form not in (MATROSKA, "rm") or not path.is_file():
        return None
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        found = None
        if form == MATROSKA and (block := find_block(data, begin, end)):
            found = Continuation(block[0], block[0], header=block[1])
        elif form == "rm":
            found = _find_next_of_rm(data, begin)
    return None if found is None or found.start >= end else replace(found, end=end)


def is_read_again(path: Path, form: str, read_up_to: int) -> bool:
    """Return whether places that go back are those of another, fragmented mp4 behind `read_up_to`.

    FFmpeg reads the fragments of all files that are joined, but may take their places, which count
    from the beginning of their own file, for places in the first. Raises OSError as `open`.
    """
    found = find_continuation(path, form, read_up_to) if form.startswith("mov,") else None
    if found is None or found.patch:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return data.find(b"mvex", 0, found.start) >= 0


def _find_next_of_mp4(data: mmap.mmap, read_up_to: int) -> Continuation | None:
    """Find the next file, or the next fragment of this file behind a damaged one."""
    contents, broken = 0, len(data)
    for at, kind in _find_atoms(data):
        if kind == _BEGIN and contents and at >= read_up_to > 0:
            return Continuation(at, at)
        if kind == _CONTENTS and not contents:
            contents = at + int.from_bytes(data[at : at + 4])
        if at >= read_up_to:
            broken = min(broken, at)
    if not contents or data.find(b"mvex", 0, contents) < 0:
        return None
    found = data.find(_FRAGMENT, broken + 8 + 4) - 4
    if found < broken + 8 or found - broken >= 1 << 32:
        return None
    # The same file, because fragments name places in it; only the damage is patched.
    return Continuation(0, found, (found - broken).to_bytes(4) + _NOTHING, broken)


def _find_atoms(data: mmap.mmap) -> Iterator[tuple[int, bytes]]:
    """Yield place and kind of each atom at the top, up to an invalid size or the last atom."""
    at = 0
    while at + 8 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16])
        yield at, kind
        if size < 8:
            return
        at += size


def _find_next_of_rm(data: mmap.mmap, read_up_to: int) -> Continuation | None:
    """Find the next packet of RealMedia: each has its length, behind which another begins."""
    contents = data.find(b"DATA", 0, read_up_to)
    for found in RM_PACKET.finditer(data, read_up_to + 1) if contents > 0 else ():
        following = found.start() + int.from_bytes(found[1])
        if following > found.start() + 12 and RM_PACKET.match(data, following):
            header = data[: contents + RM_DATA_BYTES]
            return Continuation(found.start(), found.start(), header=header)
    return None
