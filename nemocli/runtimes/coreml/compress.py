"""Smaller weights for the conformer's linear layers, by coremltools.optimize.

| precision | weights | on the Neural Engine, as others report |
|---|---|---|
| int8 | 8 bits, one scale for each row | yes |
| int4 | 4 bits, one scale for each 32 weights of a row | no: CPU and GPU |
| palettized-6 | 6 bits, 64 values for each 32 rows | yes; more palettes would be slower |

The keys of the relative positions, no weights of a linear layer, stay as they are. None of this was
tried on a device.
"""

from collections.abc import Callable
from math import gcd
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nemocli.network.config import ModelConfig
from nemocli.runtimes.coreml.tools import optimize

#: Weights that share a scale, and rows that share a palette; fewer if sizes are no multiples.
GROUP = 32

PALETTE_BITS = 6

#: Rounds of k-means. For normally distributed weights a hundred are not 4 % better.
ROUNDS = 20


def compress(model: Any, precision: str, config: ModelConfig) -> Any:
    """The same coremltools MLModel with its linear layers in int8, int4 or palettized-6."""
    group = gcd(GROUP, config.hidden_size, config.ff_size, config.prompt_size, config.decoder_size)
    action: Callable[..., Any] = optimize.linear_quantize_weights
    if precision == "int8":
        options = optimize.OpLinearQuantizerConfig(
            mode="linear_symmetric", dtype="int8", granularity="per_channel"
        )
    elif precision == "int4":
        options = optimize.OpLinearQuantizerConfig(
            mode="linear_symmetric", dtype="int4", granularity="per_block", block_size=group
        )
    else:
        action = optimize.palettize_weights
        options = optimize.OpPalettizerConfig(
            mode="custom",
            lut_function=palette,
            granularity="per_grouped_channel",
            group_size=group,
        )
    return action(model, optimize.OptimizationConfig(op_type_configs={"linear": options}))


def palette(weight: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """64 values that stand for the weights, and each weight's index among them, flat.

    k-means in one dimension: over sorted values a cluster is an interval, so a round is a binary
    search and differences of running sums. coremltools' own takes minutes a layer and needs
    scikit-learn.
    """
    values = np.sort(weight, axis=None).astype(np.float64)
    sums = np.concatenate([[0], np.cumsum(values)])
    # It begins where the best palette of a smooth density p lies: values at a density of p^(1/3).
    spread = np.concatenate([[0], np.cumsum(np.diff(values) ** (2 / 3))])
    places = (np.arange(1 << PALETTE_BITS) + 0.5) / (1 << PALETTE_BITS)
    centres = np.interp(places * spread[-1], spread, values)
    for _ in range(ROUNDS):
        edges = np.searchsorted(values, (centres[1:] + centres[:-1]) / 2)
        bounds = np.concatenate([[0], edges, [len(values)]])
        size = np.diff(bounds)
        means = np.diff(sums[bounds]) / np.maximum(size, 1)
        centres = np.where(size > 0, means, centres)
    table = centres.astype(weight.dtype)
    between = (table[1:].astype(np.float64) + table[:-1]) / 2
    return table, np.searchsorted(between, weight.ravel()).astype(np.uint8)
