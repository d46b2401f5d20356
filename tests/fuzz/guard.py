"""Guard against forbidden actions of a case: writing outside, starting programs, the network."""

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.fuzz.target import BrokenError

#: Events of Python's audit hooks that no case has a reason for.
FORBIDDEN = (
    "os.system",
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
    "subprocess.Popen",
    "socket.connect",
    "socket.bind",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "urllib.Request",
    "ctypes.dlopen",
)

#: Events that change a file; their first arguments are paths.
CHANGES = ("os.remove", "os.rename", "os.link", "os.symlink", "os.mkdir", "os.rmdir")
CHANGES += ("os.truncate", "os.chmod", "os.utime", "shutil.rmtree", "shutil.move")


class Guard:
    """While entered, anything forbidden is noted; leaving then raises BrokenError.

    Noted, because whoever catches exceptions of any kind would hide one that was raised there.
    There can be one in a process, since an audit hook stays.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = os.path.realpath(folder)
        self._is_on = False
        self._noted = ""
        sys.addaudithook(self._hear)

    def __enter__(self) -> "Guard":
        self._noted, self._is_on = "", True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_on = False
        if self._noted:
            raise BrokenError(self._noted)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._is_on:
            return
        if event == "open":
            path, mode, flags = arguments
            writes = (mode and set(mode) & set("wax+")) or (flags or 0) & (os.O_WRONLY | os.O_RDWR)
            if writes and not isinstance(path, int) and not self._is_inside(path):
                self._noted = f"opened {path!r} to write"
        elif event in FORBIDDEN or (event in CHANGES and not self._is_inside(arguments[0])):
            self._noted = f"{event} {arguments!r:.200}"

    def _is_inside(self, path: Any) -> bool:
        if isinstance(path, int):
            return True
        real = os.path.realpath(os.fsdecode(path))
        return real == self._folder or real.startswith(self._folder + os.sep)
