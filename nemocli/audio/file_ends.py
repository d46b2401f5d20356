"""Where files end by their headers: some are cut off, and some go on."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from nemocli.audio.sound_part import SoundPart
from nemocli.audio.wav_header import UNKNOWN_LENGTH

#: Parts of a file, and chunks of a part, that are looked at.
MOST_PARTS = MOST_CHUNKS = 10_000

#: A length that AU writes where it is not known, and the least that CAF cannot mean.
AU_UNKNOWN, CAF_UNKNOWN = 0xFFFFFFFF, 1 << 62

#: No file is longer than this.
LARGEST = 1 << 62

#: The most that a page of Ogg can be long, and its flag for the last one of a stream.
LONGEST_PAGE, LAST_PAGE = 65_307, 0x04

#: What is said of a file that does not tell how much of it is missing.
NO_END = "The file has no end: it was cut short, or is still being written."


def ends_early(path: Path) -> bool:
    """Whether the last page of an Ogg file is not the last of its stream; OSError as `open`."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 2 * LONGEST_PAGE))
        data = file.read()
    at = data.rfind(b"OggS\0")
    return at >= 0 and len(data) > at + 5 and not data[at + 5] & LAST_PAGE


def lacks_bytes(path: Path) -> bool:
    """Whether a RIFF file is shorter than its header says; OSError as `open`."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8)[4:], "little")
    return 8 + length > path.stat().st_size + 1 and length < UNKNOWN_LENGTH


def find_file_parts(path: Path) -> list[SoundPart]:
    """Find the AIFF, AU, CAF or W64 files that are joined in one; none where that is unclear.

    Raises OSError as `open`.
    """
    size, parts = path.stat().st_size, list[SoundPart]()
    with path.open("rb") as file:
        start = 0
        while len(parts) < MOST_PARTS:
            end = _end(file, start)
            if end is None or not start < end < LARGEST:
                break
            follows = end < size and _end(file, end) is not None
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


def _end(file: BinaryIO, start: int) -> int | None:
    """Where a file that begins at a place ends by its header; None if there is none, or unsaid."""
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
    if head[:4] == b"riff":  # of W64, whose lengths have 8 bytes and count themselves
        return start + int.from_bytes(head[16:24], "little") or None
    return _caf_end(file, start + 8) if head[:4] == b"caff" else None


def _caf_end(file: BinaryIO, at: int) -> int | None:
    """Where the last chunk ends; None if a length is not said."""
    is_sound = False
    for _ in range(MOST_CHUNKS):
        file.seek(at)
        head = file.read(12)
        if len(head) < 12 or not all(32 <= byte < 127 for byte in head[:4]) or head[:4] == b"caff":
            break
        length = int.from_bytes(head[4:])
        if length >= CAF_UNKNOWN or (length == 0 and head[:4] == b"data"):
            return None
        is_sound = is_sound or head[:4] == b"data"
        at += 12 + length
    return at if is_sound else None


def _has_content(file: BinaryIO, at: int, end: int) -> bool:
    """Whether there is anything but a few zeros."""
    file.seek(at)
    return bool(file.read(min(max(0, end - at), 1 << 16)).strip(b"\0"))
