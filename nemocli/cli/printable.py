"""Text from models, files and devices, made harmless for a terminal.

`say` and `Screen` do it to all they are given; what is printed elsewhere goes through here first.
"""

import os
import re
import sys
import unicodedata
from pathlib import Path

#: What ends a line or begins an order to a terminal.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")

#: Format characters that scripts need: joiners, and marks of direction for a single place.
_NEEDED = "\u200c\u200d\u200e\u200f"


def printable(text: str) -> str:
    """The text on one line, without what a terminal would obey instead of showing it."""
    return "".join(_shown(character) for character in text)


def printable_lines(text: str) -> str:
    """The same with its own lines and columns."""
    return "".join(c if c in "\n\t" else _shown(c) for c in text)


def blank_controls(text: str) -> str:
    """The text on one line, for programs: letters and bytes of no letter stay as they are."""
    return _CONTROLS.sub(" ", text)


def printable_path(path: str | Path) -> str:
    """A path for people: of bytes that are no UTF-8 it shows a replacement."""
    return printable(os.fsencode(path).decode("utf-8", "replace"))


def print_path(path: Path) -> None:
    """A path on stdout: for programs the path itself, on a terminal one for people."""
    print(printable_path(path) if sys.stdout.isatty() else path)


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cc", "Zl", "Zp"):
        return " "
    if category == "Cs":  # a byte that is no text
        return "\ufffd"
    if category == "Cf" and character not in _NEEDED:
        return ""
    return character
