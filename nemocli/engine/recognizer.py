"""What all streams of a loaded model share: its runtime, the encoder for it, and a lock."""

import threading

from nemocli.engine.encoder import choose_encoder
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


class Recognizer:
    """A loaded model as its streams share it. Several threads may use it."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.encoder = choose_encoder(runtime)
        #: Held during each call into the runtime, which takes one call at a time.
        self.turns = Turns()
