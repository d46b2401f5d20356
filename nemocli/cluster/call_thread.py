"""Calls that may never return: made in a thread that the program does not wait for."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from queue import SimpleQueue
from typing import TypeVar

from nemocli.errors import NemocliError

T = TypeVar("T")

#: Seconds after which a signal is heeded that came in the moment before the waiting began, and so
#: did not interrupt it.
SIGNAL_CHECK_S = 0.5


class StuckError(NemocliError):
    """A call has not returned in time."""


class CallThread:
    """A thread that makes one call after another.

    A signal interrupts the caller even if native code blocks the call. The thread stays until
    `end`, since processes that it starts may end with it. The program can exit before it ends.
    """

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        threading.Thread(target=self._serve, daemon=True).start()

    def call(self, function: Callable[[], T], seconds: int, late: str) -> T:
        """Call a function; return what it returns, or raise what it raises.

        Raises StuckError, whose sentence begins with `late`, if it has not returned in time.
        """
        future: Future[T] = Future()
        self._calls.put(lambda: _settle(future, function))
        until = time.monotonic() + seconds
        while wait([future], min(SIGNAL_CHECK_S, max(0.0, until - time.monotonic()))).not_done:
            if time.monotonic() >= until:
                raise StuckError(
                    f"{late} within {seconds} seconds: try again, or without --cluster."
                )
        return future.result()

    def end(self) -> None:
        """Let the thread end after its last call."""
        self._calls.put(None)

    def _serve(self) -> None:
        while (call := self._calls.get()) is not None:
            call()


def _settle(future: "Future[T]", function: Callable[[], T]) -> None:
    try:
        future.set_result(function())
    except BaseException as error:  # raised by the thread that waits for the call
        future.set_exception(error)
