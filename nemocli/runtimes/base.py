"""What the engine asks of a runtime."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nemocli.network.config import ModelConfig

Arrays = dict[str, NDArray[Any]]

#: What a graph remembers of a stream from one call to the next, under the names of its inputs.
#: Arrays of numpy, or what else a runtime keeps on its device.
State = dict[str, Any]


class Runtime(ABC):
    """A loaded model at one lookahead. Serves any number of streams, one call at a time."""

    #: How a person names it: `numpy`, `onnx`.
    name: str
    #: Whether its graphs take one chunk of one stream in a call (ENCODER_GRAPHS), rather than any
    #: number of both (BLOCK_GRAPHS).
    has_fixed_shapes = False
    config: ModelConfig
    lookahead: int

    @abstractmethod
    def run(self, graph: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Call a graph of nemocli.network.graphs; arrays by name, in the shapes given there.

        The arrays returned belong to the caller: a later call does not overwrite them. They are
        numpy's, but an output called as an input with `_out` behind it need not be: it only comes
        back as that input, or goes through `join_states` and `split_state`. Before the first call,
        a stream's state is zeros of numpy.
        """

    def join_states(self, states: Sequence[State], axis: int = 0) -> State:
        """Join the states of some streams into that of all, along the axis that counts streams."""
        if len(states) == 1:
            return states[0]
        return {name: _join([state[name] for state in states], axis) for name in states[0]}

    def split_state(self, state: State, count: int, axis: int = 0) -> list[State]:
        """Split the state of `count` streams into that of each: the inverse of `join_states`."""
        if count == 1:
            return [state]
        before = (np.s_[:],) * axis
        return [
            {name: value[(*before, np.s_[n : n + 1])] for name, value in state.items()}
            for n in range(count)
        ]


def _join(arrays: Sequence[NDArray[Any]], axis: int) -> NDArray[Any]:
    """Concatenate arrays of one stream each; no copy if a call before left them side by side."""
    whole = arrays[0].base
    if isinstance(whole, np.ndarray) and whole.nbytes == len(arrays) * arrays[0].nbytes:
        first, step = whole.ctypes.data, whole.strides[axis]
        if whole.shape[axis] == len(arrays) and all(
            array.base is whole and array.ctypes.data == first + n * step
            for n, array in enumerate(arrays)
        ):
            return whole
    return np.concatenate(arrays, axis)
