"""Ctrl-C and its kin as requests: the first one ends normally, the second one aborts."""

import signal
from types import FrameType, TracebackType

#: Exit code of a program ended by a signal, to which the signal's number is added.
SIGNALLED = 128

#: Exit code of a program ended by Ctrl-C.
INTERRUPTED = SIGNALLED + signal.SIGINT

#: A closed terminal (SIGHUP) and `kill` (SIGTERM) ask for the same as Ctrl-C.
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


class EndRequests:
    """A `with` block in which the first signal only sets `wanted`.

    The second one raises KeyboardInterrupt in the main thread, whatever that is waiting for.
    """

    def __init__(self) -> None:
        self.wanted = False
        #: The first signal's number.
        self.signal: int | None = None
        self._previous: dict[int, object] = {}

    def __enter__(self) -> "EndRequests":
        for name in _SIGNALS:
            number = getattr(signal, name, None)
            # Ignored by whoever started this, as nohup does, it stays ignored.
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
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
            raise KeyboardInterrupt
        self.wanted, self.signal = True, number
