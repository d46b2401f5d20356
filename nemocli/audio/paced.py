"""A sound file as if a microphone heard it: at the pace of real time."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from nemocli.audio.options import DEFAULT_OPTIONS, SoundOptions
from nemocli.audio.sound import Sound, open_sound
from nemocli.audio.source import LiveSource, ReadingSource
from nemocli.units import SAMPLE_RATE

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

#: Seconds of sound that appear at once, as a device's buffers do.
STEP = 0.02

#: Seconds behind its time after which the file's clock is set anew.
LATE = 1.0


def open_paced(path: Path, max_lag: float, options: SoundOptions = DEFAULT_OPTIONS) -> LiveSource:
    """Open a sound file; raises AudioError if it is none."""
    return PacedFile(open_sound(path, packet_seconds=STEP, options=options), max_lag)


class PacedFile(ReadingSource):
    """Frames are 16 kHz mono already, and appear when their time has passed."""

    def __init__(self, sound: Sound, max_lag: float) -> None:
        super().__init__(sound.path.name, SAMPLE_RATE, 1, max_lag)
        self._sound = sound
        self._told = 0

    def close(self) -> None:
        self.stop()
        if self._thread.is_alive():
            self._thread.join()
        self._sound.close()

    def to_frames(self, data: bytes | npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        assert not isinstance(data, bytes)
        return data[:, None]

    def take_warning(self) -> str | None:
        said = [self._sound.note] if self._sound.note else []
        said += [warning.message for warning in self._sound.warnings]
        if self._told == len(said):
            return None
        self._told += 1
        return said[self._told - 1]

    def put_all(self) -> None:
        due = time.monotonic()
        for samples in self._sound:
            due += len(samples) / SAMPLE_RATE
            if not self._running.is_set():
                paused = time.monotonic()
                self._running.wait()
                due += time.monotonic() - paused
            if time.monotonic() - due > LATE:  # the whole program was suspended
                due = time.monotonic()
            if self._stopped.wait(max(0.0, due - time.monotonic())):
                return
            self.put(samples, len(samples))
