"""Estimate the length of the sound in many files, most of which are not opened yet."""

import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path


class Estimate:
    """Seconds of sound in all files: known lengths, and an estimate by size for the rest.

    Files of the same extension are assumed to have the same number of seconds per byte.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._sizes = {path: _read_size(path) for path in paths}
        self._seconds: dict[Path, float] = {}
        # By extension: bytes of files of unknown length, and bytes and seconds of the others.
        self._unknown_bytes: dict[str, int] = defaultdict(int)
        self._known_bytes: dict[str, int] = defaultdict(int)
        self._known_seconds: dict[str, float] = defaultdict(float)
        for path, size in self._sizes.items():
            self._unknown_bytes[_find_extension(path)] += size

    def set_length(self, path: Path, seconds: float) -> None:
        """Set a file's length, as far as it is known by now."""
        extension = _find_extension(path)
        if path not in self._seconds:
            size = self._sizes.get(path, 0)
            self._unknown_bytes[extension] -= size
            self._known_bytes[extension] += size
        self._known_seconds[extension] += seconds - self._seconds.get(path, 0.0)
        self._seconds[path] = seconds

    @property
    def total(self) -> float | None:
        """Seconds of sound in all files; None while no length is known."""
        known_bytes = sum(self._known_bytes.values())
        if not known_bytes:
            return None
        known_seconds = sum(self._known_seconds.values())
        total = known_seconds
        for extension, size in self._unknown_bytes.items():
            per_byte = known_seconds / known_bytes
            if self._known_bytes[extension]:
                per_byte = self._known_seconds[extension] / self._known_bytes[extension]
            total += size * per_byte
        return total


def _find_extension(path: Path) -> str:
    return path.suffix.lower()


def _read_size(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except (OSError, ValueError):
        return 0
