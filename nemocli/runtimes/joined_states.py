"""States of several streams as one, in memory that is used again for the next call."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nemocli.runtimes.base import State, find_whole


class StateJoiner:
    """Joins states of numpy arrays in memory of its own, which the next `join` overwrites.

    The attention's keys and values are megabytes for each stream. Were they joined in new memory
    for each call, the system would have to find and to clear it: in a virtual machine, that was
    seen to take ten times as long as the copy.
    """

    def __init__(self) -> None:
        self._memory: dict[str, NDArray[Any]] = {}

    def join(self, states: Sequence[State], axis: int) -> State:
        """Join states along an axis; without a copy where they are those of one call, in order."""
        if len(states) == 1:
            return states[0]
        return {name: self._join(name, [each[name] for each in states], axis) for name in states[0]}

    def _join(self, name: str, arrays: Sequence[NDArray[Any]], axis: int) -> NDArray[Any]:
        whole = find_whole(arrays, axis)
        if whole is not None:
            return whole
        first = arrays[0]
        shape = list(first.shape)
        shape[axis] = sum(array.shape[axis] for array in arrays)
        size = int(np.prod(shape))
        memory = self._memory.get(name)
        if memory is None or memory.size < size or memory.dtype != first.dtype:
            # Memory that was never written to is only promised by the system: twice is no waste.
            self._memory[name] = memory = np.empty(2 * size, first.dtype)
        joined: NDArray[Any] = memory[:size].reshape(shape)
        np.concatenate(arrays, axis, out=joined)
        return joined

    def clear(self) -> None:
        """Give back the memory."""
        self._memory.clear()
