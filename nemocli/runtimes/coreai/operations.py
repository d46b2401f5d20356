"""The network's operations in Core AI: calling the definition writes a function."""

import hashlib
import inspect
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nemocli.network.graphs import Graph, TensorSpec
from nemocli.network.operations import EPSILON, resolve_shape
from nemocli.network.tensors import Parameter
from nemocli.runtimes.coreai.tools import ConstantOp, DenseResourceElementsAttr, literal
from nemocli.runtimes.coreai.tools import authoring as ai

Value = ai.Value


class Constants:
    """The arrays of one module, each stored once for all functions that use it.

    coreai names its constants by a hash that differs from process to process. Through its private
    modules, these are named by their content, so that equal weights make equal bytes.
    """

    def __init__(self) -> None:
        self._stored: dict[str, Any] = {}

    def value(self, array: NDArray[Any]) -> Value:
        """Return the array as a value of the function being written; scalars are not stored."""
        if array.ndim == 0:
            return literal(array)
        described = f"{array.dtype} {array.shape}".encode()
        name = hashlib.sha256(described + array.tobytes()).hexdigest()[:32]
        if name not in self._stored:
            buffer: Any = array
            kind = ai.TensorType(array.shape, array.dtype.type)._to_mlir()
            self._stored[name] = DenseResourceElementsAttr.get_from_buffer(buffer, name, kind)
        operation: Any = ConstantOp
        return Value._from_mlir(operation(value=self._stored[name]).result)


class CoreAIOperations:
    """`Operations` on values of a Core AI function; weights and results have one data type."""

    def __init__(self, dtype: DTypeLike, constants: Constants) -> None:
        self._dtype = np.dtype(dtype)
        self._constants = constants

    def constant(self, value: Parameter) -> Value:
        return self._literal(value.load())

    def linear(self, x: Value, weight: Parameter, bias: Parameter | None = None) -> Value:
        y = self.matmul(x, self._literal(weight.load().T))
        return y if bias is None else self.add(y, self.constant(bias))

    def matmul(self, a: Value, b: Value) -> Value:
        return ai.broadcasting_batch_matmul(a, b)

    def add(self, a: Value, b: Value) -> Value:
        return ai.broadcasting_add(a, b)

    def mul(self, a: Value, b: Value) -> Value:
        return ai.broadcasting_mul(a, b)

    def sigmoid(self, x: Value) -> Value:
        return ai.sigmoid(x)

    def silu(self, x: Value) -> Value:
        return ai.silu(x)

    def tanh(self, x: Value) -> Value:
        return ai.tanh(x)

    def relu(self, x: Value) -> Value:
        return ai.relu(x)

    def gelu(self, x: Value) -> Value:
        return ai.gelu(x)

    def softmax(self, x: Value) -> Value:
        return ai.softmax(x, np.array(len(_shape(x)) - 1, np.int32))

    def layer_norm(self, x: Value, weight: Parameter, bias: Parameter) -> Value:
        last = np.array([len(_shape(x)) - 1], np.int32)
        centred = ai.broadcasting_sub(x, ai.reduce_mean(x, last))
        variance = ai.reduce_mean(self.mul(centred, centred), last)
        scale = ai.rsqrt(ai.broadcasting_add(variance, self._literal(np.array(EPSILON))))
        return self.add(
            self.mul(self.mul(centred, scale), self.constant(weight)), self.constant(bias)
        )

    def conv2d(
        self, x: Value, weight: Parameter, bias: Parameter, stride: int, groups: int
    ) -> Value:
        y = self._convolve(x, weight.load(), stride, groups)
        return self.add(y, self._literal(bias.load()[:, None, None]))

    def depthwise_conv1d(self, x: Value, weight: Parameter) -> Value:
        kernel = weight.load()[:, :, None, :]  # Core AI has only convolutions of two axes
        batch, channels, times = _shape(x)
        rows = self.reshape(x, (batch, channels, 1, times))
        y = self._convolve(rows, kernel, 1, channels)
        return self.reshape(y, (batch, channels, times - kernel.shape[3] + 1))

    def depthwise_conv1d_channels_last(self, x: Value, weight: Parameter) -> Value:
        y = self.depthwise_conv1d(self.transpose(x, (0, 2, 1)), weight)
        return self.transpose(y, (0, 2, 1))

    def take(self, x: Value, index: Value) -> Value:
        return ai.gather_nd(x, self.reshape(index, (*_shape(index), 1)))

    def put(self, x: Value, index: Value, rows: Value) -> Value:
        return ai.scatter_nd(x, self.reshape(index, (*_shape(index), 1)), rows)

    def concat(self, parts: Sequence[Value], axis: int) -> Value:
        return parts[0] if len(parts) == 1 else ai.concat(np.array(axis, np.int32), list(parts))

    def slice(self, x: Value, axis: int, start: int, stop: int | None) -> Value:
        begin, end = [0] * len(_shape(x)), list(_shape(x))
        begin[axis], end[axis], _ = slice(start, stop).indices(end[axis])
        return ai.slice_(x, _to_signed(begin), _to_signed(end), _to_signed([1] * len(end)))

    def reshape(self, x: Value, shape: Sequence[int]) -> Value:
        return ai.reshape(x, _to_signed(resolve_shape(_shape(x), shape)))

    def transpose(self, x: Value, order: Sequence[int]) -> Value:
        return ai.transpose(x, _to_unsigned(order))

    def pad(self, x: Value, before_after: Mapping[int, tuple[int, int]]) -> Value:
        widths = [width for axis in range(4) for width in before_after.get(axis, (0, 0))]
        return ai.pad(x, _to_unsigned(widths), self._literal(np.array(0)))

    def _literal(self, array: NDArray[Any]) -> Value:
        stored = np.ascontiguousarray(array, self._dtype).reshape(array.shape)
        return self._constants.value(stored)

    def _convolve(self, x: Value, weight: NDArray[np.float32], stride: int, groups: int) -> Value:
        strides, dilations = _to_unsigned([stride, stride]), _to_unsigned([1, 1])
        return ai.conv2d(x, self._literal(weight), strides, dilations, np.array(groups, np.uint32))


