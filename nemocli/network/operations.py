"""The operations that the network is written in: all that a runtime has to supply.

Calling the network's definition with numpy's operations computes; calling it with another runtime's
builds a graph. `T` is what an operation takes and returns: an array, or a value of a graph.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from nemocli.network.tensors import Parameter

T = TypeVar("T")

#: Layer normalization's epsilon, everywhere in these networks.
EPSILON = 1e-5


class Operations(Protocol[T]):
    """The operations of one runtime. Shapes are those of the arguments; axes count from 0."""

    def constant(self, value: Parameter) -> T:
        """Return a parameter as a value."""
        ...

    def linear(self, x: T, weight: Parameter, bias: Parameter | None = None) -> T:
        """Multiply x [..., in] by the transposed weight [out, in], and add bias [out]."""
        ...

    def matmul(self, a: T, b: T) -> T:
        """Multiply matrices: a [..., m, k] by b [..., k, n]."""
        ...

    def add(self, a: T, b: T) -> T: ...

    def mul(self, a: T, b: T) -> T: ...

    def sigmoid(self, x: T) -> T: ...

    def silu(self, x: T) -> T:
        """Compute x * sigmoid(x)."""
        ...

    def tanh(self, x: T) -> T: ...

    def relu(self, x: T) -> T: ...

    def gelu(self, x: T) -> T:
        """Compute x/2 (1 + erf(x / sqrt 2)): not the approximation by tanh."""
        ...

    def softmax(self, x: T) -> T:
        """Compute the softmax over the last axis."""
        ...

    def layer_norm(self, x: T, weight: Parameter, bias: Parameter) -> T:
        """Normalize over the last axis, with EPSILON."""
        ...

    def conv2d(self, x: T, weight: Parameter, bias: Parameter, stride: int, groups: int) -> T:
        """Convolve x [batch, in, time, mels] with weight [out, in / groups, kt, kf], unpadded."""
        ...

    def depthwise_conv1d(self, x: T, weight: Parameter) -> T:
        """Convolve x [batch, channels, time] with weight [channels, 1, k], without padding."""
        ...

    def depthwise_conv1d_channels_last(self, x: T, weight: Parameter) -> T:
        """Convolve x [batch, time, channels] with weight [channels, 1, k], without padding."""
        ...

    def take(self, x: T, index: T) -> T:
        """Return the rows of x [n, ...] at the places index int32, of any shape [...]."""
        ...

    def put(self, x: T, index: T, rows: T) -> T:
        """Return x [n, ...] with `rows` [m, ...] at the places index int32 [m].

        x itself may be changed, and is not used again.
        """
        ...

    def concat(self, parts: Sequence[T], axis: int) -> T: ...

    def slice(self, x: T, axis: int, start: int, stop: int | None) -> T:
        """Slice as Python does: a negative start counts from the end; None goes up to the end."""
        ...

    def reshape(self, x: T, shape: Sequence[int]) -> T:
        """Reshape; a size of 0 means that of the same axis of x, and -1 whatever is left."""
        ...

    def transpose(self, x: T, order: Sequence[int]) -> T: ...

    def pad(self, x: T, before_after: Mapping[int, tuple[int, int]]) -> T:
        """Add zeros before and after, by axis, to x of four axes."""
        ...


def resolve_shape(given: Sequence[int], requested: Sequence[int]) -> tuple[int, ...]:
    """Replace 0 and -1 in the shape requested of `reshape`, for a value of the shape `given`."""
    shape = [given[axis] if size == 0 else size for axis, size in enumerate(requested)]
    if -1 in shape:
        rest = math.prod(given) // -math.prod(shape)
        shape = [rest if size == -1 else size for size in shape]
    return tuple(shape)
