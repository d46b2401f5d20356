"""Lists of paths that other programs write: one per line, or each followed by NUL."""

import codecs
import os

from nemocli.errors import UsageError

#: Marks at the beginning of a list and the encodings they stand for; the longer ones first.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF8, "utf-8"),
)


def read_list(content: bytes) -> list[str]:
    """Read the paths of a list: one per line, or each followed by NUL as `find -print0` writes.

    Lists from Windows are read too: UTF-16, a byte order mark, carriage returns. Raises UsageError
    if the content is not a list of paths.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            content = content.removeprefix(mark)
            if encoding != "utf-8":  # a path may have bytes that are not UTF-8
                content = _convert_to_utf8(content, encoding)
            break
    else:
        if guessed := _guess_encoding(content):
            content = _convert_to_utf8(content, guessed)
    if content.endswith(b"\0"):
        parts = content.split(b"\0")
    else:
        parts = [line.removesuffix(b"\r") for line in content.split(b"\n")]
        for number, part in enumerate(parts, 1):
            if b"\0" in part:
                raise UsageError(
                    f"Line {number} of the list has a NUL in it: write one path a line, or a NUL"
                    " behind every path."
                )
    return [os.fsdecode(part) for part in parts if part]


def _convert_to_utf8(content: bytes, encoding: str) -> bytes:
    """Convert text from another encoding to UTF-8; UsageError if it is damaged."""
    try:
        return content.decode(encoding).encode()
    except UnicodeError:
        name = encoding.upper()
        raise UsageError(
            f"The list is damaged: it is not {name} to its end. Write it again."
        ) from None


def _guess_encoding(content: bytes) -> str | None:
    """Return the encoding of a list in UTF-16 without a mark, by its NULs; None for others.

    In Latin letters every other byte is NUL. Paths that are each followed by NUL have fewer, unless
    all have only a letter or two.
    """
    if len(content) % 2 or not content:
        return None
    for encoding, high, low in (
        ("utf-16-le", content[1::2], content[::2]),
        ("utf-16-be", content[::2], content[1::2]),
    ):
        is_dense = 2 * high.count(0) > len(high)
        if is_dense and not low.count(0) and (b"." in low or b"/" in low):
            return encoding
    return None
