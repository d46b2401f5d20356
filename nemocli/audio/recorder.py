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
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from nemocli.audio.recorded_sound import OneSource, TwoSources
from nemocli.closing import Closing
from nemocli.errors import NemocliError, UsageError
from nemocli.whole_file import check_target, write_whole

#: What a WAV can hold, since its lengths have 32 bits.
MAX_WAV_BYTES = 2**32 - 1024

#: Seconds between two flushes; a killed run loses that, and the block of a FLAC (4096 frames).
FLUSH_INTERVAL_S = 0.4

#: Bytes at the beginning of a file that a flush may change: its header.
HEADER_BYTES = 4096

#: Where a FLAC says how large its blocks are, and how many samples it has (the low 36 bits).
_FLAC_BLOCK_AT, _FLAC_TOTAL_AT, _FLAC_TOTAL_MASK = 8, 18, (1 << 36) - 1


def check_recording(path: Path, force: bool) -> None:
    """Raise UsageError for another kind of file, or one that exists and may not be replaced."""
    if path.suffix.lower() not in (".flac", ".wav"):
        raise UsageError(f"--save-audio writes .flac and .wav, not {path.name!r}.")
    check_target(path, force)


class Recorder(Closing):
    """Write everything that a source gets, or two, 16 bits, also what is dropped later.

    Silence stands for its gaps, so that the times of the sound are those of the transcript.

    Raises what `check_recording` does, and NemocliError if the file cannot be opened. A failure
    while recording ends the recording, not the transcription: `notify` is called with a sentence,
    and `failure` has it.

    If somebody removes or replaces the file, all of it is written again where it was, or beside
    theirs, in a file such as `talk.2.flac`, and goes on there. If somebody changes what is in it,
    what was recorded is lost; a new recording begins beside it.
    """

    def __init__(
        self,
        path: Path,
        sound: OneSource | TwoSources,
        force: bool,
        notify: Callable[[str], None],
    ) -> None:
        check_recording(path, force)
        #: Why not everything could be recorded.
        self.failure: NemocliError | None = None
        self._notify = notify
        self._path = path
        self._sound = sound
        self._blocks: SimpleQueue[Any] = SimpleQueue()
        self._copy: _Copy | None = None
        try:
            # A new file: what another name of the old one stands for is not overwritten.
            with write_whole(path) as part:
                self._file = self._open(part)
        except (OSError, RuntimeError) as error:
            raise NemocliError(f"{path} cannot be written: {self._find_reason(error)}.") from None
        self._size = os.fstat(self._file.descriptor).st_size
        self._thread = threading.Thread(target=self._record, name="recorder", daemon=True)

    def __enter__(self) -> Self:
        self._sound.begin(self._blocks.put)
        self._thread.start()
        return self

    def close(self) -> None:
        """Write what was recorded to its end."""
        self._sound.end()
        self._blocks.put(None)
        self._thread.join()

    def _open(self, path: Path) -> _FlacFile | _WavFile:
        kind = _FlacFile if self._path.suffix.lower() == ".flac" else _WavFile
        return kind(path, self._sound)

    def _record(self) -> None:
        blocks: list[npt.NDArray[np.float32]] = []
        waiting = 0
        try:
            while (block := self._blocks.get()) is not None:
                for frames in self._sound.split(block):
                    blocks.append(frames)
                    waiting += len(frames)
                    if waiting > FLUSH_INTERVAL_S * self._sound.rate:
                        self._flush(blocks)
                        blocks, waiting = [], 0
            self._flush([*blocks, self._sound.finish()])
            self._end()
        except Exception as error:  # libsndfile's among them
            self._sound.end()
            with suppress(Exception):  # Python would close it later, and complain on stderr
                self._file.close()
            self._fail(f"{self._path} ended early: {self._find_reason(error)}.")

    def _fail(self, sentence: str) -> None:
        if self.failure is None:
            self._notify(f"{sentence} The transcription goes on.")
        self.failure = NemocliError(sentence)

    def _find_reason(self, error: Exception) -> str:
        with suppress(OSError):
            if shutil.disk_usage(self._path.parent).free == 0:  # which libsndfile does not say
                return os.strerror(errno.ENOSPC)
        text = getattr(error, "error_string", None) or getattr(error, "strerror", None)
        return str(text or error or type(error).__name__).rstrip(".")

    # ------------------------------------------------------------------ what others did meanwhile

    def _flush(self, blocks: list[npt.NDArray[np.float32]]) -> None:
        if os.fstat(self._file.descriptor).st_size != self._size:
            self._begin_anew()
        self._file.write(blocks)
        self._size = os.fstat(self._file.descriptor).st_size
        self._follow()

    def _end(self) -> None:
        """Close the file; the last header is written by that."""
        descriptor = os.dup(self._file.descriptor)
        try:
            self._file.close()
            self._follow(descriptor)
        finally:
            os.close(descriptor)
            if self._copy is not None:
                self._copy.close()

    def _begin_anew(self) -> None:
        """Record into a new file beside one whose content another program changed."""
        nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        os.dup2(nowhere, self._file.descriptor)  # closing it must not write into theirs
        os.close(nowhere)
        with suppress(Exception):
            self._file.close()
        changed = self._path
        self._path = _free_name(changed)
        self._file = self._open(self._path)
        self._fail(
            f"{changed} was changed by another program, and the sound in it is lost; the recording"
            f" goes on in {self._path}."
        )

    def _follow(self, descriptor: int | None = None) -> None:
        """See that what was recorded is found at its name; a copy is, if somebody took that."""
        descriptor = self._file.descriptor if descriptor is None else descriptor
        ours = descriptor if self._copy is None else self._copy.descriptor
        is_ours = False
        with suppress(OSError):
            is_ours = os.path.samestat(os.lstat(self._path), os.fstat(ours))
        if is_ours and (self._copy is None or self._copy.is_as_left()):
            if self._copy is not None:
                self._copy.follow(descriptor)
            return
        taken, is_gone = self._path, not os.path.lexists(self._path)
        try:
            place = taken if is_gone else _free_name(taken)
            copy = _Copy(place, descriptor)
        except OSError as error:
            self._fail(
                f"{taken} was removed, and cannot be written again: {self._find_reason(error)}."
            )
            return
        if self._copy is not None:
            self._copy.close()
        self._copy, self._path = copy, place
        if is_gone:
            self._notify(f"{taken} was removed by another program: it is written again, whole.")
        else:
            self._notify(
                f"{taken} was changed by another program, and is left as it is: the whole recording"
                f" goes on in {place}."
            )


