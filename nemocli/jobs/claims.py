"""Which files this run is at, known to every other run on the machine, and on a shared disk.

Each claim is a lock on one byte, far behind the end of an empty file. The system lets go of them
when the process ends, however it ends, so a run that was killed blocks nobody and leaves nothing.
"""

import errno
import fcntl
import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nemocli.errors import OutputError

#: The byte for what only one run may do at a moment; claims are behind it.
_TURN = 0

#: How the file is opened: it may be a link's, in a folder from a stranger.
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW

#: What fcntl reports of a lock that another process has.
_TAKEN = (errno.EACCES, errno.EAGAIN)


def claim_number(key: str) -> int:
    """The byte for a key: positive, of 62 bits."""
    digest = hashlib.sha256(os.fsencode(key)).digest()
    return 1 + (int.from_bytes(digest[:8]) >> 2)


class Claims:
    """Claims in one file; there must be one object for a file in a process. Threads may share it.

    Methods raise OutputError where the file cannot be opened or its disk knows no locks.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._held: set[int] = set()
        # The system does not tell the threads of a process apart.
        self._threads = threading.RLock()

    def take(self, *keys: str) -> bool:
        """Claim all the keys, or none if another process has one of them."""
        taken: list[int] = []
        with self._threads:
            for number in map(claim_number, keys):
                if number in self._held:
                    continue
                if not self._lock(number):
                    for other in taken:
                        self._unlock(other)
                    return False
                taken.append(number)
        return True

    def release(self, *keys: str) -> None:
        """Let go of keys."""
        with self._threads:
            for number in map(claim_number, keys):
                if number in self._held:
                    self._unlock(number)

    def release_all(self) -> None:
        """Let go of everything."""
        with self._threads:
            for number in list(self._held):
                self._unlock(number)

    def is_claimed(self, number: int) -> bool:
        """Whether any process has the claim of this number."""
        with self._threads:
            if number in self._held or not self._lock(number):
                return True
            self._unlock(number)
            return False

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for the moment that belongs to this thread alone, of all processes."""
        with self._threads:
            self._lock(_TURN, wait=True)
            try:
                yield
            finally:
                self._unlock(_TURN)

    def _lock(self, number: int, wait: bool = False) -> bool:
        try:
            if self._file is None:
                self._file = os.open(self._path, _FLAGS, 0o666)
            fcntl.lockf(
                self._file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB), 1, number, os.SEEK_SET
            )
        except OSError as error:
            self._close_if_unused()
            if error.errno in _TAKEN:
                return False
            raise OutputError(
                f"{self._path.parent} cannot be locked against other runs ({error.strerror});"
                " choose an --output-dir on another disk."
            ) from None
        self._held.add(number)
        return True

    def _unlock(self, number: int) -> None:
        if self._file is not None:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, number, os.SEEK_SET)
        self._held.discard(number)
        self._close_if_unused()

    def _close_if_unused(self) -> None:
        """A run may have more folders than the files it may open."""
        if self._file is not None and not self._held:
            os.close(self._file)
            self._file = None
