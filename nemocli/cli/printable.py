"""Text from models, files and devices, made harmless for a terminal."""

import os
import unicodedata
from pathlib import Path

#: Format characters that scripts need: joiners, and marks of direction for a single place.
_NEEDED = "\u200c\u200d\u200e\u200f"


def printable(text: str) -> str:
    """The text on one line, without what a terminal would obey instead of showing it."""
    return "".join(_shown(character) for character in text)


def printable_path(path: str | Path) -> str:
    """A path for people: of bytes that are no UTF-8 it shows a replacement."""
    return printable(os.fsencode(path).decode("utf-8", "replace"))


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cc", "Zl", "Zp"):
        return " "
    if category in ("Cf", "Cs") and character not in _NEEDED:
        return ""
    return character
