"""Text from models, files and devices, made harmless for a terminal."""

import unicodedata

#: Format characters that scripts need: joiners, and marks of direction for a single place.
_NEEDED = "\u200c\u200d\u200e\u200f"


def printable(text: str) -> str:
    """The text on one line, without what a terminal would obey instead of showing it."""
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cc", "Zl", "Zp"):
        return " "
    if category in ("Cf", "Cs") and character not in _NEEDED:
        return ""
    return character
