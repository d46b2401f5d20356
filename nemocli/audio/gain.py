"""Gain: a number of dB, or derived from how loud the sound is.

A file gets one constant gain, from its loudest seconds, so that quieter parts stay quieter. A
stream, whose loudest seconds are not known yet, gets a gain that follows its level slowly.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt

from nemocli.audio.options import AUTO_GAIN
from nemocli.units import SAMPLE_RATE

#: Level that the loudest seconds are amplified to: RMS, in dB of full scale.
TARGET_DB = -23.0

#: Bounds of an automatic gain, in dB.
MIN_AUTO_GAIN_DB, MAX_AUTO_GAIN_DB = -30.0, 60.0

#: Seconds below this level are silence, or the noise of a converter.
SILENCE_DB = -90.0

#: Share of the seconds with sound that counts as the loudest.
LOUDEST_SHARE = 0.05

#: dB a second by which a stream's gain may rise and fall; also the decay of its level.
RISE, FALL, FORGET = 12.0, 40.0, 0.25

#: Seconds over which the level of a stream is measured.
STEP_S = 0.1


def to_factor(gain: float) -> float:
    """Convert dB to the factor that samples are multiplied by."""
    return float(10 ** (gain / 20))


def measure_level(samples: npt.NDArray[np.float32]) -> float:
    """Return the RMS level of samples, float32 [n], in dB of full scale; -inf for silence."""
    square = float(np.square(samples, dtype=np.float64).mean()) if len(samples) else 0.0
    return 10 * float(np.log10(square)) if square > 0 else -float("inf")


class LoudestSeconds:
    """Level of the loudest seconds of a sound, in constant memory: a histogram of dB."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, second: npt.NDArray[np.float32]) -> None:
        """Count a second, or the last part of one."""
        measured = measure_level(second)
        if measured > SILENCE_DB:
            self._counts[round(measured)] += 1

    @property
    def level(self) -> float | None:
        """Median level of the loudest seconds, in dB; None for silence."""
        wanted = max(1, round(LOUDEST_SHARE * self._counts.total() / 2))
        for decibels in sorted(self._counts, reverse=True):
            wanted -= self._counts[decibels]
            if wanted <= 0:
                return float(decibels)
        return None

    @property
    def gain(self) -> float:
        """Gain that brings the level to TARGET_DB, in dB; 0 for silence."""
        return 0.0 if self.level is None else _clamp(TARGET_DB - self.level)


class RunningGain:
    """Gain for a stream: given in dB, or one that follows the level slowly."""

    def __init__(self, gain: float | str | None) -> None:
        self._is_auto = gain == AUTO_GAIN
        #: The present gain, in dB.
        self.gain = float(gain) if isinstance(gain, (int, float)) else 0.0
        self._level: float | None = None
        self._square = 0.0
        self._measured = 0

    def apply(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Amplify the next samples, float32 [n] at 16 kHz; 0 dB leaves them as they are."""
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
        if self._measured >= STEP_S * SAMPLE_RATE:
            mean = self._square / self._measured
            self._square, self._measured = 0.0, 0
            measured = 10 * float(np.log10(mean)) if mean > 0 else SILENCE_DB
            if measured > SILENCE_DB:
                forgotten = -np.inf if self._level is None else self._level - FORGET * STEP_S
                self._level = max(measured, float(forgotten))
        if self._level is not None:
            wanted = _clamp(TARGET_DB - self._level)
            lowest, highest = self.gain - FALL * seconds, self.gain + RISE * seconds
            self.gain = min(max(wanted, lowest), highest)


def _clamp(gain: float) -> float:
    return min(max(gain, MIN_AUTO_GAIN_DB), MAX_AUTO_GAIN_DB)
