"""Float samples in the range of integers: a recording that was never divided by its full scale.

Full scale of floats is 1.0. Programs write arrays of integers as floats without dividing them, and
what they write is thousands of times too loud.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from nemocli.audio.decoder import Block

#: Floats up to this size may be sound that is too loud; larger ones are in the range of integers.
MAX_FLOAT = 8.0

#: Full scales of integers, and the factor by which resampled sound may exceed one.
FULL_SCALES = (2.0**7, 2.0**15, 2.0**23, 2.0**31)
MAX_OVERSHOOT = 1.5

#: The largest integer that a float may stand for; larger samples are damage.
MAX_INTEGER = 2.0**32

#: If a smaller share of the samples is far too loud, these are damage, and not in integers.
MIN_LOUD_SHARE = 0.01


def find_usual_peak(samples: npt.NDArray[np.float32]) -> float:
    """Return the peak of samples, float32 of any shape, without the few that are damage."""
    peak = float(np.abs(samples).max(initial=0.0))
    if peak <= MAX_FLOAT:
        return peak
    sizes = np.abs(samples[np.abs(samples) <= MAX_INTEGER])
    loud = np.count_nonzero(sizes > MAX_FLOAT)
    if loud < MIN_LOUD_SHARE * sizes.size:  # zeros count: a click may stand in digital silence
        sizes = sizes[sizes <= MAX_FLOAT]
    return float(sizes.max(initial=0.0))


def find_full_scale(peak: float) -> float:
    """Return the full scale implied by the peak of float samples: 1.0, or that of integers."""
    if peak <= MAX_FLOAT:
        return 1.0
    return next((scale for scale in FULL_SCALES if peak <= MAX_OVERSHOOT * scale), peak)


def scale_down(
    blocks: Iterator[Block], peak: float, warn: Callable[[str, float, str], None]
) -> Iterator[Block]:
    """Divide blocks of float samples by their full scale, if that is not 1.0.

    `peak` is the peak of the first minutes; a much louder block raises the scale from there on.
    `warn` is called with a kind, seconds and a sentence.
    """
    scale = 1.0
    seconds = 0.0
    for block in blocks:
        found = float(np.abs(block.samples).max(initial=0.0))
        needed = find_full_scale(max(peak, found if np.isfinite(found) else 0.0))
        if needed > scale:
            scale = needed
            warn("level", seconds, _describe(scale))
        seconds += len(block.samples) / block.rate
        if scale == 1.0:
            yield block
        else:
            yield Block(block.rate, block.samples / np.float32(scale))


def _describe(scale: float) -> str:
    return (
        "The float samples are in the range of integers, and were divided by"
        f" {scale:,.0f}: full scale of floats is 1.0."
    )
