"""The network's operations on MLX arrays. Nothing is computed before `mx.eval`."""

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from nemocli.network.operations import EPSILON, resolve_shape
from nemocli.network.tensors import Parameter
from nemocli.runtimes.mlx.tools import mx
from nemocli.runtimes.mlx.weights import Weights

Array: TypeAlias = mx.array

#: The axes of a convolution's weight in MLX, which has channels last.
CHANNELS_LAST_2D, CHANNELS_LAST_1D = (0, 2, 3, 1), (0, 2, 1)


class MLXOperations:
    """`Operations` on lazy arrays, whose data type is that of the weights and the inputs."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights

    def constant(self, value: Parameter) -> Array:
        return self._weights.array(value)

    def linear(self, x: Array, weight: Parameter, bias: Parameter | None = None) -> Array:
        y = self._weights.matrix(weight).multiply(x)
        return y if bias is None else self.add(y, self.constant(bias))

    def matmul(self, a: Array, b: Array) -> Array:
        return a @ b

    def add(self, a: Array, b: Array) -> Array:
        return a + b

    def mul(self, a: Array, b: Array) -> Array:
        return a * b

    def sigmoid(self, x: Array) -> Array:
        return mx.sigmoid(x)

    def silu(self, x: Array) -> Array:
        return x * mx.sigmoid(x)

    def tanh(self, x: Array) -> Array:
        return mx.tanh(x)

    def relu(self, x: Array) -> Array:
        return mx.maximum(x, 0)

    def gelu(self, x: Array) -> Array:
        return x * (0.5 * (1 + mx.erf(x * math.sqrt(0.5))))

    def softmax(self, x: Array) -> Array:
        return mx.softmax(x, axis=-1, precise=True)  # float16 is summed as float32

    def layer_norm(self, x: Array, weight: Parameter, bias: Parameter) -> Array:
        return mx.fast.layer_norm(x, self.constant(weight), self.constant(bias), EPSILON)

    def conv2d(
        self, x: Array, weight: Parameter, bias: Parameter, stride: int, groups: int
    ) -> Array:
        w = self._weights.array(weight, CHANNELS_LAST_2D)
        y = mx.conv2d(x.transpose(0, 2, 3, 1), w, stride, groups=groups)
        return self.add(y, self.constant(bias)).transpose(0, 3, 1, 2)

    def depthwise_conv1d(self, x: Array, weight: Parameter) -> Array:
        y = self.depthwise_conv1d_channels_last(x.transpose(0, 2, 1), weight)
        return y.transpose(0, 2, 1)

    def depthwise_conv1d_channels_last(self, x: Array, weight: Parameter) -> Array:
        w = self._weights.array(weight, CHANNELS_LAST_1D)
        return mx.conv1d(x, w, groups=w.shape[0])

    def take(self, x: Array, index: Array) -> Array:
        return x[index]

    def put(self, x: Array, index: Array, rows: Array) -> Array:
        x[index] = rows  # MLX makes a new array
        return x

    def concat(self, parts: Sequence[Array], axis: int) -> Array:
        return mx.concatenate(list(parts), axis)

    def slice(self, x: Array, axis: int, start: int, stop: int | None) -> Array:
        return x[(slice(None),) * axis + (slice(start, stop),)]

    def reshape(self, x: Array, shape: Sequence[int]) -> Array:
        return x.reshape(resolve_shape(x.shape, shape))

    def transpose(self, x: Array, order: Sequence[int]) -> Array:
        return x.transpose(*order)

    def pad(self, x: Array, before_after: Mapping[int, tuple[int, int]]) -> Array:
        return mx.pad(x, [before_after.get(axis, (0, 0)) for axis in range(x.ndim)])
