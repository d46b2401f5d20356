"""Calls that may never come back: made in a thread that nobody has to wait for."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from queue import SimpleQueue
from typing import TypeVar

from nemocli.errors import NemocliError

T = TypeVar("T")


class StuckError(NemocliError):
    """A call has not come back in time."""


class CallThread:
    """Makes one call after another, in a thread of its own.

    A signal ends the waiting for a call as it ends anything else, also while native code holds the
    call. The thread stays until `end`, because what it starts may end with it; the program does not
    wait for it.
    """

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        threading.Thread(target=self._serve, daemon=True).start()

    def call(self, function: Callable[[], T], seconds: int, late: str) -> T:
        """What the function returns or raises; StuckError, which begins with `late`, after that."""
        future: Future[T] = Future()
        self._calls.put(lambda: _settle(future, function))
        if wait([future], seconds).not_done:
            raise StuckError(f"{late} within {seconds} seconds: try again, or without --cluster.")
        return future.result()

    def end(self) -> None:
        """Let the thread end, when it has come back from its last call."""
        self._calls.put(None)

    def _serve(self) -> None:
        while (call := self._calls.get()) is not None:
            call()


def _settle(future: "Future[T]", function: Callable[[], T]) -> None:
    try:
        future.set_result(function())
    except BaseException as error:  # which is raised where it is waited for
        future.set_exception(error)
