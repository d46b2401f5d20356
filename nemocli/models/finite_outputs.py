"""A runtime whose outputs must be finite: with damaged or untrained weights, they are not."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nemocli.errors import ModelError
from nemocli.runtimes.base import GraphRuntime, Runtime, State

#: Outputs that decisions are based on.
CHECKED_OUTPUTS = ("enc_proj", "dec_out", "token_logits", "logits")


class FiniteOutputGraphs(GraphRuntime):
    """Runs another runtime, and raises an error if its outputs are infinite or NaN.

    `explain` is called then and returns the error; it may read every file to find the cause.
    """

    def __init__(self, runtime: GraphRuntime, explain: Callable[[], ModelError]) -> None:
        self._graphs, self._explain = runtime, explain
        self.name = runtime.name
        self.has_fixed_shapes = runtime.has_fixed_shapes

    def run(self, graph: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Call a graph; raise the ModelError that `explain` returns if an output is not finite."""
        outputs = self._graphs.run(graph, inputs)
        for name in CHECKED_OUTPUTS:
            if name in outputs and not _is_finite(outputs[name]):
                raise self._explain()
        return outputs

    def close(self) -> None:
        """Close the runtime that is watched."""
        self._graphs.close()


class FiniteOutputRuntime(FiniteOutputGraphs, Runtime):
    """The same for a recognizer, whose states it passes on."""

    def __init__(self, runtime: Runtime, explain: Callable[[], ModelError]) -> None:
        super().__init__(runtime, explain)
        self._runtime = runtime
        self.config = runtime.config
        self.lookahead = runtime.lookahead

    def join_states(self, states: Sequence[State], axis: int = 0) -> State:
        """Call the same of the other runtime."""
        return self._runtime.join_states(states, axis)

    def split_state(self, state: State, count: int, axis: int = 0) -> list[State]:
        """Call the same of the other runtime."""
        return self._runtime.split_state(state, count, axis)

    def move_slots(self, caches: State, kept: NDArray[np.int64], slots: int) -> State:
        """Call the same of the other runtime."""
        return self._runtime.move_slots(caches, kept, slots)


def _is_finite(values: NDArray[Any]) -> bool:
    """Return whether all values are finite, quickly: min and max return NaN if there is one."""
    low, high = values.min(initial=0), values.max(initial=0)
    return bool(np.isfinite(low) and np.isfinite(high))
