"""The right to write a file for as long as a process runs, whatever ends it."""

import errno
import fcntl
import os
from contextlib import suppress
from pathlib import Path

from nemocli.closing import Closing
from nemocli.errors import NemocliError, UsageError

#: What the system reports where a disk knows no locks: files there are written without one.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


class FileLock(Closing):
    """A lock on `path`, which need not exist; a context manager that gives it back.

    The lock is on a hidden file beside the one that is meant, links followed. The system takes the
    lock away from a process that ends, so a file that was left by a killed one stops nobody. Raises
    UsageError if another process has the lock, NemocliError if nothing can be written there.
    """

    def __init__(self, path: Path) -> None:
        real = Path(os.path.realpath(path))
        self._beside = real.with_name(f".{real.name}.lock")
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        while True:
            try:
                self._file = os.open(self._beside, flags, 0o666)
            except OSError as error:
                raise NemocliError(f"{path} cannot be written: {error.strerror}.") from None
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno in _NO_LOCKS:
                    return
                os.close(self._file)
                raise UsageError(
                    f"{path} is being written by another nemocli: end that one first, or choose"
                    " another name."
                ) from None
            if self._is_in_place():
                return
            os.close(self._file)  # its last owner removed it after we opened it

    def close(self) -> None:
        """Remove the lock."""
        with suppress(OSError):  # its folder may be gone
            if self._is_in_place():
                self._beside.unlink()
        os.close(self._file)

    def _is_in_place(self) -> bool:
        with suppress(OSError):
            return os.path.samestat(os.lstat(self._beside), os.fstat(self._file))
        return False
