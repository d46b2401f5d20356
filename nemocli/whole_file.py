"""Writing files and folders that appear whole or not at all, even if the writing is interrupted.

Each is written beside its place, under a name that holds the number of the process, and renamed
when it is whole.
"""

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nemocli.errors import UsageError
from nemocli.processes import runs_elsewhere
from nemocli.removal import discard_folder

#: How `name_part` names what is being written.
_PART = re.compile(r"\..+\.(?P<pid>\d+)(\.[a-z]\w*)?\.part", re.DOTALL)


def check_target(path: Path, force: bool) -> None:
    """Raise UsageError for what is not a file, or is a file that may not be replaced."""
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is not a file: choose another name.")
    if path.exists() and not force:
        raise UsageError(f"{path} exists: add --force to replace it, or choose another name.")


def write_whole_file(path: Path, content: str | bytes) -> None:
    """Write a file, text as UTF-8. A pipe or a device is written to directly. Raises OSError."""
    if path.exists() and not path.is_file() and not path.is_dir():
        path.write_bytes(_encode(content))
        return
    with write_whole(path) as part:
        write_synced(part, content)


@contextmanager
def write_whole(path: Path, part: Path | None = None) -> Iterator[Path]:
    """Give a path beside `path` for a file or folder, which is renamed to `path` after the block.

    If the block raises anything, Ctrl-C included, what was written is removed and `path` is as it
    was. The permissions of a replaced file are kept. `part` is another path to write to, on the
    same disk. Raises OSError.
    """
    part = part or name_part(path)
    try:
        _remove(part)  # left by a process that was killed
        yield part
        copy_permissions(path, part)
        _take_place(part, path)
    except BaseException:
        _remove(part)
        raise


def write_synced(path: Path, content: str | bytes) -> None:
    """Write a file, and return when it is on disk. Links are not followed. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(path, flags, 0o666), "wb") as file:
        file.write(_encode(content))
        file.flush()
        os.fsync(file.fileno())


def name_part(path: Path, mark: str = "") -> Path:
    """Return the path at which this process writes `path`; `mark` distinguishes several."""
    return path.with_name(f".{path.name}.{os.getpid()}{mark}.part")


def remove_abandoned(path: Path) -> None:
    """Remove the unfinished parts of `path` that killed processes left. Raises OSError."""
    pattern = re.compile(rf"\.{re.escape(path.name)}\.(\d+)(\.\w+)?\.part")
    for beside in path.parent.iterdir():
        match = pattern.fullmatch(beside.name)
        if match and not runs_elsewhere(int(match[1])):
            _remove(beside)


def is_part(path: Path) -> bool:
    """Tell by its name whether a path is the unfinished part of another one."""
    return _PART.fullmatch(path.name) is not None


def is_abandoned(path: Path) -> bool:
    """Tell whether a path is an unfinished part that a killed process left."""
    match = _PART.fullmatch(path.name)
    return match is not None and not runs_elsewhere(int(match["pid"]))


def copy_permissions(replaced: Path, part: Path) -> None:
    """Give a file the mode of the one that it will replace, and its owner if that is allowed.

    Do nothing if there is no such file, or if one of the two is no plain file.
    """
    with suppress(OSError):
        found = os.lstat(replaced)
        if not stat.S_ISREG(found.st_mode) or not stat.S_ISREG(os.lstat(part).st_mode):
            return
        with suppress(OSError):  # only root may give files away
            os.chown(part, found.st_uid, found.st_gid)
        os.chmod(part, stat.S_IMODE(found.st_mode) & 0o777)  # where the disk knows permissions


def _encode(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _take_place(part: Path, path: Path) -> None:
    """Rename a part to `path`; a folder with files in its place is moved away before."""
    try:
        os.replace(part, path)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        old = name_part(path, ".old")
        try:
            os.replace(path, old)
            os.replace(part, path)
        except BaseException:  # Ctrl-C too
            if not path.exists():
                os.replace(old, path)
            raise
        finally:
            discard_folder(old)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        discard_folder(path)
    else:
        with suppress(OSError):  # it does not exist, or its folder is gone
            path.unlink()