def _shape(x: Value) -> tuple[int, ...]:
    shape: tuple[int, ...] = tuple(x.type.shape)  # type: ignore[attr-defined]
    return shape


def _to_signed(values: Sequence[int]) -> NDArray[np.int32]:
    return np.array(values, np.int32)


def _to_unsigned(values: Sequence[int]) -> NDArray[np.uint32]:
    return np.array(values, np.uint32)


def add_function(graph: "Graph[Value]", name: str, dtype: DTypeLike, constants: Constants) -> None:
    """Write a graph as the function `name` of the module in whose `with` block this is called.

    All floats of the function, its inputs and outputs too, have the data type `dtype`. `constants`
    are the module's.
    """

    def body(*values: Value) -> tuple[Value, ...]:
        names = [spec.name for spec in graph.inputs]
        results = graph.body(
            CoreAIOperations(dtype, constants), dict(zip(names, values, strict=True))
        )
        return tuple(results[result] for result in graph.outputs)

    # coreai takes a function's name and its tensors' names, shapes and types from the signature.
    body.__name__ = name
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature([inspect.Parameter(spec.name, kind) for spec in graph.inputs])
    results = tuple(_make_annotation(spec, dtype) for spec in graph.results)
    annotations: dict[str, Any] = {
        spec.name: _make_annotation(spec, dtype) for spec in graph.inputs
    }
    annotations["return"] = tuple[results] if len(results) > 1 else results[0]  # type: ignore[valid-type]
    body.__signature__ = signature  # type: ignore[attr-defined]
    body.__annotations__ = annotations
    ai.graph(body)


def _make_annotation(spec: TensorSpec, dtype: DTypeLike) -> Any:
    shape = spec.known_shape
    kind = np.int32 if spec.dtype == "int32" else np.dtype(dtype).type
    return Annotated[Value, ai.TensorType(shape, kind, name=spec.name)]
