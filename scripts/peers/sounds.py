"""Speech-like sounds as 16-bit wav files, the same on every machine."""

import wave
from pathlib import Path

import numpy as np

from tests.sounds import RATE, speech_like


def read_sound(path: Path) -> bytes:
    """The samples of a file that `write_sound` wrote, 16 bits each."""
    with wave.open(str(path)) as file:
        return file.readframes(file.getnframes())


def write_sound(folder: Path, seconds: float, seed: int) -> Path:
    """The file of a sound that long; one that is there already is taken as it is."""
    path = folder / f"{seconds:g}s-{seed}.wav"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        samples = np.round(speech_like(seconds, seed) * 32767).astype("<i2")
        partial = path.with_suffix(".partial")
        with wave.open(str(partial), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(samples.tobytes())
        partial.rename(path)
    return path
