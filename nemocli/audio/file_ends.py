"""Ends of files by their headers: some files are cut off, and some continue."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from nemocli.audio.ogg_pages import LAST, read_page
from nemocli.audio.sound_part import SoundPart
from nemocli.audio.wav_header import UNKNOWN_LENGTH

#: Limits on the parts of a file, and on the chunks of a part.
MAX_PARTS = MAX_CHUNKS = 10_000

#: Length in AU if it is unknown, and the least length in CAF that cannot be meant.
AU_UNKNOWN, CAF_UNKNOWN = 0xFFFFFFFF, 1 << 62

#: Limit on a plausible end of a file.
MAX_FILE_BYTES = 1 << 62

#: Length of the longest page of Ogg.
MAX_PAGE_BYTES = 65_307

#: How the index of NUT begins, and the most bytes that it and junk behind it may have.
NUT_INDEX, MAX_INDEX_BYTES = b"NX\xdd\x67\x2f\x23\xe6\x4e", 1 << 22

#: Warning for a file whose missing length is unknown.
NO_END = "The file has no end: it was cut short, or is still being written."


def ends_early(path: Path) -> bool:
    """Return whether an Ogg file lacks the last page of its stream. Raises OSError as `open`."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        begin = max(0, path.stat().st_size - 2 * MAX_PAGE_BYTES)
        file.seek(begin)
        data = file.read()
        at = data.rfind(b"OggS\0")
        page = read_page(file, begin + at) if at >= 0 else None
    if page is None:
        return at >= 0
    return not page.flags & LAST or at + page.size > len(data)


def lacks_index(path: Path) -> bool:
    """Return whether a NUT file lacks the index at its end. Raises OSError as `open`."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - MAX_INDEX_BYTES))
        return NUT_INDEX not in file.read()


def lacks_bytes(path: Path) -> bool:
    """Return whether a RIFF file is shorter than its header says. Raises OSError as `open`."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8)[4:], "little")
    return 8 + length > path.stat().st_size + 1 and length < UNKNOWN_LENGTH


def find_file_parts(path: Path) -> list[SoundPart]:
    """Find the AIFF, AU, CAF or W64 files joined in one file; an empty list where that is unclear.

    Raises OSError as `open`.
    """
    size, parts = path.stat().st_size, list[SoundPart]()
    with path.open("rb") as file:
        start = 0
        while len(parts) < MAX_PARTS:
            end = _find_end(file, start)
            if end is None or not start < end < MAX_FILE_BYTES:
                break
            follows = end < size and _find_end(file, end) is not None
            behind = 0 if follows or not _has_content(file, end, size) else size - end
            plain = not behind and end in (size, size + 1)
            parts.append(
                SoundPart(
                    start,
                    min(end, size),
                    promised=end - start,
                    bytes_behind=behind,
                    is_plain=plain,
                )
            )
            if not follows:
                break
            start = end
    return parts


def _find_end(file: BinaryIO, start: int) -> int | None:
    """Return where a file that begins at `start` ends by its header; None if that is unknown."""
    file.seek(start)
    head = file.read(24)
    if len(head) < 24:
        return None
    if head[:4] == b"FORM" and head[8:11] == b"AIF":
        length = int.from_bytes(head[4:8])
        return start + 8 + length + length % 2 if length else None
    if head[:4] == b".snd":
        first, length = int.from_bytes(head[4:8]), int.from_bytes(head[8:12])
        return start + first + length if length not in (0, AU_UNKNOWN) else None
    if head[:4] == b"riff":  # W64, whose lengths have 8 bytes and count themselves
        return start + int.from_bytes(head[16:24], "little") or None
    return _find_caf_end(file, start + 8) if head[:4] == b"caff" else None


def _find_caf_end(file: BinaryIO, at: int) -> int | None:
    """Return where the last chunk ends; None if a length is unknown."""
    is_sound = False
    for _ in range(MAX_CHUNKS):
        file.seek(at)
        head = file.read(12)
        if len(head) < 12 or not head[:4].isalnum() or head[:4] == b"caff":
            break
        length = int.from_bytes(head[4:])
        if length >= CAF_UNKNOWN or (length == 0 and head[:4] == b"data"):
            return None
        is_sound = is_sound or head[:4] == b"data"
        at += 12 + length
    return at if is_sound else None


def _has_content(file: BinaryIO, at: int, end: int) -> bool:
    """Return whether the bytes are more than zeros; at most 64 KiB are examined."""
    file.seek(at)
    return bool(file.read(min(max(0, end - at), 1 << 16)).strip(b"\0"))
