"""The Gaussian error linear unit, x/2 (1 + erf(x / sqrt 2)), which numpy lacks."""

import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Where erf is -1 and 1 to the last bit of a float64.
LIMIT = 6.0

#: Steps of the table: with cubics between them, the error is below 1e-14.
STEPS = 32768

#: Values computed at once: about a dozen float64 exist for each then, which for all values of a
#: layer would be more than twice as much memory as everything else in it.
BLOCK = 65536


def gelu(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute the function in float64, and return it in float32."""
    y = np.empty(x.size, np.float32)
    flat = x.reshape(-1)
    for at in range(0, x.size, BLOCK):
        part = flat[at : at + BLOCK]
        y[at : at + BLOCK] = 0.5 * part * (1.0 + _erf(part / math.sqrt(2.0)))
    return y.reshape(x.shape)


def _erf(x: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Compute the error function: between two places of a table, a cubic with their slopes."""
    values, slopes = _make_table()
    at = (np.clip(np.asarray(x, np.float64), -LIMIT, LIMIT) + LIMIT) * (STEPS / (2 * LIMIT))
    first = np.minimum(at, STEPS - 1).astype(np.int64)
    t = at - first
    low, high = values[first], values[first + 1]
    rising: NDArray[np.float64] = low + t * t * (3 - 2 * t) * (high - low)
    return rising + t * (1 - t) * ((1 - t) * slopes[first] - t * slopes[first + 1])


@cache
def _make_table() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return erf at STEPS + 1 places from -LIMIT to LIMIT, and its slopes by step."""
    places = np.linspace(-LIMIT, LIMIT, STEPS + 1)
    values = np.array([math.erf(place) for place in places])
    slopes = 2 / math.sqrt(math.pi) * np.exp(-np.square(places)) * (2 * LIMIT / STEPS)
    return values, slopes
