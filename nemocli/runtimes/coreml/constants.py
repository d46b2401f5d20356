"""The constants of a package: each is loaded once, and shared by all functions of the package."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nemocli.errors import ModelError
from nemocli.network.tensors import Parameter
from nemocli.runtimes.coreml.compress import Compressed
from nemocli.runtimes.coreml.tools import Builder as mb  # noqa: N813  its name everywhere

#: A value of a graph under construction; coremltools has no type annotations.
Var = Any

Array = NDArray[Any]


class Constants:
    """The constants of one package, in `dtype`, and those of linear layers compressed.

    `compress` returns a weight in fewer bits; None leaves them as they are. Only weights whose
    names begin with `within` are compressed.
    """

    def __init__(
        self,
        dtype: str,
        compress: Callable[[Array], Compressed] | None = None,
        within: str = "",
    ) -> None:
        self.dtype = np.dtype(dtype).type
        self._compress = compress
        self._within = within
        self._arrays: dict[str, Array] = {}
        self._compressed: dict[str, Compressed] = {}

    def make(self, value: Parameter) -> Var:
        """Add a parameter to the function under construction."""
        if value.name not in self._arrays:
            self._arrays[value.name] = self._load(value)
        return _make_shared(self._arrays[value.name], value.name)

    def make_zeros(self, count: int) -> Var:
        """Add a vector of zeros to the function under construction."""
        name = f"zeros{count}"
        array = self._arrays.setdefault(name, np.zeros(count, self.dtype))
        return _make_shared(array, name)

    def make_weight(self, value: Parameter) -> Var:
        """Add the matrix of a linear layer to the function under construction."""
        if self._compress is None or not value.name.startswith(self._within):
            return self.make(value)
        if value.name not in self._compressed:
            self._compressed[value.name] = self._compress(self._load(value))
        compressed = self._compressed[value.name]
        parts = {
            part: _make_shared(array, f"{value.name}.{part}")
            for part, array in compressed.parts.items()
        }
        return getattr(mb, compressed.operation)(name=value.name, **parts)

    def _load(self, value: Parameter) -> Array:
        with np.errstate(over="ignore"):  # refused below, in a clearer sentence
            array = np.ascontiguousarray(value.load(), self.dtype)
        if not np.isfinite(array).all():
            raise ModelError(
                f"The tensor {value.name} holds values that {array.dtype} cannot;"
                " the checkpoint is damaged or needs another runtime."
            )
        return array


def _make_shared(array: Array, name: str) -> Var:
    """Make a constant that is stored only once for all functions that have one of this name."""
    constant = mb.const(val=array, name=name)
    constant.op.weight_id = name
    return constant
