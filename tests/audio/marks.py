"""Sound with marks that are found again after any codec: at which second is each?"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nemocli.units import SAMPLE_RATE

#: Seconds from mark to mark, and how long one is.
EVERY, LENGTH = 0.5, 0.2

#: How like a mark must be what is taken for it; 1 is the same.
ALIKE = 0.7


@lru_cache(64)
def _mark(number: int, rate: int) -> NDArray[np.float64]:
    """A voice-like sound that no other mark resembles: harmonics that glide in their own way."""
    random = np.random.default_rng(number)
    time = np.arange(round(LENGTH * rate)) / rate
    sound = np.zeros(len(time))
    for low, high in ((300, 900), (900, 1800), (1800, 3200)):
        begin, end = random.uniform(low, high, 2)
        phase = 2 * np.pi * (begin * time + (end - begin) * time**2 / (2 * LENGTH))
        sound += np.sin(phase + random.uniform(0, 6)) / 3
    return sound * np.hanning(len(time))


def marked(count: int, rate: int) -> NDArray[np.float32]:
    """Marks at EVERY, 2 * EVERY ... seconds, and EVERY seconds behind the last one."""
    sound = np.random.default_rng(0).normal(0, 1e-3, round((count + 1) * EVERY * rate))
    for number in range(1, count + 1):
        first = round(number * EVERY * rate)
        mark = _mark(number, rate)
        sound[first : first + len(mark)] += 0.5 * mark[: len(sound) - first]
    return sound.astype(np.float32)


def find_marks(sound: NDArray[np.float32], count: int) -> dict[int, list[float]]:
    """Seconds at which each mark stands, as often as it does; float32 [n] at 16 kHz."""
    size = 1 << (len(sound) + round(LENGTH * SAMPLE_RATE)).bit_length()
    spectrum = np.fft.rfft(sound.astype(np.float64), size)
    squares = np.concatenate([[0.0], np.cumsum(sound.astype(np.float64) ** 2)])
    found = {}
    for number in range(1, count + 1):
        mark = _mark(number, SAMPLE_RATE)
        # By the envelope of the correlation, since codecs turn phases.
        product = spectrum * np.conj(np.fft.rfft(mark, size))
        analytic = np.zeros(size, complex)
        analytic[: len(product)] = product
        analytic[1 : len(product) - 1] *= 2
        likeness = np.abs(np.fft.ifft(analytic))[: max(0, len(sound) - len(mark))]
        energy = squares[len(mark) :][: len(likeness)] - squares[: len(likeness)]
        likeness /= np.sqrt(np.maximum(energy, 1e-4) * (mark**2).sum())
        places = []
        while len(likeness) and likeness.max() > ALIKE:
            best = int(likeness.argmax())
            places.append(best / SAMPLE_RATE)
            likeness[max(0, best - len(mark)) : best + len(mark)] = 0
        found[number] = sorted(places)
    return found
