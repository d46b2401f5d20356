"""Single keys from the terminal, without Enter, and its modes kept in order."""

import os
import re
import select
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, Self

from nemocli.closing import Closing

#: Arrows and their kin: more than one character for one key.
_SEQUENCE = re.compile(r"\x1b[\[O][0-9;]*[A-Za-z~]")


class Keys(Closing):
    """Keys typed while the `with` block runs; none where there is no terminal in the foreground.

    The signals' keys (Ctrl-C, Ctrl-Z) keep their effect, and leave no `^C` on the screen. `erase`
    is called before the program is suspended, `redraw` when it goes on.
    """

    def __init__(self, erase: Callable[[], None], redraw: Callable[[], None]) -> None:
        self._erase, self._redraw = erase, redraw
        self._terminal: int | None = None
        self._is_own = False
        self._modes: list[Any] = []
        self._previous: dict[int, Any] = {}
        # Signals that came. They are obeyed between two lines, not within one.
        self._signals: list[int] = []

    def __enter__(self) -> Self:
        self._terminal = self._find_terminal()
        if self._terminal is None:
            return self
        import termios

        self._modes = termios.tcgetattr(self._terminal)
        self._set()
        for number in (signal.SIGTSTP, signal.SIGCONT):
            self._previous[number] = signal.signal(number, self._asked)
        return self

    def close(self) -> None:
        """Give the terminal its modes back."""
        for number, previous in self._previous.items():
            signal.signal(number, previous)
        self._restore()
        if self._is_own and self._terminal is not None:
            os.close(self._terminal)
        self._terminal = None

    @property
    def has_foreground(self) -> bool:
        """Whether the terminal is this program's now; a job in the background must let it be."""
        if self._terminal is None:
            return True
        try:
            return os.tcgetpgrp(self._terminal) == os.getpgrp()
        except OSError:  # it was closed
            return False

    def pressed(self) -> list[str]:
        """The keys since the last call; arrows and other sequences are left out."""
        while self._signals:
            self._obey(self._signals.pop(0))
        if self._terminal is None or not self.has_foreground:
            return []
        try:
            if not select.select([self._terminal], [], [], 0)[0]:
                return []
            typed = os.read(self._terminal, 1024)
        except OSError:
            return []
        return list(_SEQUENCE.sub("", typed.decode("utf-8", "ignore")))

    def _find_terminal(self) -> int | None:
        if sys.platform == "win32":
            return None
        with suppress(OSError, ValueError, AttributeError):
            if sys.stdin.isatty():
                return sys.stdin.fileno()
        with suppress(OSError):  # stdin is a pipe of sound, say
            self._terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
            if self.has_foreground:
                self._is_own = True
                return self._terminal
            os.close(self._terminal)
        return None

    def _set(self) -> None:
        import termios

        if self._terminal is None or not self.has_foreground:
            return
        modes = [*self._modes]
        modes[3] &= ~(termios.ICANON | termios.ECHO | termios.ECHOCTL)
        modes[6] = [*modes[6]]
        modes[6][termios.VMIN], modes[6][termios.VTIME] = 1, 0
        with suppress(termios.error):
            termios.tcsetattr(self._terminal, termios.TCSADRAIN, modes)

    def _restore(self) -> None:
        import termios

        if self._terminal is not None and self._modes and self.has_foreground:
            with suppress(termios.error):
                termios.tcsetattr(self._terminal, termios.TCSADRAIN, self._modes)

    def _asked(self, number: int, frame: FrameType | None) -> None:
        self._signals.append(number)

    def _obey(self, number: int) -> None:
        if number == signal.SIGCONT:
            self._set()
            self._redraw()
            return
        self._erase()
        self._restore()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        # From here on, the program was continued by `fg` or `bg`.
        signal.signal(signal.SIGTSTP, self._asked)
