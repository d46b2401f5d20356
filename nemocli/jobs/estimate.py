"""How much sound there is in files of which most were not opened yet."""

import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path


class Estimate:
    """Seconds of sound in all files: of those heard of, as they say; of the others, by their size.

    Seconds for a byte are learnt for each extension. Nothing is opened for it.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._sizes = {path: _size(path) for path in paths}
        self._seconds: dict[Path, float] = {}
        # By extension: bytes of files not heard of, and bytes and seconds of the others.
        self._unheard: dict[str, int] = defaultdict(int)
        self._heard: dict[str, int] = defaultdict(int)
        self._learnt: dict[str, float] = defaultdict(float)
        for path, size in self._sizes.items():
            self._unheard[_kind(path)] += size

    def tell(self, path: Path, seconds: float) -> None:
        """A file's length as far as it is known by now."""
        kind = _kind(path)
        if path not in self._seconds:
            size = self._sizes.get(path, 0)
            self._unheard[kind] -= size
            self._heard[kind] += size
        self._learnt[kind] += seconds - self._seconds.get(path, 0.0)
        self._seconds[path] = seconds

    @property
    def total(self) -> float | None:
        """Seconds of sound in all files; None while nothing is known."""
        heard = sum(self._heard.values())
        if not heard:
            return None
        learnt = sum(self._learnt.values())
        total = learnt
        for kind, size in self._unheard.items():
            per_byte = learnt / heard
            if self._heard[kind]:
                per_byte = self._learnt[kind] / self._heard[kind]
            total += size * per_byte
        return total


def _kind(path: Path) -> str:
    return path.suffix.lower()


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except (OSError, ValueError):
        return 0
