"""Pages of an Ogg file: whether its first are lost, and when the sound in each begins."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

#: First bytes of a page, its header's length without the table of segments, and a full segment.
MAGIC, HEAD_BYTES, FULL = b"OggS", 27, 255

#: Flags of a page: it continues the packet of the page before, or is the last of its stream.
CONTINUED, LAST = 0x01, 0x04

#: Granule positions of pages with headers, or on which no packet ends.
NO_TIME = (0, 2**64 - 1)

#: Limit on the pages that hold headers (pictures of covers among them).
MAX_HEADER_PAGES = 1000

#: More seconds than these are on no page.
MAX_PAGE_S = 10.0

#: Stations send listeners the headers and then what is on, which is no loss: without bytes of the
#: lost pages, only a beginning that is late by less is lost.
MAX_LOSS_S = 60.0


@dataclass(frozen=True)
class Page:
    """Header of a page."""

    flags: int
    granule: int
    serial: int
    number: int
    #: Packets that end on it, and bytes of the whole page.
    packets: int
    size: int


def read_page(file: BinaryIO, at: int) -> Page | None:
    """Read the header of the page at a place in the file; return None if no page is there."""
    file.seek(at)
    head = file.read(HEAD_BYTES)
    if len(head) < HEAD_BYTES or head[:4] != MAGIC:
        return None
    segments = file.read(head[26])
    return Page(
        flags=head[5],
        granule=int.from_bytes(head[6:14], "little"),
        serial=int.from_bytes(head[14:18], "little"),
        number=int.from_bytes(head[18:22], "little"),
        packets=sum(size < FULL for size in segments),
        size=HEAD_BYTES + len(segments) + sum(segments),
    )


def is_beginning_lost(path: Path, first: int, late: float) -> bool:
    """Return whether pages are lost before the first with sound, which is at `first` in the file.

    `late` says when its sound begins, in seconds. Raises OSError as `open`.
    """
    with path.open("rb") as file:
        page = read_page(file, first)
        if page is None:
            return False
        at, last = 0, -1
        for _ in range(MAX_HEADER_PAGES):
            header = read_page(file, at)
            if at >= first or header is None or header.granule not in NO_TIME:
                break
            at += header.size
            if header.serial == page.serial:
                last = header.number
    lost = page.number - last - 1
    return 0 < late <= lost * MAX_PAGE_S and (at < first or late <= MAX_LOSS_S)
