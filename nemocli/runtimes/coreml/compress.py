"""Smaller weights for the conformer's linear layers, computed by coremltools.

| precision | weights | on the Neural Engine, as others report |
|---|---|---|
| int8 | 8 bits, one scale for each row | yes |
| int4 | 4 bits, one scale for each 32 weights of a row | no: CPU and GPU |
| palettized-6 | 6 bits, 64 values for each 32 rows | yes; more palettes would be slower |

The values of a palette are evenly spaced. coremltools' k-means would take 8 s for a million
weights, at each lookahead again, and have a smaller error (2.5 % of the weights, not 3.8 %), which
changes no token of the demo. The keys of the relative positions, which are not a linear layer's
weights, keep their precision. None of this was tried on a device.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import gcd
from typing import Any

from numpy.typing import NDArray

from nemocli.runtimes.coreml.tools import palettize, quantize

#: Weights that share a scale, and rows that share a palette; fewer if sizes are not multiples.
GROUP = 32

PALETTE_BITS = 6


@dataclass(frozen=True)
class Compressed:
    """A matrix in fewer bits, and the operation of an ML Program that restores it."""

    operation: str
    #: The operation's constant inputs by name.
    parts: dict[str, NDArray[Any]]


def choose_compression(
    precision: str, sizes: Sequence[int]
) -> Callable[[NDArray[Any]], Compressed]:
    """Return the function that compresses a matrix [out, in] to int8, int4 or palettized-6.

    `sizes` are all that matrices have.
    """
    group = gcd(GROUP, *sizes)

    def to_int8(weight: NDArray[Any]) -> Compressed:
        return _quantize(weight, 8, [1, 0])

    def to_int4(weight: NDArray[Any]) -> Compressed:
        return _quantize(weight, 4, [1, group])

    def to_palette(weight: NDArray[Any]) -> Compressed:
        found = palettize.blockwise_compress(weight, "UNIFORM", PALETTE_BITS, [group, 0])
        return Compressed("constexpr_lut_to_dense", {"indices": found.indices, "lut": found.lut})

    return {"int8": to_int8, "int4": to_int4, "palettized-6": to_palette}[precision]


def _quantize(weight: NDArray[Any], bits: int, block: list[int]) -> Compressed:
    """Quantize symmetrically; a `block` shares a scale, and 0 in it is a whole axis."""
    found = quantize.blockwise_compress(weight, bits, "LINEAR_SYMMETRIC", True, block)
    parts = {"data": found.data, "scale": found.scale}
    return Compressed("constexpr_blockwise_shift_scale", parts)
