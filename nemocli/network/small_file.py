"""Files of a model that are read as a whole: no device, no pipe, nothing that fills the memory."""

import stat
from pathlib import Path

from nemocli.errors import ModelError

#: Bytes of a configuration or a tokenizer at most; the largest known takes a third of it.
MAX_BYTES = 64 << 20


def read_text(path: Path) -> str:
    """The text of a file; ModelError if it is none or too large, OSError, ValueError for no UTF-8.

    Links are followed: the hub's own cache consists of them.
    """
    check_small(path)
    return path.read_text(encoding="utf-8")


def check_small(path: Path) -> None:
    """ModelError for what is no plain file, or too large; OSError if it cannot be looked at."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_BYTES:
        raise ModelError(
            f"{path} is not a plain file of at most {MAX_BYTES >> 20} MB; get the model from a"
            " source you trust."
        )
