"""Search for the blocks of Matroska behind damage in the middle of a cluster.

FFmpeg continues with the next cluster, which may begin ten seconds later.
"""

from __future__ import annotations

import mmap
import re

#: Identities of a cluster, of its time, and of what else may stand where a block could.
CLUSTER, TIME = b"\x1f\x43\xb6\x75", b"\xe7"
BESIDE_BLOCKS = (
    b"\xa0",
    b"\xa3",
    b"\xab",
    b"\xec",
    CLUSTER,
    b"\x1c\x53\xbb\x6b",
    b"\x12\x54\xc3\x67",
)

#: A simple block: its size, number of its track, time, flags; and blocks in a row that are needed.
BLOCK = re.compile(rb"\xa3[\x10-\xff]")
MIN_BLOCKS = 3

#: Bytes at the beginning of a file in which the first cluster is.
MAX_HEADER_BYTES = 1 << 24

#: Bytes at the beginning of a cluster in which its time is.
MAX_CLUSTER_HEAD_BYTES = 4096


def find_block(data: mmap.mmap, begin: int, end: int) -> tuple[int, bytes] | None:
    """Find a block between two places of a file, with a header to read it as a file of its own.

    Returns its place and the header, or None if no block is there.
    """
    for found in BLOCK.finditer(data, begin, end):
        at = found.start()
        if _follow_blocks(data, at, end):
            header = _make_header(data, at)
            return None if header is None else (at, header)
    return None


def _follow_blocks(data: mmap.mmap, at: int, end: int) -> bool:
    """Return whether MIN_BLOCKS elements of a cluster follow each other, or some up to `end`."""
    for count in range(MIN_BLOCKS):
        if at >= end:
            return count > 1
        known = next((name for name in BESIDE_BLOCKS if data[at : at + len(name)] == name), b"")
        if not known:
            return False
        size, width = _read_size(data, at + len(known))
        if size is None or (known == CLUSTER and count):
            return known == CLUSTER
        at += len(known) + width + size
    return True


def _make_header(data: mmap.mmap, at: int) -> bytes | None:
    """Return the file's headers, and a cluster of unknown size with the time of the one at `at`."""
    first = data.find(CLUSTER, 0, MAX_HEADER_BYTES)
    cluster = data.rfind(CLUSTER, 0, at)
    if first < 0 or cluster < 0:
        return None
    _, width = _read_size(data, cluster + len(CLUSTER))
    begin = cluster + len(CLUSTER) + width
    head = data[begin : min(at, begin + MAX_CLUSTER_HEAD_BYTES)]
    while head and head[:1] != TIME:  # checksums and empty space may stand before it
        if head[:1] not in (b"\xbf", b"\xec"):
            return None
        size, width = _read_size(head, 1)
        head = head[1 + width + (size or 0) :] if size is not None else b""
    size, width = _read_size(head, 1)
    if size is None or size > 8:
        return None
    time = head[: 1 + width + size]
    return data[:first] + CLUSTER + b"\x01" + b"\xff" * 7 + time


def _read_size(data: mmap.mmap | bytes, at: int) -> tuple[int | None, int]:
    """Read a size: its value, None if unknown or invalid, and the bytes that it takes."""
    if at >= len(data) or not data[at]:
        return None, 1
    width = 9 - data[at].bit_length()
    size = int.from_bytes(data[at : at + width]) & ((1 << 7 * width) - 1)
    return (None if size == (1 << 7 * width) - 1 else size), width
