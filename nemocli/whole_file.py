"""Writing a file so that it appears whole or not at all, even if the writing is interrupted."""

import os
import stat
from contextlib import suppress
from pathlib import Path


def write_whole_file(path: Path, text: str) -> None:
    """Write UTF-8 to a file beside `path`, and rename it when it is on disk. Raises OSError."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.write(text)
            copy_permissions(path, file.fileno())
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:  # Ctrl-C too
        with suppress(OSError):
            part.unlink()
        raise


def copy_permissions(replaced: str | Path, file: int) -> None:
    """Give an open file the mode of the file that it will replace, and if allowed its owner.

    Do nothing if there is no such file, or if it is not a plain one.
    """
    try:
        found = os.lstat(replaced)
    except OSError:
        return
    if stat.S_ISREG(found.st_mode):
        with suppress(OSError):  # only root may give files away
            os.fchown(file, found.st_uid, found.st_gid)
        with suppress(OSError):  # a disk without permissions
            os.fchmod(file, stat.S_IMODE(found.st_mode) & 0o777)
