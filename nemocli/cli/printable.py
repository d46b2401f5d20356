"""Make text from models, files and devices harmless for a terminal.

`say` and `Screen` do that with everything; other code calls these functions before it prints.
"""

import os
import re
import sys
import unicodedata
from pathlib import Path

#: Characters that end a line or begin a control sequence.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")

#: Format characters that scripts need: joiners, and direction marks.
_NEEDED = "\u200c\u200d\u200e\u200f"


def make_printable(text: str) -> str:
    """Return the text on one line, without characters that a terminal would obey."""
    return "".join(_make_harmless(character) for character in text)


def make_lines_printable(text: str) -> str:
    """Return the text without characters that a terminal would obey, but with lines and tabs."""
    return "".join(c if c in "\n\t" else _make_harmless(c) for c in text)


def blank_controls(text: str) -> str:
    """Return the text on one line, for programs: everything but control characters is kept."""
    return _CONTROLS.sub(" ", text)


def make_path_printable(path: str | Path) -> str:
    """Return a path to show to the user; bytes that are not UTF-8 are replaced."""
    return make_printable(os.fsencode(path).decode("utf-8", "replace"))


def print_path(path: Path) -> None:
    """Print a path on stdout: the exact path, or on a terminal its printable form."""
    print(make_path_printable(path) if sys.stdout.isatty() else path)


def _make_harmless(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cc", "Zl", "Zp"):
        return " "
    if category == "Cs":  # a byte that is not UTF-8
        return "\ufffd"
    if category == "Cf" and character not in _NEEDED:
        return ""
    return character
