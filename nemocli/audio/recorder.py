"""The sound of a live source as a file, written by a thread of its own."""

from __future__ import annotations

import errno
import os
import shutil
import threading
import wave
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Self

from nemocli.audio.source import LiveSource
from nemocli.closing import Closing
from nemocli.errors import NemocliError, UsageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

#: What a WAV can hold, since its lengths have 32 bits.
WAV_BYTES = 2**32 - 1024

#: Seconds between two flushes: what a killed run loses at most.
FLUSH_SECONDS = 1.0


def check_recording(path: Path, force: bool) -> None:
    """Raise UsageError for another kind of file, or one that exists and may not be replaced."""
    if path.suffix.lower() not in (".flac", ".wav"):
        raise UsageError(f"--save-audio writes .flac and .wav, not {path.name!r}.")
    if path.exists() and not force:
        raise UsageError(f"{path} exists: add --force to replace it, or choose another name.")


class Recorder(Closing):
    """Everything a source hears, 16 bits, at its rate, also what is dropped later.

    Raises what `check_recording` does, and NemocliError if the file cannot be opened. A failure
    while recording ends the recording, not the transcription: `tell` hears it, and it is in
    `failure`.
    """

    def __init__(
        self, path: Path, source: LiveSource, force: bool, tell: Callable[[str], None]
    ) -> None:
        check_recording(path, force)
        #: Why not everything could be recorded.
        self.failure: NemocliError | None = None
        self._tell = tell
        self._path = path
        self._source = source
        self._blocks: SimpleQueue[Any] = SimpleQueue()
        self._file = self._open()
        self._thread = threading.Thread(target=self._record, name="recorder", daemon=True)

    def __enter__(self) -> Self:
        self._source.tap = self._blocks.put
        self._thread.start()
        return self

    def close(self) -> None:
        """Write what was heard to its end."""
        self._source.tap = None
        self._blocks.put(None)
        self._thread.join()

    def _open(self) -> _FlacFile | _WavFile:
        kind = _FlacFile if self._path.suffix.lower() == ".flac" else _WavFile
        try:
            return kind(self._path, self._source)
        except (OSError, RuntimeError) as error:
            raise NemocliError(f"{self._path} cannot be written: {self._reason(error)}.") from None

    def _record(self) -> None:
        blocks: list[npt.NDArray[np.float32]] = []
        waiting = 0
        try:
            while (block := self._blocks.get()) is not None:
                blocks.append(self._source.to_frames(block))
                waiting += len(blocks[-1])
                if waiting > FLUSH_SECONDS * self._source.rate:
                    self._file.write(blocks)
                    blocks, waiting = [], 0
            self._file.write(blocks)
            self._file.close()
        except Exception as error:  # libsndfile's among them
            self._source.tap = None
            with suppress(Exception):  # Python would close it later, and complain on stderr
                self._file.close()
            self.failure = NemocliError(f"{self._path} ended early: {self._reason(error)}.")
            self._tell(f"{self.failure} The transcription goes on.")

    def _reason(self, error: Exception) -> str:
        with suppress(OSError):
            if shutil.disk_usage(self._path.parent).free == 0:  # which libsndfile does not tell
                return os.strerror(errno.ENOSPC)
        text = getattr(error, "error_string", None) or getattr(error, "strerror", None)
        return str(text or error or type(error).__name__).rstrip(".")


class _FlacFile:
    def __init__(self, path: Path, source: LiveSource) -> None:
        import soundfile

        self._file = soundfile.SoundFile(
            path, "w", source.rate, source.channels, "PCM_16", format="FLAC"
        )

    def write(self, blocks: list[npt.NDArray[np.float32]]) -> None:
        for block in blocks:
            self._file.write(block)
        self._file.flush()

    def close(self) -> None:
        self._file.close()


class _WavFile:
    """Its header is brought up to date with every write, which libsndfile does only at the end."""

    def __init__(self, path: Path, source: LiveSource) -> None:
        self._raw = path.open("wb")
        self._file = wave.open(self._raw)  # noqa: SIM115
        self._file.setparams((source.channels, 2, source.rate, 0, "NONE", ""))
        self._file.writeframes(b"")
        self._bytes = 0

    def write(self, blocks: list[npt.NDArray[np.float32]]) -> None:
        import numpy as np

        scaled = [np.clip(np.rint(block * 32768), -32768, 32767).astype("<i2") for block in blocks]
        data = b"".join(block.tobytes() for block in scaled)
        self._bytes += len(data)
        if self._bytes > WAV_BYTES:
            self.close()
            raise RuntimeError("a WAV holds 4 GB; a .flac has no such limit")
        self._file.writeframes(data)
        self._raw.flush()

    def close(self) -> None:
        try:
            self._file.close()
        finally:
            self._raw.close()
