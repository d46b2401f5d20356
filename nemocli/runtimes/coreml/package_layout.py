"""How the tensors of the graphs lie in a Core ML package, and the way there and back.

Two things differ from nemocli.network.graphs.

- Rows of a float16 output were reported to come back as garbage from devices unless they fill
  whole cache lines (https://github.com/apple/coremltools/issues/1893): what leaves an encoder graph
  has a last axis that is a multiple of 32, with zeros behind the values, and what goes back in has
  the same. At the released sizes that concerns `cache0..2` alone.
- The convolution cache, only kernel - 1 = 8 long, lies as [layers, 8, hidden] instead of
  [layers, hidden, 8].
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nemocli.network.graphs import DECODER_GRAPHS, TensorSpec
from nemocli.network.operations import Operations, T

Array = NDArray[Any]

#: float16 values in a cache line of 64 bytes.
ALIGNMENT = 32

#: Encoder tensors that only ever go in. All others leave a graph, and most go into the next.
_INPUTS_ONLY = ("mel", "neg_mask", "one_hot", "row_mask0", "row_mask1", "row_mask2")


@dataclass(frozen=True)
class PackageLayout:
    """One tensor of one graph: `spec` is the contract's view of it, with every size known."""

    spec: TensorSpec
    #: Data type in the package: float16, float32 or int32.
    dtype: str
    #: The contract's axes in the order they have in the package.
    order: tuple[int, ...]
    #: Zeros behind the last axis of the package.
    padding: int

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape in the package."""
        sizes = [self.spec.known_shape[axis] for axis in self.order]
        return (*sizes[:-1], sizes[-1] + self.padding)

    @property
    def size(self) -> int:
        """Values of the last axis that are not padding."""
        return self.shape[-1] - self.padding

    @property
    def note(self) -> str:
        """What a user of the package has to know, for its metadata; empty if nothing differs."""
        contract = list(self.spec.shape)
        parts = []
        if self.order != tuple(range(len(self.order))):
            parts.append(f"{contract} with its axes in the order {list(self.order)}")
        if self.padding:
            parts.append(f"{self.padding} zeros behind the {self.size} values of the last axis")
        return "; ".join(parts)

    def store(self, value: Array) -> Array:
        """From the contract's shape to the package's, as a contiguous array of the right type."""
        value = value.transpose(self.order)
        if not self.padding:
            return np.ascontiguousarray(value, self.dtype)
        stored = np.zeros(self.shape, self.dtype)
        stored[..., : self.size] = value
        return stored

    def restore(self, stored: Array) -> Array:
        """From the package's shape to the contract's: a view."""
        return stored[..., : self.size].transpose(np.argsort(self.order))

    def store_in_graph(self, ops: Operations[T], value: T) -> T:
        """`store` as operations of the graph, for an output."""
        value = self._transpose(ops, value, self.order)
        if not self.padding:
            return value
        # Reshaped to four axes, which is what the vocabulary's pad takes.
        shape = (*(1,) * (4 - len(self.shape)), *self.shape[:-1], self.size)
        value = ops.pad(ops.reshape(value, shape), {3: (0, self.padding)})
        return ops.reshape(value, self.shape)

    def restore_in_graph(self, ops: Operations[T], stored: T) -> T:
        """`restore` as operations of the graph, for an input."""
        if self.padding:
            stored = ops.slice(stored, len(self.order) - 1, 0, self.size)
        return self._transpose(ops, stored, [int(axis) for axis in np.argsort(self.order)])

    def _transpose(self, ops: Operations[T], value: T, order: Sequence[int]) -> T:
        return value if list(order) == sorted(order) else ops.transpose(value, order)


def layout(graph: str, spec: TensorSpec, encoder_dtype: str) -> PackageLayout:
    """Where a tensor of `graph` lies. The joint's frames, any number in the contract, are one."""
    spec = TensorSpec(spec.name, spec.known_shape, spec.dtype)
    order = tuple(range(len(spec.shape)))
    if graph in DECODER_GRAPHS:
        return PackageLayout(spec, spec.dtype, order, 0)
    if spec.name.startswith("conv_cache"):
        order = (0, 2, 1)
    last = spec.known_shape[order[-1]]
    padding = 0 if spec.name in _INPUTS_ONLY else -last % ALIGNMENT
    return PackageLayout(spec, encoder_dtype, order, padding)
