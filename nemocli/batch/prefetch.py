"""Files read ahead: each by a thread that decodes it and computes its mel rows."""

import threading
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nemocli.audio import open_sound
from nemocli.engine.stream import Stream
from nemocli.errors import AudioError, lacks_memory

#: A thread may take so long to notice that it is not wanted any more; it may be in the middle of a
#: read that does not return.
STOP_TIMEOUT_S = 0.5


class PrefetchedFile:
    """One file that is under way."""

    def __init__(self, path: Path, stream: Stream) -> None:
        self.path = path
        self.stream = stream
        #: Seconds that its header promises; None before it is open, or if it promises nothing.
        self.promised: float | None = None
        #: Why it cannot be decoded, or not further.
        self.error: AudioError | None = None
        #: Whether all its rows are with the stream.
        self.ended = False
        # Between its thread and `Prefetcher`, under the lock of the latter.
        self.rows: list[NDArray[np.float32]] = []
        self.rows_waiting = 0
        self.is_read = False


class Prefetcher:
    """Some files, each read some chunks ahead of those that wait in its stream, which are as many.

    A chunk has `chunk_rows` mel rows.
    """

    def __init__(self, chunks_ahead: int, chunk_rows: int) -> None:
        self.files: list[PrefetchedFile] = []
        self._chunks_ahead = chunks_ahead
        self._rows_ahead = chunks_ahead * chunk_rows
        self._changed = threading.Condition()
        self._stopped = False
        self._failure: Exception | None = None
        self._threads: list[threading.Thread] = []

    def begin(self, path: Path, stream: Stream) -> None:
        """Read another file."""
        file = PrefetchedFile(path, stream)
        self.files.append(file)
        # A daemon, so that a pipe that never ends cannot hold up the end of the program.
        thread = threading.Thread(target=self._read, args=(file,), name="reading", daemon=True)
        thread.start()
        self._threads = [t for t in self._threads if t.is_alive()] + [thread]

    def collect(self, patience: float) -> None:
        """Hand the streams what was read, once each file is well ahead or after some seconds.

        Raises what a thread met besides damaged files, such as a lack of memory.
        """
        deadline = time.monotonic() + patience
        with self._changed:
            while not all(self._is_ahead(file) for file in self.files):
                if not self._changed.wait(deadline - time.monotonic()):
                    break
            if self._failure is not None:
                raise self._failure
            for file in self.files:
                self._hand_over(file)
            self._changed.notify_all()

    def take_finished(self) -> list[PrefetchedFile]:
        """Remove the files that failed, or of which nothing waits any more."""
        finished = [f for f in self.files if f.error or (f.ended and not f.stream.chunks)]
        self.files = [file for file in self.files if file not in finished]
        return finished

    def stop(self) -> None:
        """Let the threads end and close their files."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(STOP_TIMEOUT_S)

    def _is_ahead(self, file: PrefetchedFile) -> bool:
        if file.ended or file.is_read or file.rows_waiting >= self._rows_ahead:
            return True
        return file.stream.chunks >= self._chunks_ahead

    def _hand_over(self, file: PrefetchedFile) -> None:
        if file.rows and file.stream.chunks < self._chunks_ahead:
            file.stream.push(np.concatenate(file.rows))
            file.rows.clear()
            file.rows_waiting = 0
        if file.is_read and not file.rows and not file.ended and not file.error:
            file.stream.end()
            file.ended = True

    def _read(self, file: PrefetchedFile) -> None:
        try:
            with open_sound(file.path) as sound:
                file.promised = sound.duration
                for samples in sound:
                    if not self._put(file, file.stream.compute_rows(samples)):
                        return
            self._put(file, file.stream.compute_last_rows())
        except AudioError as error:
            file.error = error
        except Exception as error:
            if lacks_memory(error):
                self._failure = error
            else:  # else nobody would learn that this thread is gone
                reason = f"cannot be read ({type(error).__name__})."
                file.error = AudioError(reason, file.path)
        with self._changed:
            file.is_read = True
            self._changed.notify_all()

    def _put(self, file: PrefetchedFile, rows: NDArray[np.float32]) -> bool:
        """Add rows when there is room; False if nobody wants them any more."""
        with self._changed:
            file.rows.append(rows)
            file.rows_waiting += len(rows)
            self._changed.notify_all()
            while file.rows_waiting >= self._rows_ahead and not self._stopped:
                self._changed.wait()
            return not self._stopped
