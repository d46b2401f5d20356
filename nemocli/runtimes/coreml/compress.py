"""Smaller weights for the conformer's linear layers, by coremltools.optimize.

| precision | weights | runs on the Neural Engine |
|---|---|---|
| int8 | 8 bits, one scale for each row | as its documentation has it, yes |
| int4 | 4 bits, one scale for each 32 weights of a row | no: CPU and GPU only |
| palettized-6 | 6 bits, 64 values for each 32 rows | as its documentation has it, yes |

The keys of the relative positions, no weights of a linear layer, stay as they are.
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

#: Rounds of k-means. On the released model's sizes the palette hardly moves after thirty.
ROUNDS = 30


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
    count = 1 << PALETTE_BITS
    centres = values[(2 * np.arange(count) + 1) * len(values) // (2 * count)]
    for _ in range(ROUNDS):
        edges = np.searchsorted(values, (centres[1:] + centres[:-1]) / 2)
        bounds = np.concatenate([[0], edges, [len(values)]])
        size = np.diff(bounds)
        means = np.diff(sums[bounds]) / np.maximum(size, 1)
        centres = np.where(size > 0, means, centres)
    table = centres.astype(weight.dtype)
    between = (table[1:].astype(np.float64) + table[:-1]) / 2
    return table, np.searchsorted(between, weight.ravel()).astype(np.uint8)
