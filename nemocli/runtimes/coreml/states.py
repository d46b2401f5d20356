"""Functions that keep a stream's caches in Core ML, as states, instead of taking and giving them.

The halves of the conformer have two functions for each lookahead over the same weights: one whose
caches are inputs and outputs, and this one. Core ML has states in float16 only.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nemocli.runtimes.packages import name_function

#: The graphs whose caches can be states. Those of the others are small.
STATE_GRAPHS = ("conformer_a", "conformer_b")

#: The caches that are states, by the names of the graph's inputs.
CACHES = ("k_cache", "v_cache", "conv_cache")


def has_states(graph: str, encoder_dtype: str) -> bool:
    """Tell whether a graph also has functions with states, in packages of a data type."""
    return graph in STATE_GRAPHS and encoder_dtype == "float16"


def name_state_function(graph: str, lookahead: int) -> str:
    """Return the name of a package's function with states."""
    return f"{name_function(graph, lookahead)}_states"


@dataclass
class StreamStates:
    """The states of one stream, which Core ML keeps, and how often they were overwritten."""

    state: Any
    calls: int = 0

    def list_stand_ins(self) -> dict[str, Any]:
        """Return what stands for the caches now, by the names of the outputs."""
        return {f"{name}_out": HeldCache(self, self.calls) for name in CACHES}


@dataclass(frozen=True)
class HeldCache:
    """Stands for a cache whose values Core ML keeps: those after a number of calls."""

    stream: StreamStates
    call: int


def split_caches(
    inputs: Mapping[str, Any], make_state: Callable[[], Any]
) -> tuple[StreamStates, dict[str, Any]]:
    """Return the states that stand for the caches of a call, and the inputs without caches.

    At the start of a stream, where the caches are zeros, new states are made. Raises ValueError
    for caches that are overwritten already.
    """
    caches = [inputs[name] for name in CACHES]
    others = {name: value for name, value in inputs.items() if name not in CACHES}
    held = caches[0]
    if not isinstance(held, HeldCache):
        if any(np.any(cache) for cache in caches):
            raise ValueError("A stream with states begins with zeros.")
        return StreamStates(make_state()), others
    if any(cache != held for cache in caches) or held.call != held.stream.calls:
        raise ValueError("The states of a stream go only forward.")
    return held.stream, others
