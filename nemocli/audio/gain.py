"""Gain: a number of dB, or found out from how loud the sound is.

A file gets one constant gain, from its loudest seconds, so that what is quieter stays so. A stream,
whose loudest seconds are not known yet, gets one that follows slowly.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt

from nemocli.audio.options import AUTO_GAIN
from nemocli.units import SAMPLE_RATE

#: What the loudest seconds are brought to: dB of full scale, of the root of their mean square.
TARGET = -23.0

#: Bounds of a gain that is found out, in dB.
LOWEST, HIGHEST = -30.0, 60.0

#: Seconds below this level are silence, or the noise of a converter.
SILENCE = -90.0

#: The part of the seconds with sound that are its loudest.
LOUDEST_PART = 0.05

#: dB a second by which a stream's gain may rise and fall, and its level is forgotten.
RISE, FALL, FORGET = 12.0, 40.0, 0.25

#: Seconds over which the level of a stream is measured.
STEP = 0.1


def to_factor(gain: float) -> float:
    """dB to what samples are multiplied by."""
    return float(10 ** (gain / 20))


def level(samples: npt.NDArray[np.float32]) -> float:
    """The level of samples, float32 [n], in dB of full scale; -inf for none and for zeros."""
    square = float(np.square(samples, dtype=np.float64).mean()) if len(samples) else 0.0
    return 10 * float(np.log10(square)) if square > 0 else -float("inf")


class LoudestSeconds:
    """The level of the loudest seconds of a sound, in constant memory: a histogram of dB."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, second: npt.NDArray[np.float32]) -> None:
        """Count a second, or the last part of one."""
        measured = level(second)
        if measured > SILENCE:
            self._counts[round(measured)] += 1

    @property
    def level(self) -> float | None:
        """The median of the loudest seconds, in dB; None for silence."""
        wanted = max(1, round(LOUDEST_PART * self._counts.total() / 2))
        for decibels in sorted(self._counts, reverse=True):
            wanted -= self._counts[decibels]
            if wanted <= 0:
                return float(decibels)
        return None

    @property
    def gain(self) -> float:
        """What brings it to the TARGET, in dB; 0 for silence."""
        return 0.0 if self.level is None else _within(TARGET - self.level)


class RunningGain:
    """A gain for a stream: given in dB, or one that follows the level slowly."""

    def __init__(self, gain: float | str | None) -> None:
        self._is_auto = gain == AUTO_GAIN
        #: In dB, now.
        self.gain = float(gain) if isinstance(gain, (int, float)) else 0.0
        self._level: float | None = None
        self._square = 0.0
        self._measured = 0

    def apply(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The next samples, float32 [n] at 16 kHz; they come back as they are for 0 dB."""
        before = self.gain
        if self._is_auto and len(samples):
            self._follow(samples)
        if self.gain == before == 0.0:
            return samples
        first, last = to_factor(before), to_factor(self.gain)
        if first == last:
            return np.asarray(samples * np.float32(first), np.float32)
        slope = np.linspace(first, last, len(samples) + 1, dtype=np.float32)[1:]
        return samples * slope

    def _follow(self, samples: npt.NDArray[np.float32]) -> None:
        seconds = len(samples) / SAMPLE_RATE
        self._square += float(np.square(samples, dtype=np.float64).sum())
        self._measured += len(samples)
        if self._measured >= STEP * SAMPLE_RATE:
            mean = self._square / self._measured
            self._square, self._measured = 0.0, 0
            measured = 10 * float(np.log10(mean)) if mean > 0 else SILENCE
            if measured > SILENCE:
                forgotten = -np.inf if self._level is None else self._level - FORGET * STEP
                self._level = max(measured, float(forgotten))
        if self._level is not None:
            wanted = _within(TARGET - self._level)
            lowest, highest = self.gain - FALL * seconds, self.gain + RISE * seconds
            self.gain = min(max(wanted, lowest), highest)


def _within(gain: float) -> float:
    return min(max(gain, LOWEST), HIGHEST)
