"""Smaller weights for the conformer's linear layers, by coremltools.optimize.

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

from collections.abc import Callable
from math import gcd
from typing import Any

from nemocli.network.config import ModelConfig
from nemocli.runtimes.coreml.tools import optimize

#: Weights that share a scale, and rows that share a palette; fewer if sizes are not multiples.
GROUP = 32

PALETTE_BITS = 6


def compress(model: Any, precision: str, config: ModelConfig) -> Any:
    """Return a coremltools MLModel with its linear layers in int8, int4 or palettized-6."""
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
            mode="uniform",
            nbits=PALETTE_BITS,
            granularity="per_grouped_channel",
            group_size=group,
        )
    return action(model, optimize.OptimizationConfig(op_type_configs={"linear": options}))
