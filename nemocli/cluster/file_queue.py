"""Files that wait for a worker: those that come, and those that were lost with another one."""

from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path

from nemocli.jobs.plan import read_stamp

#: Files that a worker is given together; it gets no more once they have so many bytes.
MAX_BATCH_FILES, MAX_BATCH_BYTES = 8, 8_000_000

#: Times that a file may be lost with its worker.
MAX_LOSSES = 3


class FileQueue:
    """Lost files come before others, and each of them goes alone: it may be what ends workers."""

    def __init__(self) -> None:
        self._lost: deque[Path] = deque()
        self._losses: Counter[Path] = Counter()

    def take_next(self, coming: Iterator[Path]) -> list[Path]:
        """Return the next files for a worker, of those that were lost or of those that come."""
        if self._lost:
            return [self._lost.popleft()]
        batch: list[Path] = []
        size = 0
        while (
            len(batch) < MAX_BATCH_FILES
            and size < MAX_BATCH_BYTES
            and (path := next(coming, None)) is not None
        ):
            batch.append(path)
            content = read_stamp(path)
            size += content.size if content else MAX_BATCH_BYTES
        return batch

    def put_back(self, batch: list[Path]) -> list[Path]:
        """Queue files that were lost with their worker; return those lost for the last time."""
        self._losses.update(batch)
        given_up = [path for path in batch if self._losses[path] >= MAX_LOSSES]
        self._lost.extend(path for path in batch if path not in given_up)
        return given_up
