"""Reading a model's small files whole, but no device, pipe, or file that fills the memory."""

import stat
from pathlib import Path

from nemocli.errors import ModelError

#: The most bytes that a configuration or a tokenizer may have: three times the largest known.
MAX_BYTES = 64 << 20


def read_text(path: Path) -> str:
    """Read a text file; links are followed, since the hub's cache consists of them.

    Raises ModelError if it is not a plain file or too large, OSError if it cannot be read,
    ValueError if it is not UTF-8.
    """
    check_small(path)
    return path.read_text(encoding="utf-8")


def check_small(path: Path) -> None:
    """Raise ModelError for what is too large or no plain file, OSError if it cannot be found."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_BYTES:
        raise ModelError(
            f"{path} is not a plain file of at most {MAX_BYTES >> 20} MB; get the model from a"
            " source you trust."
        )
