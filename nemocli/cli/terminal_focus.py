"""Whether the terminal that nemocli runs in has the focus, so that nothing is typed into it."""

import os
import subprocess
from collections.abc import Callable
from contextlib import suppress

from nemocli.cli.x11 import X11

#: What makes a terminal report its focus, or not any more, and what it reports.
_REPORT, _END_REPORTS = "\x1b[?1004h", "\x1b[?1004l"
FOCUS_IN, FOCUS_OUT = "\x1b[I", "\x1b[O"


class TerminalFocus:
    """What the terminal reports of its focus, or else what the X server says.

    A terminal of which neither is known counts as one that has the focus.
    """

    def __init__(self, x11: X11 | None) -> None:
        self._x11 = x11
        self._has_terminal = _has_terminal()
        # What was reported last; None if nothing was.
        self._reported: bool | None = None

    def begin(self, write: Callable[[str], None]) -> None:
        """Make the terminal report its focus, by writing to it."""
        write(_REPORT)

    def end(self, write: Callable[[str], None]) -> None:
        """Make it report no more, before another program has it."""
        write(_END_REPORTS)

    def take(self, key: str) -> bool:
        """Take a key; return whether it was such a report."""
        if key not in (FOCUS_IN, FOCUS_OUT):
            return False
        self._reported = key == FOCUS_IN
        return True

    @property
    def is_here(self) -> bool:
        """Whether the terminal has the focus, or may have it."""
        if not self._has_terminal:
            return False
        if self._reported is not None:
            return self._reported
        is_ours = (
            None if self._x11 is None else self._x11.is_focus_of(_find_window(), _list_ancestors())
        )
        return is_ours is not False


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _find_window() -> int | None:
    """Return the terminal's window; terminals inside of another terminal inherit a wrong one."""
    if any(os.environ.get(name) for name in ("TMUX", "STY", "SSH_CONNECTION")):
        return None
    with suppress(KeyError, ValueError):
        return int(os.environ["WINDOWID"])
    return None


def _list_ancestors() -> list[int]:
    """Return the processes above this one, of which the terminal is one, unless tmux is between."""
    found: list[int] = []
    process = os.getpid()
    while process > 1 and len(found) < 100:
        command = ["ps", "-o", "ppid=", "-p", str(process)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
            process = int(done.stdout)
        except (OSError, ValueError, subprocess.SubprocessError):
            break
        found.append(process)
    return found
