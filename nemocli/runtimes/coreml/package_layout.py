"""The layout of tensors in a Core ML package, and the conversion to it and back.

It differs in two points from nemocli.network.graphs, the contract of all runtimes.

- Devices were reported to return garbage in float16 outputs whose rows do not fill whole cache
  lines (https://github.com/apple/coremltools/issues/1893). The last axis of an encoder graph's
  outputs is therefore padded with zeros to a multiple of 32, and so are the inputs that they come
  back as. At the released sizes this concerns only `cache0..2`.
- The convolution cache, whose last axis is only kernel - 1 = 8 long, is [layers, 8, hidden]
  instead of [layers, hidden, 8].
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nemocli.network.diarizer_graphs import EMBED
from nemocli.network.graphs import DECODER_GRAPHS, TensorSpec
from nemocli.network.operations import Operations, T

Array = NDArray[Any]

#: float16 values in a cache line of 64 bytes.
ALIGNMENT = 32

#: Encoder tensors that are only inputs. All others are outputs, and most of those also inputs.
_INPUTS_ONLY = (
    *("mel", "neg_mask", "one_hot", "row_mask0", "row_mask1", "row_mask2"),
    *("silent", "keep"),  # of a diarization model
)


@dataclass(frozen=True)
class PackageLayout:
    """The layout of one tensor of a graph; `spec` is the contract's, with fixed sizes."""

    spec: TensorSpec
    #: Data type in the package: float16, float32 or int32.
    dtype: str
    #: The contract's axes, in the order of the package.
    order: tuple[int, ...]
    #: Zeros at the end of the package's last axis.
    padding: int

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape in the package."""
        sizes = [self.spec.known_shape[axis] for axis in self.order]
        return (*sizes[:-1], sizes[-1] + self.padding)

    @property
    def size(self) -> int:
        """The length of the last axis without padding."""
        return self.shape[-1] - self.padding

    @property
    def note(self) -> str:
        """What the package's metadata say of this layout; empty if it is the contract's."""
        contract = list(self.spec.shape)
        parts = []
        if self.order != tuple(range(len(self.order))):
            parts.append(f"{contract} with its axes in the order {list(self.order)}")
        if self.padding:
            parts.append(f"{self.padding} zeros behind the {self.size} values of the last axis")
        return "; ".join(parts)

    def store(self, value: Array) -> Array:
        """Convert from the contract's shape to the package's: a contiguous array of `dtype`.

        What `restore` returned is not copied.
        """
        value = value.transpose(self.order)
        if not self.padding:
            return np.ascontiguousarray(value, self.dtype)
        whole = value.base
        if isinstance(whole, np.ndarray) and self._is_view(value, whole):
            return whole
        stored = np.zeros(self.shape, self.dtype)
        stored[..., : self.size] = value
        return stored

    def _is_view(self, value: Array, whole: Array) -> bool:
        """Tell whether a value is all of a stored array but its padding."""
        is_stored = whole.shape == self.shape and whole.dtype == self.dtype
        starts = value.ctypes.data == whole.ctypes.data
        return is_stored and starts and whole.flags.c_contiguous and value.strides == whole.strides

    def restore(self, stored: Array) -> Array:
        """Convert from the package's shape to the contract's: a view."""
        return stored[..., : self.size].transpose(np.argsort(self.order))

    def store_in_graph(self, ops: Operations[T], value: T) -> T:
        """Do what `store` does by operations of the graph, for an output."""
        value = self._transpose(ops, value, self.order)
        if not self.padding:
            return value
        # `Operations.pad` takes four axes.
        shape = (*(1,) * (4 - len(self.shape)), *self.shape[:-1], self.size)
        value = ops.pad(ops.reshape(value, shape), {3: (0, self.padding)})
        return ops.reshape(value, self.shape)

    def restore_in_graph(self, ops: Operations[T], stored: T) -> T:
        """Do what `restore` does by operations of the graph, for an input."""
        if self.padding:
            stored = ops.slice(stored, len(self.order) - 1, 0, self.size)
        return self._transpose(ops, stored, [int(axis) for axis in np.argsort(self.order)])

    def _transpose(self, ops: Operations[T], value: T, order: Sequence[int]) -> T:
        return value if list(order) == sorted(order) else ops.transpose(value, order)


def is_float32(graph: str) -> bool:
    """Tell whether a graph is float32 in every package, on the CPU, and its tensors not padded.

    The decoder is, and the embedding of mel rows, whose energies are far from 0.
    """
    return graph in DECODER_GRAPHS or graph.startswith(EMBED)


def choose_layout(graph: str, spec: TensorSpec, encoder_dtype: str) -> PackageLayout:
    """Return the layout of a tensor of `graph`. Any number of the joint's frames becomes one."""
    spec = TensorSpec(spec.name, spec.known_shape, spec.dtype)
    order = tuple(range(len(spec.shape)))
    if is_float32(graph):
        return PackageLayout(spec, spec.dtype, order, 0)
    if spec.name.startswith("conv_cache"):
        order = (0, 2, 1)
    last = spec.known_shape[order[-1]]
    padding = 0 if spec.name in _INPUTS_ONLY else -last % ALIGNMENT
    return PackageLayout(spec, encoder_dtype, order, padding)
