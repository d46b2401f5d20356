"""Ctrl-C and its kin: they end what is going on as an exception does, or are kept as requests."""

import signal
from types import FrameType
from typing import Self

from nemocli.closing import Closing

#: Exit code of a program ended by a signal, to which the signal's number is added.
SIGNALLED = 128

#: Exit code of a program ended by Ctrl-C.
INTERRUPTED = SIGNALLED + signal.SIGINT

#: A closed terminal (SIGHUP) and `kill` (SIGTERM) ask for the same as Ctrl-C.
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")

#: Seconds after which a signal that came while something was imported is looked at again.
IMPORT_RETRY_S = 0.01


class Ended(KeyboardInterrupt):
    """The end was asked for by a signal; what was begun is cleared away, as after Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def exit_code(error: KeyboardInterrupt) -> int:
    """The exit code of a program that was ended by it."""
    return SIGNALLED + error.number if isinstance(error, Ended) else INTERRUPTED


def raise_signals() -> None:
    """From now on, every signal of these raises Ended in the main thread."""
    for name in _SIGNALS:
        number = getattr(signal, name, None)
        if number is not None and _is_heeded(number):
            signal.signal(number, _raise)


def leave_signals() -> None:
    """From now on, they end the program where it is: when Python ends, nobody would catch Ended."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0)
    for name in _SIGNALS:
        number = getattr(signal, name, None)
        if number is not None and _is_heeded(number):
            signal.signal(number, signal.SIG_DFL)


def _raise(number: int, frame: FrameType | None) -> None:
    if _is_importing(frame) and hasattr(signal, "setitimer"):
        # Native modules that are interrupted print a traceback: when they are there, once more.
        signal.signal(signal.SIGALRM, lambda _, later: _raise(number, later))
        signal.setitimer(signal.ITIMER_REAL, IMPORT_RETRY_S)
        return
    raise Ended(number)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None and not frame.f_code.co_filename.startswith("<frozen importlib"):
        frame = frame.f_back
    return frame is not None


class EndRequests(Closing):
    """A `with` block in which the first signal only sets `wanted`.

    The second one raises Ended in the main thread, whatever that is waiting for; from then on,
    another ends the program where it is.
    """

    def __init__(self) -> None:
        self.wanted = False
        #: The first signal's number.
        self.signal: int | None = None
        self._previous: dict[int, object] = {}

    def __enter__(self) -> Self:
        for name in _SIGNALS:
            number = getattr(signal, name, None)
            if number is not None and _is_heeded(number):
                self._previous[number] = signal.signal(number, self._asked)
        return self

    def close(self) -> None:
        """Handle signals as before."""
        for number, previous in self._previous.items():
            signal.signal(number, previous)  # type: ignore[arg-type]

    def _asked(self, number: int, frame: FrameType | None) -> None:
        if self.wanted:
            for other in self._previous:
                signal.signal(other, signal.SIG_DFL)
            self._previous.clear()
            raise Ended(number)
        self.wanted, self.signal = True, number


def _is_heeded(number: int) -> bool:
    """Ignored by whoever started this, as nohup does, a signal stays ignored."""
    return signal.getsignal(number) is not signal.SIG_IGN
