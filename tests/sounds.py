"""Synthetic sounds for tests and scripts."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

RATE = 16000


@lru_cache(16)
def speech_like(seconds: float, seed: int = 0) -> NDArray[np.float32]:
    """Return samples [seconds * 16000] like speech: a voice, syllables, pauses and hiss.

    Harmonics of a gliding pitch, weighted by two moving formants, under a syllabic envelope; some
    eighty-millisecond bursts of noise stand for consonants. Peak 0.5. The array is read-only.
    """
    rng = np.random.default_rng(seed)
    count = round(seconds * RATE)
    time = np.arange(count) / RATE
    phase = rng.uniform(0, 2 * np.pi, 6)

    def wave(hz: float, which: int) -> NDArray[np.float64]:
        return np.sin(2 * np.pi * hz * time + phase[which])

    pitch = 125 + 40 * wave(0.7, 0) + 15 * wave(2.3, 1)
    angle = 2 * np.pi * np.cumsum(pitch) / RATE
    first, second = 500 + 350 * wave(1.1, 2), 1700 + 600 * wave(0.9, 3)
    sound = np.zeros(count)
    for harmonic in range(1, 19):
        hz = harmonic * 125
        strength = np.exp(-(((hz - first) / 350) ** 2))
        strength += 0.6 * np.exp(-(((hz - second) / 450) ** 2))
        sound += strength * np.sin(harmonic * angle)
    sound *= np.maximum(wave(3.1, 4) + 0.3 * wave(0.43, 5), 0)
    _add_bursts(sound, rng, round(1.5 * seconds))
    sound *= 0.5 / max(np.abs(sound).max(initial=0), 1e-9)
    samples = (sound + 0.002 * rng.normal(size=count)).astype(np.float32)
    samples.flags.writeable = False
    return samples


def converse(seconds: float, seed: int = 0, voices: int = 4) -> NDArray[np.float32]:
    """Return samples [seconds * 16000] in which several voices take turns, and overlap at times.

    A voice is `speech_like` at a speed of its own, and so with a pitch and formants of its own.
    """
    rng = np.random.default_rng(seed)
    count = round(seconds * RATE)
    sound = 0.002 * rng.normal(size=count)
    start = 0
    while start < count:
        voice = int(rng.integers(voices))
        speed = 0.7 + 0.3 * voice
        turn = speech_like(5.0 * speed, seed=1000 + voice)
        turn = np.interp(np.arange(5 * RATE) * speed, np.arange(len(turn)), turn)
        length = int(rng.uniform(0.5, 3.0) * RATE)
        first = int(rng.integers(len(turn) - length))
        part = turn[first : first + min(length, count - start)]
        sound[start : start + len(part)] += part
        start += int(length * rng.uniform(0.7, 1.3))
    return sound.astype(np.float32)


def pcm(samples: NDArray[np.float32]) -> bytes:
    """Return samples as a pipe has them: 16 bits, little-endian."""
    return np.round(samples * 32768).clip(-32768, 32767).astype("<i2").tobytes()


def _add_bursts(sound: NDArray[np.float64], rng: np.random.Generator, number: int) -> None:
    length = 1280
    shape = np.hanning(length)
    for start in rng.integers(0, max(len(sound) - length, 1), number):
        room = sound[start : start + length]
        room += (rng.normal(size=length) * shape)[: len(room)]
