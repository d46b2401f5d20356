"""Ctrl-C and its kin as requests: the first one ends normally, the second one aborts."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

#: Exit code of a program ended by a signal, to which the signal's number is added.
SIGNALLED = 128

#: Exit code of a program ended by Ctrl-C.
INTERRUPTED = SIGNALLED + signal.SIGINT

#: A closed terminal (SIGHUP) and `kill` (SIGTERM) ask for the same as Ctrl-C.
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


class EndRequests:
    """A `with` block in which the first signal only sets `wanted`.

    The second one raises KeyboardInterrupt in the main thread, whatever that is waiting for; from
    then on, another ends the program where it is.
    """

    def __init__(self) -> None:
        self.wanted = False
        #: The first signal's number.
        self.signal: int | None = None
        self._previous: dict[int, object] = {}

    def __enter__(self) -> "EndRequests":
        for name in _SIGNALS:
            number = getattr(signal, name, None)
            if number is not None and _is_heeded(number):
                self._previous[number] = signal.signal(number, self._asked)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, previous in self._previous.items():
            signal.signal(number, previous)  # type: ignore[arg-type]

    def _asked(self, number: int, frame: FrameType | None) -> None:
        if self.wanted:
            for other in self._previous:
                signal.signal(other, signal.SIG_DFL)
            self._previous.clear()
            raise KeyboardInterrupt
        self.wanted, self.signal = True, number


@contextmanager
def all_as_interrupts() -> Iterator[None]:
    """SIGTERM and a closed terminal raise KeyboardInterrupt too: what was begun is cleared away."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    numbers = [getattr(signal, name, None) for name in _SIGNALS[1:]]
    previous = {n: signal.signal(n, interrupt) for n in numbers if n and _is_heeded(n)}
    try:
        yield
    finally:
        for number, before in previous.items():
            signal.signal(number, before)


def _is_heeded(number: int) -> bool:
    """Ignored by whoever started this, as nohup does, a signal stays ignored."""
    return signal.getsignal(number) is not signal.SIG_IGN
