"""A loaded model as streams share it: its runtime, the encoder that suits it, and a lock."""

import threading

from nemocli.engine.encoder import choose_encoder
from nemocli.runtimes.base import Runtime


class Turns:
    """A lock that a thread cannot take again while another one waits for it.

    With a plain lock, a thread that calls the model over and over, as for a long file, would keep
    a live stream waiting: it has the lock again before the other one is awake.
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
    """What all streams of a model share. May be used by several threads."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.encoder = choose_encoder(runtime)
        #: Held for each call into the runtime, which takes one at a time.
        self.turns = Turns()
