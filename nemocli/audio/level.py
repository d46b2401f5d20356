"""Peak level of a sound, and the warnings by it: no words, or words that may be missing."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from nemocli.sound_warning import SoundWarning

#: A sound whose peak is below this, in dB of full scale, is so quiet that words are missed.
QUIET_DBFS = -38.0


class PeakLevel:
    """Highest absolute sample so far."""

    def __init__(self) -> None:
        self.peak = 0.0
        self.has_samples = False

    def add(self, samples: npt.NDArray[np.float32]) -> None:
        """Measure the next samples, float32 [n] or [n, channels]."""
        if len(samples):
            self.has_samples = True
            self.peak = max(self.peak, float(samples.max()), -float(samples.min()))

    def warn_of_quiet(self) -> SoundWarning | None:
        """Return the warning for a sound too quiet to be recognised well; None if it is not."""
        if self.peak == 0 or self._dbfs >= QUIET_DBFS:
            return None
        message = (
            f"The sound is very quiet, at most {self._dbfs:.0f} dBFS, so words may be missing or"
            " wrong; --gain auto amplifies it."
        )
        return SoundWarning("level", 0.0, message)

    @property
    def _dbfs(self) -> float:
        return 20 * math.log10(self.peak)

    def explain_no_words(self) -> SoundWarning:
        """Return the warning for a sound in which no word was recognised."""
        if not self.has_samples:
            message = "The file has no sound at all, so there are no words."
        elif self.peak == 0:
            message = "The sound is digital silence, so there are no words."
        else:
            level = self._dbfs
            if level < QUIET_DBFS:
                message = (
                    f"No words were recognised: the sound is very quiet, at most {level:.0f} dBFS;"
                    " --gain auto amplifies it."
                )
            else:
                message = f"No words were recognised in the sound, whose peak is {level:.0f} dBFS."
        return SoundWarning("empty", 0.0, message)
