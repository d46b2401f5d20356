"""Single keys from the terminal, without Enter, and its modes kept in order."""

import os
import re
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, Self

from nemocli.closing import Closing

#: What makes a terminal put marks around pasted text, or not any more, and these marks.
MARK_PASTES, LEAVE_PASTES = "\x1b[?2004h", "\x1b[?2004l"
PASTE_BEGIN, PASTE_END = "\x1b[200~", "\x1b[201~"

#: Bytes of a pasted text that are kept at most.
MAX_PASTE_BYTES = 100_000

#: Arrows and their kin are more than one character for one key; so is pasted text, with its marks.
_KEY = re.compile(r"\x1b\[200~.*?\x1b\[201~|\x1b[\[O][0-9;]*[A-Za-z~]|.", re.DOTALL)

#: Seconds that the rest of such a key may take.
KEY_TIMEOUT_S = 0.03

#: How a terminal answers where its cursor is, and the seconds it may take for that.
_POSITION = re.compile(rb"\x1b\[(\d+);\d+R")
ANSWER_TIMEOUT_S = 0.3

#: Seconds between two calls after which the program was stopped, by something else than Ctrl-Z.
STOPPED_AFTER_S = 0.5


#: Seconds after a signal that stops a program by which it was stopped, if it is at all.
STOP_TIME_S = 0.05


class Keys(Closing):
    """Keys that are typed while the `with` block runs, if the terminal is this program's.

    The signals' keys (Ctrl-C, Ctrl-Z, Ctrl-\\) keep their effect, and leave no `^C` on the screen.
    `erase` is called before the program is suspended or quit, `redraw` when it goes on: with True
    if a shell may have written below what is drawn.
    """

    def __init__(self, erase: Callable[[], None], redraw: Callable[[bool], None]) -> None:
        self._erase, self._redraw = erase, redraw
        self._terminal: int | None = None
        self._is_own = False
        # The terminal's modes before, and as they are while keys are read.
        self._modes: list[Any] = []
        self._own_modes: list[Any] = []
        self._previous: dict[int, Any] = {}
        self._looked_at = 0.0
        # What was typed while something else was looked for.
        self._typed = b""
        # Whether nothing is drawn, as before Ctrl-Z.
        self._is_erased = False
        # Whether the terminal belonged to somebody else at the last look.
        self._is_in_background = False
        # Signals that came. They are obeyed between two lines, not within one.
        self._signals: list[int] = []

    def __enter__(self) -> Self:
        self._terminal = self._find_terminal()
        if self._terminal is None:
            return self
        self._is_in_background = not self.has_foreground
        self._set()
        for number in (signal.SIGTSTP, signal.SIGCONT, signal.SIGQUIT):
            self._previous[number] = signal.signal(number, self._receive)
        self._looked_at = time.monotonic()
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
    def can_come(self) -> bool:
        """Whether there is a terminal that keys come from now."""
        return self._terminal is not None and self.has_foreground

    @property
    def has_foreground(self) -> bool:
        """Whether the terminal is this program's now; a job in the background must let it be."""
        if self._terminal is None:
            return True
        try:
            return os.tcgetpgrp(self._terminal) == os.getpgrp()
        except OSError:  # it was closed
            return False

    def read_pressed(self) -> list[str]:
        """Return the keys since the last call; an arrow is one, as the terminal sends it.

        A pasted text is one too, with its marks, when its end has come.
        """
        now = time.monotonic()
        was_stopped = now - self._looked_at > STOPPED_AFTER_S
        while self._signals:
            self._obey(self._signals.pop(0), was_stopped)
        self._looked_at = time.monotonic()
        if self._terminal is None:
            return []
        if not self.has_foreground:
            self._is_in_background = True
            return []
        if self._is_in_background:  # `fg` sends a signal only to what was stopped
            self._is_in_background = self._is_erased = False
            self._set()
            self._redraw(True)
        try:
            typed, self._typed = self._typed, b""
            if select.select([self._terminal], [], [], 0)[0]:
                typed += os.read(self._terminal, 1024)
            # Escape, or the beginning of an arrow.
            if (
                typed.endswith(b"\x1b")
                and select.select([self._terminal], [], [], KEY_TIMEOUT_S)[0]
            ):
                typed += os.read(self._terminal, 1024)
        except OSError:
            return []
        begin = typed.rfind(PASTE_BEGIN.encode())
        if begin >= 0 and PASTE_END.encode() not in typed[begin:]:
            pasted, typed = typed[begin:], typed[:begin]
            # The rest is dropped, but for the last bytes: its end mark may have begun there.
            self._typed = pasted[:MAX_PASTE_BYTES] + pasted[MAX_PASTE_BYTES:][-len(PASTE_END) :]
        return _KEY.findall(typed.decode("utf-8", "ignore"))

    def find_row(self, write: Callable[[str], None]) -> int | None:
        """Ask the terminal in which row the cursor is, from 1; None if it does not answer."""
        if self._terminal is None or not self.has_foreground:
            return None
        write("\x1b[6n")
        until = time.monotonic() + ANSWER_TIMEOUT_S
        try:
            while (left := until - time.monotonic()) > 0:
                if select.select([self._terminal], [], [], left)[0]:
                    self._typed += os.read(self._terminal, 1024)
                if answer := _POSITION.search(self._typed):
                    self._typed = self._typed[: answer.start()] + self._typed[answer.end() :]
                    return int(answer[1])
        except OSError:
            pass
        return None

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
        with suppress(termios.error):
            found = termios.tcgetattr(self._terminal)
            if found != self._own_modes:
                self._modes = found
            modes = [*self._modes]
            modes[3] &= ~(termios.ICANON | termios.ECHO | termios.ECHOCTL)
            modes[6] = [*modes[6]]
            modes[6][termios.VMIN], modes[6][termios.VTIME] = 1, 0
            termios.tcsetattr(self._terminal, termios.TCSADRAIN, modes)
            self._own_modes = termios.tcgetattr(self._terminal)

    def _restore(self) -> None:
        import termios

        if self._terminal is not None and self._modes and self.has_foreground:
            with suppress(termios.error):
                termios.tcsetattr(self._terminal, termios.TCSADRAIN, self._modes)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGQUIT and number in self._signals:  # nobody obeys the first
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self._signals.append(number)

    def _obey(self, number: int, was_stopped: bool) -> None:
        if number == signal.SIGCONT:
            self._set()
            # A shell that knows jobs gives each a process group of its own.
            has_shell = os.getpgrp() != os.getsid(0)
            self._redraw(self._is_erased or (was_stopped and has_shell))
            self._is_erased = False
            return
        if self.has_foreground:
            self._erase()
        self._restore()
        signal.signal(number, signal.SIG_DFL)
        self._is_erased = True
        os.kill(os.getpid(), number)
        # From here on, the program was continued by `fg` or `bg`.
        signal.signal(number, self._receive)
        if os.getpgrp() == os.getsid(0):
            time.sleep(STOP_TIME_S)  # the stop may come a little later
            if signal.SIGCONT not in self._signals:
                # No shell could continue it, so the system did not stop it.
                self._set()
                self._redraw(False)
                self._is_erased = False
