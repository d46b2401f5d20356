"""The interface between the engine and a runtime."""

import math
import mmap
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

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
        through `join_states`, `split_state` and `move_slots`. In a stream's first call, its state
        is zeros of numpy. The caches of `conformer_block` may be changed: only those returned are
        used again.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of everything that was loaded. Called once; no call follows."""


class Runtime(GraphRuntime):
    """A loaded recognizer at one lookahead. Serves any number of streams, one call at a time."""

    config: ModelConfig
    lookahead: int

    def join_states(self, states: Sequence[State], axis: int = 0) -> State:
        """Join the states of several streams into one, along the axis that counts streams."""
        if len(states) == 1:
            return states[0]
        return {name: np.concatenate([state[name] for state in states], axis) for name in states[0]}

    def split_state(self, state: State, count: int, axis: int = 0) -> list[State]:
        """Split the state of `count` streams into one for each: the inverse of `join_states`."""
        if count == 1:
            return [state]
        before = (np.s_[:],) * axis
        return [
            {name: value[(*before, np.s_[n : n + 1])] for name, value in state.items()}
            for n in range(count)
        ]

    def move_slots(self, caches: State, kept: NDArray[np.int64], slots: int) -> State:
        """Return the caches of `conformer_block` with `slots` slots, at least one for each kept.

        Their first slots are the slots `kept` of `caches`, which are emptied; the others are zeros.
        """
        return {name: move_rows(caches.pop(name), kept, slots) for name in list(caches)}


def move_rows(array: NDArray[Any], kept: NDArray[np.int64], rows: int) -> NDArray[Any]:
    """Return an array of `rows` rows: the rows `kept` of the array [n, ...], and then zeros."""
    moved = make_zeros((rows, *array.shape[1:]), array.dtype)
    moved[: len(kept)] = array[kept]
    return moved


def make_zeros(shape: Sequence[int], dtype: DTypeLike) -> NDArray[Any]:
    """Return zeros that take memory only where they are used, page by page.

    For large arrays, NumPy asks Linux for huge pages. Streams that began together then waited for
    seconds until they were found and cleared, in a virtual machine. Here, Linux is asked for none,
    whatever its settings are. A forked process has the memory for itself, as any other.
    """
    count = math.prod(shape)
    size = max(1, count * np.dtype(dtype).itemsize)
    if sys.platform == "win32":
        memory = mmap.mmap(-1, size)
    else:
        memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE)  # it is shared by default
    if sys.platform == "linux":
        with suppress(OSError):  # of a Linux without huge pages
            memory.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(memory, dtype, count).reshape(shape)
