"""How much room a disk has where something is to be written that is not there yet."""

import shutil
from pathlib import Path


def nearest_existing(path: Path) -> Path:
    """Return the path, or the deepest folder above it that exists. Raises OSError.

    That is PermissionError where the person may not look, and others for names that no disk takes.
    """
    return next(place for place in (path, *path.absolute().parents) if place.exists())


def free_bytes(path: Path) -> int:
    """Return the bytes that are free where `path` is, or will be. Raises OSError."""
    return shutil.disk_usage(nearest_existing(path)).free
