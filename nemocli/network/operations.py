"""The operations the network is written in: all that a runtime has to supply.

To call the definition with numpy's operations computes; with another runtime's it builds a graph.
`T` is what an operation takes and gives: an array, or the name of a value in a graph.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from nemocli.network.parameters import Parameter

T = TypeVar("T")

#: Layer normalization's epsilon, everywhere in this network.
EPSILON = 1e-5


class Operations(Protocol[T]):
    """Shapes are those of the arguments named; axes count from 0."""

    def constant(self, value: Parameter) -> T:
        """A parameter as a value."""
        ...

    def linear(self, x: T, weight: Parameter, bias: Parameter | None = None) -> T:
        """x [..., in] times weight [out, in] transposed, plus bias [out]."""
        ...

    def matmul(self, a: T, b: T) -> T:
        """Batched product of [..., m, k] and [..., k, n]."""
        ...

    def add(self, a: T, b: T) -> T: ...

    def mul(self, a: T, b: T) -> T: ...

    def sigmoid(self, x: T) -> T: ...

    def silu(self, x: T) -> T:
        """x times sigmoid(x)."""
        ...

    def tanh(self, x: T) -> T: ...

    def relu(self, x: T) -> T: ...

    def softmax(self, x: T) -> T:
        """Over the last axis."""
        ...

    def layer_norm(self, x: T, weight: Parameter, bias: Parameter) -> T:
        """Over the last axis, epsilon 1e-5."""
        ...

    def conv2d(self, x: T, weight: Parameter, bias: Parameter, stride: int, groups: int) -> T:
        """x [batch, in, time, mels], weight [out, in / groups, kt, kf]; no padding."""
        ...

    def depthwise_conv1d(self, x: T, weight: Parameter) -> T:
        """x [batch, channels, time], weight [channels, 1, k]; no padding."""
        ...

    def gather(self, table: Parameter, index: T) -> T:
        """Rows of table [rows, size] at whole numbers [1, batch]: [1, batch, size]."""
        ...

    def take(self, x: T, axis: int, index: T) -> T:
        """The places of an axis given by whole numbers [m, n], which become two axes there."""
        ...

    def concat(self, parts: Sequence[T], axis: int) -> T: ...

    def slice(self, x: T, axis: int, start: int, stop: int | None) -> T:
        """As Python slices: a negative start counts from the end, and None goes on to it."""
        ...

    def reshape(self, x: T, shape: Sequence[int]) -> T:
        """A size of 0 is that of the same axis of x, and -1 what is left over."""
        ...

    def transpose(self, x: T, order: Sequence[int]) -> T: ...

    def pad(self, x: T, before_after: Mapping[int, tuple[int, int]]) -> T:
        """Zeros before and after, by axis of a 4-dimensional x."""
        ...


def known_shape(given: Sequence[int], wanted: Sequence[int]) -> tuple[int, ...]:
    """The shape that `reshape` asks for, where the shape it starts from is known."""
    shape = [given[axis] if size == 0 else size for axis, size in enumerate(wanted)]
    if -1 in shape:
        rest = math.prod(given) // -math.prod(shape)
        shape = [rest if size == -1 else size for size in shape]
    return tuple(shape)
