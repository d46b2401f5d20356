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


#: Likeness is looked at for every other sample: marks have nothing near half of its rate.
STEP = 2


@lru_cache(64)
def _spectrum(number: int, size: int) -> NDArray[np.complex64]:
    """Conjugate spectrum of a mark at 16 kHz, padded to `size` samples; [size / 2]."""
    return np.conj(np.fft.rfft(_mark(number, SAMPLE_RATE), size)[:-1]).astype(np.complex64)


def _fast_size(length: int) -> int:
    """Return a length, at least this one, whose Fourier transform is fast."""
    power = 1 << length.bit_length()
    return next(size for size in (power * 5 // 8, power * 6 // 8, power) if size >= length)


def find_marks(sound: NDArray[np.float32], count: int) -> dict[int, list[float]]:
    """Seconds at which each mark stands, as often as it does; float32 [n] at 16 kHz."""
    length = round(LENGTH * SAMPLE_RATE)
    size = _fast_size(len(sound) + length)
    # The transform keeps the precision of its input only from numpy 2 on; it needs no more.
    spectrum = np.fft.rfft(sound, size)[:-1].astype(np.complex64)
    squares = np.concatenate([[0.0], np.cumsum(sound.astype(np.float64) ** 2)])
    begins = np.arange(0, max(0, len(sound) - length), STEP)
    energy = np.maximum(squares[begins + length] - squares[begins], 1e-4)
    found = {}
    for number in range(1, count + 1):
        mark = _mark(number, SAMPLE_RATE)
        # By the envelope of the correlation, since codecs turn phases: that of positive
        # frequencies alone, which half as many samples hold.
        product = spectrum * _spectrum(number, size)
        likeness = np.abs(np.fft.ifft(product)[: len(begins)])
        likeness /= np.sqrt(energy * (mark**2).sum())
        places = []
        while len(likeness) and likeness.max() > ALIKE:
            best = int(likeness.argmax())
            places.append(best * STEP / SAMPLE_RATE)
            near = length // STEP
            likeness[max(0, best - near) : best + near] = 0
        found[number] = sorted(places)
    return found
