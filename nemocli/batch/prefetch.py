"""Reading files ahead: for each file, a thread decodes it and computes its mel rows."""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nemocli.audio.level import PeakLevel
from nemocli.audio.options import SoundOptions
from nemocli.audio.sound import DecodedSound, Sound, open_sound
from nemocli.batch.file_speakers import FileSpeakers
from nemocli.batch.limits import BatchLimits
from nemocli.engine.stream import Stream
from nemocli.errors import AudioError, NemocliError, lacks_memory
from nemocli.sound_warning import SoundWarning

#: How long to wait for a thread that should stop; it may be in a read that does not return.
STOP_TIMEOUT_S = 0.5


class PrefetchedStream:
    """One stream of a file, and the mel rows that wait for it."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        #: Whether the stream has all its rows.
        self.ended = False
        # Shared by the file's thread and `Prefetcher`, under the latter's lock.
        self.rows: list[NDArray[np.float32]] = []
        self.rows_waiting = 0


class PrefetchedFile:
    """A file that is being transcribed: one stream, or one for each of its channels."""

    def __init__(self, path: Path) -> None:
        self.path = path
        #: Empty before the file is open.
        self.streams: Sequence[PrefetchedStream] = ()
        #: Names of the channels, if each has a stream; otherwise empty.
        self.channels: tuple[str, ...] = ()
        #: Who speaks in its only stream; None if nobody asked for that.
        self.speakers: FileSpeakers | None = None
        #: The duration by its header, in seconds; None before it is open, or if it has none.
        self.promised: float | None = None
        #: The part of it that was decoded; None before its end.
        self.decoded: DecodedSound | None = None
        #: A sentence if one of several tracks was chosen.
        self.note: str | None = None
        #: What is wrong with its sound; known at its end.
        self.warnings: tuple[SoundWarning, ...] = ()
        #: How loud its sound was; known at its end.
        self.level = PeakLevel()
        #: Why it cannot be decoded, or not to its end.
        self.error: AudioError | None = None
        #: Whether its thread is done.
        self.is_read = False
        #: Whether it is open, but waits for room for its streams.
        self.is_waiting = False

    @property
    def is_finished(self) -> bool:
        """Whether it failed, or all of it is transcribed."""
        if self.error is not None:
            return True
        if self.speakers is not None and not self.speakers.is_finished:
            return False
        return bool(self.streams) and all(s.ended and not s.stream.chunks for s in self.streams)


class Prefetcher:
    """Reads several files ahead. As many chunks wait here as in each stream: `file_chunks` at most.

    A chunk has `chunk_rows` mel rows. `begin_stream` makes the stream of a file or channel, and
    `begin_speakers` what finds the speakers of a file's only stream; the reading threads call them.
    """

    def __init__(
        self,
        limits: BatchLimits,
        chunk_rows: int,
        begin_stream: Callable[[], Stream],
        options: SoundOptions,
        begin_speakers: Callable[[], FileSpeakers] | None = None,
    ) -> None:
        self.files: list[PrefetchedFile] = []
        self._limits = limits
        self._begin_stream = begin_stream
        self._begin_speakers = begin_speakers
        self._options = options
        self._chunks_ahead = limits.file_chunks
        self._rows_ahead = limits.file_chunks * chunk_rows
        self._changed = threading.Condition()
        self._stopped = False
        self._failure: Exception | None = None
        self._threads: list[threading.Thread] = []

    @property
    def has_room(self) -> bool:
        """Whether another file may be begun."""
        if self._options.is_separate and any(not f.streams and not f.error for f in self.files):
            return False  # the number of its streams is not known yet
        return sum(max(1, len(file.streams)) for file in self.files) < self._limits.files

    @property
    def streams(self) -> list[PrefetchedStream]:
        """The streams of all files."""
        return [stream for file in self.files for stream in file.streams]

    def begin(self, path: Path) -> None:
        """Begin to read another file."""
        file = PrefetchedFile(path)
        self.files.append(file)
        # A daemon, so that the program can end while a pipe does not.
        thread = threading.Thread(target=self._read, args=(file,), name="reading", daemon=True)
        thread.start()
        self._threads = [t for t in self._threads if t.is_alive()] + [thread]

    def collect(self, patience: float) -> None:
        """Give the streams the rows that were read.

        Waits until each file is read far enough ahead, for `patience` seconds at most. Raises what
        stopped a thread, except for damaged files: a lack of memory, or a NemocliError that is no
        AudioError.
        """
        deadline = time.monotonic() + patience
        with self._changed:
            while not all(self._is_ahead(file) for file in self.files):
                if not self._changed.wait(deadline - time.monotonic()):
                    break
            if self._failure is not None:
                raise self._failure
            for file in self.files:
                for stream in file.streams:
                    self._hand_over(file, stream)
            self._changed.notify_all()

    def take_finished(self) -> list[PrefetchedFile]:
        """Remove and return the files that failed or are transcribed."""
        with self._changed:
            finished = [file for file in self.files if file.is_finished]
            self.files = [file for file in self.files if file not in finished]
            self._changed.notify_all()
        return finished

    def stop(self) -> None:
        """Make the threads end, which closes their files."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(STOP_TIMEOUT_S)

    def _is_ahead(self, file: PrefetchedFile) -> bool:
        if file.is_read or file.is_waiting:
            return True
        return bool(file.streams) and all(
            stream.ended
            or stream.rows_waiting >= self._rows_ahead
            or stream.stream.chunks >= self._chunks_ahead
            for stream in file.streams
        )

    def _hand_over(self, file: PrefetchedFile, stream: PrefetchedStream) -> None:
        if stream.rows and stream.stream.chunks < self._chunks_ahead:
            rows = np.concatenate(stream.rows)
            stream.stream.push(rows)
            if file.speakers is not None:
                file.speakers.push(rows)
            stream.rows.clear()
            stream.rows_waiting = 0
        if file.is_read and not stream.rows and not stream.ended and not file.error:
            stream.stream.end()
            stream.ended = True
            if file.speakers is not None:
                file.speakers.end()

    def _read(self, file: PrefetchedFile) -> None:
        try:
            with open_sound(file.path, options=self._options) as sound:
                if not self._begin_streams(file, sound):
                    return
                streams = [each.stream for each in file.streams]
                for samples in sound:
                    channels = samples.reshape(len(samples), -1).T
                    rows = [
                        stream.compute_rows(np.ascontiguousarray(channel))
                        for stream, channel in zip(streams, channels, strict=True)
                    ]
                    if not self._put(file, rows):
                        return
                file.decoded, file.warnings = sound.decoded, sound.warnings
                file.level = sound.level
            self._put(file, [stream.compute_last_rows() for stream in streams])
        except AudioError as error:
            file.error = error
        except Exception as error:
            if isinstance(error, NemocliError) or lacks_memory(error):
                self._failure = error  # the sound file is not to blame
            else:  # otherwise the file would wait for this thread for ever
                reason = f"cannot be read ({type(error).__name__})."
                file.error = AudioError(reason, file.path)
        with self._changed:
            file.is_read = True
            self._changed.notify_all()

    def _begin_streams(self, file: PrefetchedFile, sound: Sound) -> bool:
        """Begin the streams when there is room for them; return False if stopped first."""
        file.promised, file.note, file.channels = sound.duration, sound.note, sound.channel_names
        count = max(1, len(file.channels))
        if count > self._limits.channels:
            raise AudioError(
                f"has {count} channels, and there is memory for {self._limits.channels} at once:"
                " allow more by --max-memory, or choose one of them by --channels.",
                file.path,
            )
        with self._changed:
            file.is_waiting = True
            while not self._has_room_for(count) and not self._stopped:
                self._changed.notify_all()
                self._changed.wait()
            file.is_waiting = False
            if self._stopped:
                return False
            if self._begin_speakers is not None:
                file.speakers = self._begin_speakers()
            file.streams = [PrefetchedStream(self._begin_stream()) for _ in range(count)]
        return True

    def _has_room_for(self, count: int) -> bool:
        """Tell whether `count` streams may be added; any number may, if there are no others."""
        others = len(self.streams)
        return count == 1 or not others or others + count <= self._limits.files

    def _put(self, file: PrefetchedFile, rows: Sequence[NDArray[np.float32]]) -> bool:
        """Add rows of each stream, and wait while there are many; return False if stopped."""
        with self._changed:
            for stream, new in zip(file.streams, rows, strict=True):
                stream.rows.append(new)
                stream.rows_waiting += len(new)
            self._changed.notify_all()
            while not self._stopped and any(
                stream.rows_waiting >= self._rows_ahead for stream in file.streams
            ):
                self._changed.wait()
            return not self._stopped
