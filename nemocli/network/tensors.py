"""A network's weights by name, and the check that they are those that it asks for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nemocli.errors import ModelError, quote

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Parameter:
    """A named weight. Each call of `load` reads it, so that a conversion holds one at a time."""

    name: str
    load: Callable[[], Array]


class WeightSource(Protocol):
    """Where tensors come from: a checkpoint on disk, or arrays in memory."""

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Return every tensor's shape by name, without reading the tensors."""
        ...

    def read(self, name: str) -> Array:
        """Return a tensor as float32."""
        ...


class ShapesOnly:
    """A `WeightSource` without weights: graphs are built, and their weights come from elsewhere."""

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self._shapes = shapes

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """See WeightSource."""
        return self._shapes

    def read(self, name: str) -> Array:
        """Raise LookupError: there are no weights."""
        raise LookupError(name)


def check_numbers(name: str, array: Array) -> None:
    """Raise ModelError for NaN, infinity, a matrix of equal numbers, or a scale of zeros.

    Biases may all be 0, and the scale of a normalization may be 1 throughout.
    """
    # The largest and the smallest number are enough: both are NaN if any number is.
    low, high = array.min(initial=np.inf), array.max(initial=-np.inf)
    if not (np.isfinite(low) and np.isfinite(high)):
        what = "numbers that are infinite or none at all"
    elif "bias" not in name.rpartition(".")[2] and low == high and (array.ndim > 1 or high == 0):
        what = f"nothing but {high:g}, which no training gives"
    else:
        return
    raise ModelError(f"The tensor {name} holds {what}: the checkpoint is damaged; get it again.")


class NamedParameters:
    """The tensors of a checkpoint by name, as parameters.

    Raises ModelError at once if a tensor of `shapes` is missing, has another shape, or if there is
    one that is not in `shapes`. Loading a parameter raises ModelError if `check_numbers` does.
    """

    def __init__(self, source: WeightSource, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self._source, self._shapes = source, shapes
        present = source.shapes()
        for name, shape in shapes.items():
            if name not in present:
                raise ModelError(f"The checkpoint lacks the tensor {name}.")
            if tuple(present[name]) != shape:
                raise ModelError(
                    f"The tensor {name} has the shape {list(present[name])},"
                    f" but the configuration asks for {list(shape)}."
                )
        unknown = sorted(set(present) - set(shapes))
        if unknown:
            raise ModelError(
                f"The checkpoint has the tensor {quote(unknown[0])}, for which the configuration"
                " has no place: its files are not of one model."
            )

    def check(self) -> None:
        """Read every tensor once. Raises ModelError if `check_numbers` does for one of them."""
        for name in self._shapes:
            self.read(name)

    def read(self, name: str) -> Array:
        """Read a tensor as it is stored, and check its numbers."""
        array = self._source.read(name)
        check_numbers(name, array)
        return array

    def __getitem__(self, name: str) -> Parameter:
        return Parameter(name, lambda: self.read(name))