class _Copy:
    """A copy of a recording that grows, made from a file that has no name any more."""

    def __init__(self, path: Path, original: int) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self.descriptor = os.open(path, flags, 0o666)
        self._size = 0
        self.follow(original)

    def follow(self, original: int) -> None:
        """Copy the header again, and what has come since."""
        os.pwrite(self.descriptor, os.pread(original, HEADER_BYTES, 0), 0)
        at = max(HEADER_BYTES, self._size)
        while data := os.pread(original, 1 << 20, at):
            at += os.pwrite(self.descriptor, data, at)
        self._size = os.fstat(self.descriptor).st_size

    def is_as_left(self) -> bool:
        """Tell whether nobody else wrote into it."""
        return os.fstat(self.descriptor).st_size == self._size

    def close(self) -> None:
        os.close(self.descriptor)


def _free_name(path: Path) -> Path:
    number = 2
    while os.path.lexists(place := path.with_stem(f"{path.stem}.{number}")):
        number += 1
    return place


class _FlacFile:
    """Its header says at every flush how many samples it has, which libsndfile does at the end."""

    def __init__(self, path: Path, sound: OneSource | TwoSources) -> None:
        import soundfile

        self.descriptor = _create(path)
        self._frames = 0
        self._file = soundfile.SoundFile(
            self.descriptor, "w", sound.rate, sound.channels, "PCM_16", format="FLAC"
        )

    def write(self, blocks: list[npt.NDArray[np.float32]]) -> None:
        for block in blocks:
            self._file.write(block)
            self._frames += len(block)
        self._file.flush()
        self._note_length()

    def close(self) -> None:
        self._file.close()

    def _note_length(self) -> None:
        """Count the blocks that are in the file: each is written when a sample behind it comes."""
        block = int.from_bytes(os.pread(self.descriptor, 2, _FLAC_BLOCK_AT))
        if not block or not self._frames:
            return
        whole = (self._frames - 1) // block * block
        found = int.from_bytes(os.pread(self.descriptor, 8, _FLAC_TOTAL_AT))
        noted = found & ~_FLAC_TOTAL_MASK | min(whole, _FLAC_TOTAL_MASK)
        os.pwrite(self.descriptor, noted.to_bytes(8), _FLAC_TOTAL_AT)


class _WavFile:
    """Its header is brought up to date with every write, which libsndfile does only at the end."""

    def __init__(self, path: Path, sound: OneSource | TwoSources) -> None:
        self.descriptor = _create(path)
        self._raw = os.fdopen(self.descriptor, "r+b")
        self._file = wave.open(self._raw, "wb")  # noqa: SIM115
        self._file.setparams((sound.channels, 2, sound.rate, 0, "NONE", ""))
        self._file.writeframes(b"")
        self._bytes = 0

    def write(self, blocks: list[npt.NDArray[np.float32]]) -> None:
        scaled = [np.clip(np.rint(block * 32768), -32768, 32767).astype("<i2") for block in blocks]
        data = b"".join(block.tobytes() for block in scaled)
        self._bytes += len(data)
        if self._bytes > MAX_WAV_BYTES:
            self.close()
            raise RuntimeError("a WAV holds 4 GB; a .flac has no such limit")
        self._file.writeframes(data)
        self._raw.flush()

    def close(self) -> None:
        try:
            self._file.close()
        finally:
            self._raw.close()


def _create(path: Path) -> int:
    """Make a file that may be read too, and return its descriptor."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
