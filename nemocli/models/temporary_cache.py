"""Where the demo is converted if the cache folder cannot be written, as where HOME is read-only."""

import errno
import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from nemocli.errors import UnsupportedError


def make_writable(folder: Path) -> None:
    """Make a folder of the cache; UnsupportedError if it cannot be made or written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise UnsupportedError(
            f"The cache folder {folder} cannot be used ({error.strerror});"
            " set NEMOCLI_CACHE_DIR to a folder that can be written."
        ) from None


def use_temporary_cache(reason: UnsupportedError, tell: Callable[[str], None] | None) -> Path:
    """A folder that goes when nemocli ends; `tell` gets a sentence, `reason` is raised if none."""
    try:
        folder = Path(_temporary_folder().name)
    except OSError:
        raise reason from None
    if tell:
        tell(
            "the cache folder cannot be written, so the demo is converted into a temporary folder;"
            " set NEMOCLI_CACHE_DIR to one that stays"
        )
    return folder


@cache
def _temporary_folder() -> "tempfile.TemporaryDirectory[str]":
    """One for the process, since what is loaded from it may be read later."""
    return tempfile.TemporaryDirectory(prefix="nemocli-", ignore_cleanup_errors=True)
