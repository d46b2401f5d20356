"""Claims on files, which keep two runs from transcribing the same file at the same time.

They hold for all runs on this machine, and on a shared disk for those on other machines. A claim is
a lock on one byte, far beyond the end of an empty file. The system releases the locks of a process
that ends in any way, so a killed run leaves no claims behind.
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

#: The byte that is locked by `turn`; the bytes of claims are behind it.
_TURN_BYTE = 0

#: Links are not followed: the folder may come from a stranger.
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW

#: Errors of fcntl for a lock that another process holds.
_TAKEN = (errno.EACCES, errno.EAGAIN)


def compute_claim_number(key: str) -> int:
    """Return the byte to lock for a key: a positive number of 62 bits."""
    digest = hashlib.sha256(os.fsencode(key)).digest()
    return 1 + (int.from_bytes(digest[:8]) >> 2)


class Claims:
    """The claims in one file. A process must have only one object per file; threads may share it.

    Methods raise OutputError if the file cannot be opened or its disk does not support locks.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._held: set[int] = set()
        # Locks of the system do not exclude threads of the same process.
        self._threads = threading.RLock()

    def take(self, *keys: str) -> bool:
        """Claim all the keys, or none if another process has one of them."""
        taken: list[int] = []
        with self._threads:
            for number in map(compute_claim_number, keys):
                if number in self._held:
                    continue
                if not self._lock(number):
                    for other in taken:
                        self._unlock(other)
                    return False
                taken.append(number)
        return True

    def release(self, *keys: str) -> None:
        """Give up the claims of these keys."""
        with self._threads:
            for number in map(compute_claim_number, keys):
                if number in self._held:
                    self._unlock(number)

    def release_all(self) -> None:
        """Give up all claims."""
        with self._threads:
            for number in list(self._held):
                self._unlock(number)

    def is_claimed(self, number: int) -> bool:
        """Return whether any process, this one included, holds the claim with this number."""
        with self._threads:
            if number in self._held or not self._lock(number):
                return True
            self._unlock(number)
            return False

    @contextmanager
    def take_turn(self) -> Iterator[None]:
        """Wait until no other thread or process is in this block, and keep them out."""
        with self._threads:
            self._lock(_TURN_BYTE, wait=True)
            try:
                yield
            finally:
                self._unlock(_TURN_BYTE)

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
        """Close the file if nothing is claimed: a run may have more folders than it may open."""
        if self._file is not None and not self._held:
            os.close(self._file)
            self._file = None
