"""Float samples in the range of integers: a recording that was never divided by its full scale.

Full scale of floats is 1.0. Programs write arrays of integers as floats without dividing them, and
what they write is thousands of times too loud.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from nemocli.audio.decoder import Block

#: Floats of this size may be sound that is too loud; beyond it, they are counted in integers.
LOUDEST_FLOAT = 8.0

#: Full scales of integers, and how far beyond one its samples may be, as resampling leaves them.
FULL_SCALES = (2.0**7, 2.0**15, 2.0**23, 2.0**31)
BEYOND = 1.5


#: The largest integer that a float may stand for; nothing but damage is louder.
LOUDEST = 2.0**32

#: A smaller part of the samples than this that is far too loud is damage, not the sound's scale.
LEAST_LOUD = 0.01


def usual_peak(samples: npt.NDArray[np.float32]) -> float:
    """Find the peak of samples, float32 of any shape, without the few that are damage."""
    peak = float(np.abs(samples).max(initial=0.0))
    if peak <= LOUDEST_FLOAT:
        return peak
    sizes = np.abs(samples[np.abs(samples) <= LOUDEST])
    loud = np.count_nonzero(sizes > LOUDEST_FLOAT)
    if loud < LEAST_LOUD * sizes.size:  # zeros count: a click may stand in digital silence
        sizes = sizes[sizes <= LOUDEST_FLOAT]
    return float(sizes.max(initial=0.0))


def full_scale(peak: float) -> float:
    """The full scale that a peak of float samples tells of: 1.0, or one of the integers'."""
    if peak <= LOUDEST_FLOAT:
        return 1.0
    return next((scale for scale in FULL_SCALES if peak <= BEYOND * scale), peak)


def scaled(
    blocks: Iterator[Block], peak: float, warn: Callable[[str, float, str], None]
) -> Iterator[Block]:
    """Blocks of float samples, divided by their full scale if that is not 1.0.

    `peak` is what a first look found; a block that is louder by far raises the scale from there on.
    `warn` is called with a kind, seconds and a sentence.
    """
    scale = 1.0
    seconds = 0.0
    for block in blocks:
        found = float(np.abs(block.samples).max(initial=0.0))
        needed = full_scale(max(peak, found if np.isfinite(found) else 0.0))
        if needed > scale:
            scale = needed
            warn("level", seconds, _sentence(scale))
        seconds += len(block.samples) / block.rate
        if scale == 1.0:
            yield block
        else:
            yield Block(block.rate, block.samples / np.float32(scale))


def _sentence(scale: float) -> str:
    return (
        "The float samples are in the range of integers, and were divided by"
        f" {scale:,.0f}: full scale of floats is 1.0."
    )
