"""Chunks that wait for the model, and the choice of those that share its next call."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from nemocli.engine.stream import Stream


class Request:
    """Streams of one caller, which waits until each is advanced by so many chunks."""

    def __init__(self, streams: Sequence[Stream], chunks: int) -> None:
        self.streams = streams
        #: Chunks of each stream that are still to be transcribed.
        self.chunks = chunks
        self.is_live = any(stream.is_live for stream in streams)
        self.came_at = time.monotonic()
        self._done = threading.Event()
        self._error: BaseException | None = None

    @property
    def waiting(self) -> list[Stream]:
        """The streams that have chunks left. One that has ended may have fewer than requested."""
        return [stream for stream in self.streams if stream.chunks]

    def finish(self, error: BaseException | None = None) -> None:
        """Let the caller continue, with an error if there is one."""
        self._error = error
        self._done.set()

    def wait(self) -> None:
        """Wait until it is finished; raises its error."""
        self._done.wait()
        if self._error is not None:
            raise self._error


@dataclass(frozen=True)
class Call:
    """What goes into one call of the model: so many chunks of each stream of some requests."""

    requests: Sequence[Request]
    streams: Sequence[Stream]
    chunks: int

    @property
    def size(self) -> int:
        """The number of chunks in all."""
        return len(self.streams) * self.chunks


def choose_call(requests: Sequence[Request], most_streams: int, most_chunks: int) -> Call | None:
    """Choose from requests, the oldest first, what shares the next call; None if nothing waits.

    It has at most `most_streams` streams, but all of the oldest request. Each has one chunk, or as
    many as all of them have if there are at most `most_chunks` in the call: nobody waits for
    another one's backlog.
    """
    chosen: list[Request] = []
    streams: list[Stream] = []
    for request in requests:
        waiting = request.waiting
        if chosen and len(streams) + len(waiting) > most_streams:
            break
        chosen.append(request)
        streams += waiting
    if not chosen:
        return None
    chunks = min(request.chunks for request in chosen)
    return Call(chosen, streams, max(1, min(chunks, most_chunks // max(1, len(streams)))))
