"""What all streams of a loaded model share: its runtime, the encoder for it, and a lock."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from nemocli.closing import Closing
from nemocli.engine.encoder import choose_encoder
from nemocli.errors import NemocliError
from nemocli.runtimes.base import Runtime


class Turns:
    """A lock that a thread cannot take again while another one waits for it.

    With a plain lock, a thread that calls the model again and again, as for a long file, would
    block a live stream: it would have the lock again before the stream's thread is awake.
    """

    def __init__(self) -> None:
        self._next = threading.Lock()
        self._taken = threading.Lock()

    def __enter__(self) -> None:
        with self._next:
            self._taken.acquire()

    def __exit__(self, *_: object) -> None:
        self._taken.release()


class Advances(Protocol):
    """Calls the model for streams of all threads, in a thread of its own."""

    def advance(self, streams: Sequence[Any], chunks: int) -> None:
        """Do what `advance` of nemocli/engine/stream.py does, and return when it is done."""
        ...


class Recognizer(Closing):
    """A loaded model as its streams share it. Several threads may use it."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.encoder = choose_encoder(runtime)
        #: Held during each call into the runtime, which takes one call at a time; see `turn`.
        self.turns = Turns()
        #: What calls the model for streams of all threads; None if each thread does that.
        self.scheduler: Advances | None = None
        self._is_closed = False

    @contextmanager
    def turn(self) -> Iterator[Runtime]:
        """Take the turn to call the runtime; NemocliError if the model was closed."""
        with self.turns:
            self.check_open()
            yield self.runtime

    def check_open(self) -> None:
        """Raise NemocliError if the model was closed."""
        if self._is_closed:
            raise NemocliError("This transcriber is closed; load the model again.")

    def close(self) -> None:
        """Give back the model's memory, after the call that is running; twice is fine."""
        with self.turns:
            if not self._is_closed:
                self._is_closed = True
                self.encoder.close()
                self.runtime.close()
