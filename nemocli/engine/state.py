"""The state of a stream: what the graphs remember of it between two calls."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from nemocli.runtimes.base import State


def make_zero_state(shapes: Mapping[str, tuple[int, ...]]) -> State:
    """Make the state of a new stream: float32 zeros of the shapes given, by name."""
    return {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}


def read_state(names: Iterable[str], outputs: Mapping[str, Any]) -> State:
    """Pick the new state out of a call's outputs, by the names of the inputs it goes back to."""
    return {name: outputs[name + "_out"] for name in names}
