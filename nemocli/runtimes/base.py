"""The interface between the engine and a runtime."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nemocli.network.config import ModelConfig

Arrays = dict[str, NDArray[Any]]

#: What a graph remembers of a stream from one call to the next, by the names of the graph's inputs.
#: The values are numpy arrays, or whatever a runtime keeps on its device.
State = dict[str, Any]


class GraphRuntime(ABC):
    """The loaded graphs of a model. One call at a time."""

    #: The name that users give: `numpy`, `onnx`.
    name: str
    #: Whether a call takes the graphs of fixed shapes, one stream at a time, not any number of
    #: streams and of chunks or frames.
    has_fixed_shapes = False

    @abstractmethod
    def run(self, graph: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Call a graph, with arrays by name in the shapes given where it is built.

        The recognizer's are in nemocli.network.graphs, the diarizer's in
        nemocli.network.diarizer_graphs. Returns the outputs by name. They belong to the caller: a
        later call does not overwrite them. They are numpy arrays, except that a state (an input's
        name with `_out` appended) may be anything: it only comes back as that input, or goes
        through `join_states` and `split_state`. In a stream's first call, its state is zeros of
        numpy.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of everything that was loaded. Called once; no call follows."""


class Runtime(GraphRuntime):
    """A loaded recognizer at one lookahead. Serves any number of streams, one call at a time."""

    config: ModelConfig
    lookahead: int

    def join_states(self, states: Sequence[State], axis: int = 0) -> State:
        """Join the states of several streams into one, along the axis that counts streams.

        The result is for one call of `run`: the next one may be in the same memory.
        """
        if len(states) == 1:
            return states[0]
        return {name: _join([state[name] for state in states], axis) for name in states[0]}

    def split_state(self, state: State, count: int, axis: int = 0) -> list[State]:
        """Split the state of `count` streams into one for each: the inverse of `join_states`."""
        if count == 1:
            return [state]
        before = (np.s_[:],) * axis
        return [
            {name: value[(*before, np.s_[n : n + 1])] for name, value in state.items()}
            for n in range(count)
        ]

    def own_state(self, state: State) -> State:
        """Return a state whose arrays hold no more memory than their own."""
        return {name: _own(value) for name, value in state.items()}


def _own(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.base is not None:
        return value.copy()
    return value


def _join(arrays: Sequence[NDArray[Any]], axis: int) -> NDArray[Any]:
    whole = find_whole(arrays, axis)
    return np.concatenate(arrays, axis) if whole is None else whole


def find_whole(arrays: Sequence[NDArray[Any]], axis: int) -> NDArray[Any] | None:
    """Return the array whose parts along an axis are these, of one stream each; None if none is.

    It has no other parts, and these come in its order: joining them needs no copy.
    """
    whole = arrays[0].base
    if not isinstance(whole, np.ndarray) or whole.nbytes != len(arrays) * arrays[0].nbytes:
        return None
    first, step = whole.ctypes.data, whole.strides[axis]
    is_whole = whole.shape[axis] == len(arrays) and all(
        array.base is whole and array.ctypes.data == first + n * step
        for n, array in enumerate(arrays)
    )
    return whole if is_whole else None
