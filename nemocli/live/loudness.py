"""How loud the sound is, and whether that may be speech: judged against the quiet around it."""

import numpy as np
from numpy.typing import NDArray

from nemocli.units import FRAME_SECONDS, SAMPLE_RATE

#: dB of full scale: the level of digital silence, and bounds for the noise of a room.
SILENCE, LOWEST_FLOOR, HIGHEST_FLOOR = -120.0, -80.0, -30.0

#: Speech is at least this many dB above the noise, and never below the second level.
ABOVE_FLOOR, QUIETEST_SPEECH = 12.0, -55.0

#: dB per second: the estimate of the noise falls at once and rises slowly, so that words do not
#: lift it.
RISE_PER_SECOND = 0.5

FRAME = round(FRAME_SECONDS * SAMPLE_RATE)


class Loudness:
    """Levels over frames of 80 ms; all positions and lengths in seconds."""

    def __init__(self) -> None:
        self._rest = np.zeros(0, np.float32)
        self._floor = LOWEST_FLOOR
        #: Level of the last frame, in dB of full scale.
        self.level = SILENCE
        #: Seconds since something was as loud as speech.
        self.quiet = 0.0
        #: Seconds in all that were as loud as speech, since `restart` and since the beginning.
        self.loud = 0.0
        self.all_loud = 0.0

    def measure(self, samples: NDArray[np.float32]) -> list[float]:
        """Measure the next samples, float32 [n] at 16 kHz; return the levels of whole frames."""
        sound = np.concatenate([self._rest, samples])
        whole = len(sound) // FRAME
        self._rest = sound[whole * FRAME :].copy()
        frames = sound[: whole * FRAME].astype(np.float64).reshape(whole, FRAME)
        power = np.square(frames).mean(1)
        levels: list[float] = (10 * np.log10(np.maximum(power, 10 ** (SILENCE / 10)))).tolist()
        for level in levels:
            self._judge(level)
        return levels

    def restart(self) -> None:
        """Count loud sound anew."""
        self.loud = 0.0

    def _judge(self, level: float) -> None:
        self.level = level
        risen = self._floor + RISE_PER_SECOND * FRAME_SECONDS
        self._floor = min(max(min(level, risen), LOWEST_FLOOR), HIGHEST_FLOOR)
        if level > max(self._floor + ABOVE_FLOOR, QUIETEST_SPEECH):
            self.quiet = 0.0
            self.loud += FRAME_SECONDS
            self.all_loud += FRAME_SECONDS
        else:
            self.quiet += FRAME_SECONDS
