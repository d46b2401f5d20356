"""The network computed by numpy: the readable reference, for any checkpoint."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nemocli.network.graphs import Graph, build_graph
from nemocli.network.operations import EPSILON, resolve_shape
from nemocli.network.parameters import Parameters
from nemocli.network.tensors import Parameter
from nemocli.runtimes.base import Arrays, GraphRuntime, Runtime
from nemocli.runtimes.numpy.gelu import gelu

Array = NDArray[Any]


class NumpyOperations:
    """`Operations` on float32 arrays. A parameter is loaded once, and kept."""

    def __init__(self) -> None:
        self._loaded: dict[str, Array] = {}

    def constant(self, value: Parameter) -> Array:
        if value.name not in self._loaded:
            self._loaded[value.name] = value.load()
        return self._loaded[value.name]

    def linear(self, x: Array, weight: Parameter, bias: Parameter | None = None) -> Array:
        y = self.matmul(x, self.constant(weight).T)
        return y if bias is None else self.add(y, self.constant(bias))

    def matmul(self, a: Array, b: Array) -> Array:
        y: Array = np.matmul(a, b)
        return y

    def add(self, a: Array, b: Array) -> Array:
        return a + b

    def mul(self, a: Array, b: Array) -> Array:
        return a * b

    def sigmoid(self, x: Array) -> Array:
        with np.errstate(over="ignore"):  # where exp(-x) is inf, the result is 0, as it should be
            y: Array = 1 / (1 + np.exp(-x))
        return y

    def silu(self, x: Array) -> Array:
        y: Array = x * self.sigmoid(x)
        return y

    def tanh(self, x: Array) -> Array:
        y: Array = np.tanh(x)
        return y

    def relu(self, x: Array) -> Array:
        return np.maximum(x, np.float32(0))

    def gelu(self, x: Array) -> Array:
        return gelu(x)

    def softmax(self, x: Array) -> Array:
        e = np.exp(x - x.max(-1, keepdims=True))
        y: Array = e / e.sum(-1, keepdims=True)
        return y

    def layer_norm(self, x: Array, weight: Parameter, bias: Parameter) -> Array:
        centred = x - x.mean(-1, keepdims=True)
        variance = np.square(centred).mean(-1, keepdims=True)
        y: Array = centred / np.sqrt(variance + np.float32(EPSILON))
        return y * self.constant(weight) + self.constant(bias)

    def conv2d(
        self, x: Array, weight: Parameter, bias: Parameter, stride: int, groups: int
    ) -> Array:
        w = self.constant(weight)
        out_channels, _, kernel_time, kernel_mel = w.shape
        times = (x.shape[2] - kernel_time) // stride + 1
        mels = (x.shape[3] - kernel_mel) // stride + 1
        y = np.zeros((len(x), out_channels, times, mels), np.float32)
        for i in range(kernel_time):
            for j in range(kernel_mel):
                part = x[:, :, i : i + stride * times : stride, j : j + stride * mels : stride]
                part = part[:, :, :times, :mels]
                if groups == 1:
                    flat = part.reshape(*part.shape[:2], times * mels)
                    y += (w[:, :, i, j] @ flat).reshape(y.shape)
                else:
                    y += w[:, 0, i, j][:, None, None] * part
        return y + self.constant(bias)[:, None, None]

    def depthwise_conv1d(self, x: Array, weight: Parameter) -> Array:
        w = self.constant(weight)[:, 0]
        times = x.shape[2] - w.shape[1] + 1
        y = np.zeros((*x.shape[:2], times), np.float32)
        for i in range(w.shape[1]):
            y += x[:, :, i : i + times] * w[:, i : i + 1]
        return y

    def depthwise_conv1d_channels_last(self, x: Array, weight: Parameter) -> Array:
        return self.depthwise_conv1d(x.transpose(0, 2, 1), weight).transpose(0, 2, 1)

    def take(self, x: Array, index: Array) -> Array:
        return x[index]

    def put(self, x: Array, index: Array, rows: Array) -> Array:
        x[index] = rows
        return x

    def concat(self, parts: Sequence[Array], axis: int) -> Array:
        return np.concatenate(parts, axis)

    def slice(self, x: Array, axis: int, start: int, stop: int | None) -> Array:
        return x[(np.s_[:],) * axis + (np.s_[start:stop],)]

    def reshape(self, x: Array, shape: Sequence[int]) -> Array:
        return x.reshape(resolve_shape(x.shape, shape))

    def transpose(self, x: Array, order: Sequence[int]) -> Array:
        return x.transpose(order)

    def pad(self, x: Array, before_after: Mapping[int, tuple[int, int]]) -> Array:
        widths = [before_after.get(axis, (0, 0)) for axis in range(x.ndim)]
        sizes = [size + sum(width) for size, width in zip(x.shape, widths, strict=True)]
        y = np.zeros(sizes, np.float32)
        y[tuple(np.s_[b : b + n] for (b, _), n in zip(widths, x.shape, strict=True))] = x
        return y


class NumpyGraphs(GraphRuntime):
    """Computes graphs that `build` builds by their names."""

    name = "numpy"

    def __init__(self, build: Callable[[str], Graph[Array]]) -> None:
        self._build = build
        self._operations = NumpyOperations()
        self._graphs: dict[str, Graph[Array]] = {}

    def run(self, graph: str, inputs: Mapping[str, Array]) -> Arrays:
        if graph not in self._graphs:
            self._graphs[graph] = self._build(graph)
        with np.errstate(all="ignore"):  # absurd weights give NaN or infinity without warnings
            return self._graphs[graph].body(self._operations, inputs)

    def close(self) -> None:
        self._graphs.clear()
        self._operations = NumpyOperations()
        del self._build


class NumpyRuntime(NumpyGraphs, Runtime):
    """Computes a recognizer's graphs at one lookahead."""

    def __init__(self, parameters: Parameters, lookahead: int) -> None:
        self.config = parameters.config
        self.lookahead = lookahead
        super().__init__(lambda graph: build_graph(graph, parameters, lookahead + 1))
