"""The free space of a disk, also for a path that does not exist yet."""

import shutil
from pathlib import Path


def find_nearest_existing(path: Path) -> Path:
    """Return the path, or the deepest folder above it that exists. Raises OSError.

    It is PermissionError for a folder that the user may not look into, and another for a name that
    no disk accepts.
    """
    return next(place for place in (path, *path.absolute().parents) if place.exists())


def count_free_bytes(path: Path) -> int:
    """Return the bytes that are free where `path` is, or will be. Raises OSError."""
    return shutil.disk_usage(find_nearest_existing(path)).free
