"""Ctrl-C and similar signals: they raise an exception, or are kept as a request to end."""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Any, Self

from nemocli.closing import Closing

#: Exit code of a program ended by a signal, to which the signal's number is added.
SIGNALLED = 128

#: Exit code of a program ended by Ctrl-C.
INTERRUPTED = SIGNALLED + signal.SIGINT

#: A closed terminal (SIGHUP) and `kill` (SIGTERM) have the same effect as Ctrl-C.
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")

#: Seconds after which a signal that came at a wrong moment is tried again.
RETRY_S = 0.01


class Ended(KeyboardInterrupt):
    """A signal has ended the program; raised like Ctrl-C, so that all cleaning up is done."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def find_exit_code(error: KeyboardInterrupt) -> int:
    """Return the exit code of a program that was ended by this exception."""
    return SIGNALLED + error.number if isinstance(error, Ended) else INTERRUPTED


def raise_signals() -> None:
    """Raise Ended in the main thread for each of these signals, from now on."""
    for name in _SIGNALS:
        number = getattr(signal, name, None)
        if number is not None and _is_handled(number):
            signal.signal(number, _raise)
    if hasattr(signal, "setitimer"):
        sys.unraisablehook = partial(_raise_ignored, sys.unraisablehook)


def leave_signals() -> None:
    """Let these signals end the program: while Python exits, nothing catches Ended."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0)
    for name in _SIGNALS:
        number = getattr(signal, name, None)
        if number is not None and _is_handled(number):
            signal.signal(number, signal.SIG_DFL)


def _raise(number: int, frame: FrameType | None) -> None:
    if _is_importing(frame) and hasattr(signal, "setitimer"):
        # Native modules that are interrupted print a traceback: try again after the import.
        _raise_later(number)
        return
    raise Ended(number)


def _raise_ignored(show: Callable[[Any], Any], ignored: Any) -> None:
    """Raise Ended again where Python ignored it: in a `__del__`, or the callback of a weakref.

    `show` is called with all other errors that Python ignored.
    """
    if isinstance(ignored.exc_value, Ended):
        _raise_later(ignored.exc_value.number)
    else:
        show(ignored)


def _raise_later(number: int) -> None:
    signal.signal(signal.SIGALRM, lambda _, later: _raise(number, later))
    signal.setitimer(signal.ITIMER_REAL, RETRY_S)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None and not frame.f_code.co_filename.startswith("<frozen importlib"):
        frame = frame.f_back
    return frame is not None


class EndRequests(Closing):
    """A `with` block in which the first signal only sets `wanted`.

    The second one raises Ended in the main thread, whatever that is waiting for; a third one ends
    the program at once.
    """

    def __init__(self) -> None:
        #: Whether a signal came: the program should end.
        self.wanted = False
        #: The first signal's number.
        self.signal: int | None = None
        self._previous: dict[int, object] = {}

    def __enter__(self) -> Self:
        for name in _SIGNALS:
            number = getattr(signal, name, None)
            if number is not None and _is_handled(number):
                self._previous[number] = signal.signal(number, self._note_request)
        return self

    def close(self) -> None:
        """Handle signals as before."""
        for number, previous in self._previous.items():
            signal.signal(number, previous)  # type: ignore[arg-type]

    def _note_request(self, number: int, frame: FrameType | None) -> None:
        if self.wanted:
            for other in self._previous:
                signal.signal(other, signal.SIG_DFL)
            self._previous.clear()
            raise Ended(number)
        self.wanted, self.signal = True, number


class ControlSignals(Closing):
    """A `with` block in which SIGUSR1 and SIGUSR2 are kept as requests, for key bindings.

    SIGQUIT ends the program where it is, as always, but for the cursor, which is shown again.
    Ignored by the program's parent, as nohup does it, a signal stays ignored.
    """

    def __init__(self) -> None:
        self._received: list[int] = []
        self._previous: dict[int, object] = {}

    def __enter__(self) -> Self:
        for name in ("SIGUSR1", "SIGUSR2"):
            number = getattr(signal, name, None)
            if number is not None and _is_handled(number):
                self._previous[number] = signal.signal(number, self._receive)
        if hasattr(signal, "SIGQUIT") and _is_handled(signal.SIGQUIT):
            self._previous[signal.SIGQUIT] = signal.signal(signal.SIGQUIT, _quit)
        return self

    def close(self) -> None:
        """Handle both as before."""
        for number, previous in self._previous.items():
            signal.signal(number, previous)  # type: ignore[arg-type]

    def take(self) -> list[str]:
        """Return the names of the signals since the last call, in their order."""
        received, self._received = self._received, []
        return [signal.Signals(number).name for number in received]

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self._received.append(number)


def _quit(number: int, frame: FrameType | None) -> None:
    for descriptor in (1, 2):
        with suppress(OSError):
            if os.isatty(descriptor):
                os.write(descriptor, b"\x1b[?25h")
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _is_handled(number: int) -> bool:
    """Return whether to handle a signal: not if it is ignored already, as under nohup."""
    return signal.getsignal(number) is not signal.SIG_IGN
