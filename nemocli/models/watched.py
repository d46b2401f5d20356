"""A runtime whose output is looked at: damaged weights, and those no training gives, show there."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nemocli.errors import ModelError
from nemocli.runtimes.base import Runtime, State

#: What the engine makes decisions on.
WATCHED = ("enc_proj", "dec_out", "token_logits")


class WatchedRuntime(Runtime):
    """Runs another runtime, and refuses what it computes if that is no number any more.

    `explain` is called then, and gives the error: it has the time to read every file.
    """

    def __init__(self, runtime: Runtime, explain: Callable[[], ModelError]) -> None:
        self._runtime, self._explain = runtime, explain
        self.name = runtime.name
        self.has_fixed_shapes = runtime.has_fixed_shapes
        self.config = runtime.config
        self.lookahead = runtime.lookahead

    def run(self, graph: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Call a graph; raises the ModelError that `explain` gives."""
        outputs = self._runtime.run(graph, inputs)
        for name in WATCHED:
            if name in outputs and not _is_finite(outputs[name]):
                raise self._explain()
        return outputs

    def close(self) -> None:
        """Close the runtime that is watched."""
        self._runtime.close()

    def join_states(self, states: Sequence[State], axis: int = 0) -> State:
        """As the runtime that is watched."""
        return self._runtime.join_states(states, axis)

    def split_state(self, state: State, count: int, axis: int = 0) -> list[State]:
        """As the runtime that is watched."""
        return self._runtime.split_state(state, count, axis)


def _is_finite(values: NDArray[Any]) -> bool:
    """Quicker than a look at each: a NaN is the largest and the smallest of any numbers."""
    low, high = values.min(initial=0), values.max(initial=0)
    return bool(np.isfinite(low) and np.isfinite(high))
