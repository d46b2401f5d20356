"""Text on its way to stdout, so that a reader that does not read holds nothing else back."""

import os
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable

from nemocli.cli.streams import explain_failure
from nemocli.errors import NemocliError

#: Seconds without a byte taken after which a program that is to end waits no longer.
PATIENCE_S = 0.25

#: Seconds between two looks whether it is to end.
LOOK_INTERVAL_S = 0.05

#: Pieces of text that may wait before what can be left out is left out.
MAX_WAITING = 200


class Delivery:
    """Writes pieces of text to a descriptor, in a thread of its own, in their order."""

    def __init__(self, descriptor: int, encoding: str, errors: str) -> None:
        self._descriptor = descriptor
        self._encoding, self._errors = encoding, errors
        self._pieces: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._progress = time.monotonic()
        self._failure: NemocliError | BrokenPipeError | None = None
        threading.Thread(target=self._deliver, name="delivery", daemon=True).start()

    def write(self, text: str) -> None:
        """Hand on a piece of text; raise what went wrong with those before, once.

        That is NemocliError, or BrokenPipeError where the reader went away.
        """
        self._raise_failure()
        with self._changed:
            self._pieces.append(text.encode(self._encoding, self._errors))
            if len(self._pieces) == 1:
                self._progress = time.monotonic()
            self._changed.notify_all()

    @property
    def waiting(self) -> int:
        """Pieces that were not written yet."""
        return len(self._pieces)

    @property
    def is_behind(self) -> bool:
        """Whether what is not needed should be left out."""
        return len(self._pieces) > MAX_WAITING

    def finish(self, is_hurried: Callable[[], bool]) -> int:
        """Wait until all is written, and return how many pieces are not.

        Where the program is hurried, it waits only as long as the reader takes something.
        """
        while self._pieces and self._failure is None:
            if is_hurried() and time.monotonic() - self._progress > PATIENCE_S:
                break
            with self._changed:
                if self._pieces:
                    self._changed.wait(LOOK_INTERVAL_S)
        self._raise_failure()
        return len(self._pieces)

    def _raise_failure(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _deliver(self) -> None:
        while True:
            with self._changed:
                while not self._pieces:
                    self._changed.wait()
                self._progress = time.monotonic()
            try:
                self._write(self._pieces[0])
            except BrokenPipeError as error:
                self._failure = error
            except OSError as error:
                self._failure = explain_failure(error)
            with self._changed:
                self._pieces.popleft()
                self._changed.notify_all()

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:  # another program made it so
                select.select([], [self._descriptor], [])
            self._progress = time.monotonic()


def open_delivery() -> Delivery | None:
    """Return the way to stdout; None where that is not a file of the system, as in tests."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):
        return None
    sys.stdout.flush()
    return Delivery(descriptor, sys.stdout.encoding, sys.stdout.errors or "strict")
