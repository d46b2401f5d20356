"""A temporary cache for the demo if the cache folder cannot be written, as in a read-only home."""

import errno
import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from nemocli.errors import UnsupportedError


def make_writable(folder: Path) -> None:
    """Make a folder in the cache; UnsupportedError if it cannot be made or written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise UnsupportedError(
            f"The cache folder {folder} cannot be used ({error.strerror});"
            " set NEMOCLI_CACHE_DIR to a folder that can be written."
        ) from None


def use_temporary_cache(reason: UnsupportedError, progress: Callable[[str], None] | None) -> Path:
    """Return a folder that is removed when nemocli ends, and call `progress` with a sentence.

    Raises `reason` if no folder can be made.
    """
    try:
        folder = Path(_make_temporary_folder().name)
    except OSError:
        raise reason from None
    if progress:
        progress(
            "the cache folder cannot be written, so the demo is converted into a temporary folder;"
            " set NEMOCLI_CACHE_DIR to one that stays"
        )
    return folder


@cache
def _make_temporary_folder() -> "tempfile.TemporaryDirectory[str]":
    """Make one folder for the process: its files may be read until the end."""
    return tempfile.TemporaryDirectory(prefix="nemocli-", ignore_cleanup_errors=True)
