"""The network's operations as ONNX nodes: calling the definition writes a graph."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from nemocli.network.graphs import Graph, TensorSpec
from nemocli.network.operations import EPSILON
from nemocli.network.tensors import Parameter
from nemocli.runtimes.onnx.quantize import QuantizedMatrix, quantize
from nemocli.runtimes.onnx.weights_file import WeightsFile

OPSET = 17
#: IR version 9 is read by onnxruntime 1.17 and later.
IR_VERSION = 9

#: The end of a slice that goes up to the end of the axis.
TO_THE_END = np.iinfo(np.int64).max

Array = NDArray[Any]

#: Activations in eight bits: the size of a step (1 is 127 steps), and the integer for 0.
STEP, ZERO = np.float32(1 / 127), np.uint8(128)


class OnnxOperations:
    """`Operations` on names of values; collects nodes and initializers."""

    def __init__(self, weights: WeightsFile, int8: bool) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}
        self._weights = weights
        self._int8 = int8
        self._count = 0
        #: What `put` made of an index, by its name.
        self._places: dict[str, str] = {}

    def constant(self, value: Parameter) -> str:
        return self._weight(value.name, value.load)

    def linear(self, x: str, weight: Parameter, bias: Parameter | None = None) -> str:
        if self._int8:
            y = self._linear_int8(x, weight)
        else:
            matrix = self._weight(
                weight.name + ".transposed", lambda: np.ascontiguousarray(weight.load().T)
            )
            y = self._node("MatMul", x, matrix)
        return y if bias is None else self.add(y, self.constant(bias))

    def _linear_int8(self, x: str, weight: Parameter) -> str:
        """Multiply in eight bits: activations with a scale for each row, weights for each column.

        onnxruntime's own dynamic quantization has one scale for all rows: then other chunks and
        streams in the same call would change the result.
        """
        loaded: list[QuantizedMatrix] = []

        def matrix() -> QuantizedMatrix:
            if not loaded:
                loaded.append(quantize(weight.load()))
            return loaded[0]

        values = self._weight(weight.name + ".int8", lambda: matrix().values)
        scales = self._weight(weight.name + ".scales", lambda: matrix().scales)
        # A row of zeros becomes 0 / 0, NaN, and then some integer; the last step multiplies by 0.
        largest = self._node("ReduceMax", self._node("Abs", x), axes=[-1], keepdims=1)
        step, zero = self._scalar(STEP), self._scalar(ZERO)
        quantized = self._node("QuantizeLinear", self._node("Div", x, largest), step, zero)
        product = self._node(
            "MatMulIntegerToFloat",
            *(quantized, values, step, scales, zero),
            domain="com.microsoft",
        )
        return self.mul(product, largest)

    def matmul(self, a: str, b: str) -> str:
        return self._node("MatMul", a, b)

    def add(self, a: str, b: str) -> str:
        return self._node("Add", a, b)

    def mul(self, a: str, b: str) -> str:
        return self._node("Mul", a, b)

    def sigmoid(self, x: str) -> str:
        return self._node("Sigmoid", x)

    def silu(self, x: str) -> str:
        return self.mul(x, self.sigmoid(x))

    def tanh(self, x: str) -> str:
        return self._node("Tanh", x)

    def relu(self, x: str) -> str:
        return self._node("Relu", x)

    def gelu(self, x: str) -> str:
        # onnxruntime recognizes these five operations, and computes them as one.
        error = self._node("Erf", self._node("Div", x, self._scalar(np.float32(math.sqrt(2)))))
        both = self.mul(x, self.add(error, self._scalar(np.float32(1))))
        return self.mul(both, self._scalar(np.float32(0.5)))

    def softmax(self, x: str) -> str:
        return self._node("Softmax", x, axis=-1)

    def layer_norm(self, x: str, weight: Parameter, bias: Parameter) -> str:
        scale, shift = self.constant(weight), self.constant(bias)
        return self._node("LayerNormalization", x, scale, shift, axis=-1, epsilon=EPSILON)

    def conv2d(self, x: str, weight: Parameter, bias: Parameter, stride: int, groups: int) -> str:
        w, b = self.constant(weight), self.constant(bias)
        return self._node("Conv", x, w, b, strides=[stride, stride], group=groups)

    def depthwise_conv1d(self, x: str, weight: Parameter) -> str:
        y = self.depthwise_conv1d_channels_last(self.transpose(x, (0, 2, 1)), weight)
        return self.transpose(y, (0, 2, 1))

    def depthwise_conv1d_channels_last(self, x: str, weight: Parameter) -> str:
        # As an image with a row for each stream: for images onnxruntime has a kernel that takes
        # several channels at once, and this transposition is far faster than one a stream.
        w = self._weight(weight.name + ".row", lambda: weight.load()[:, :, None])
        channels = self.initializers[w].dims[0]
        image = self._node("Unsqueeze", self.transpose(x, (2, 0, 1)), self._integers([0]))
        y = self._node("Conv", image, w, group=channels)
        return self.transpose(self._node("Squeeze", y, self._integers([0])), (1, 2, 0))

    def take(self, x: str, index: str) -> str:
        return self._node("Gather", x, index, axis=0)

    def put(self, x: str, index: str, rows: str) -> str:
        if index not in self._places:
            wide = self._node("Cast", index, to=TensorProto.INT64)
            self._places[index] = self.reshape(wide, (-1, 1))
        return self._node("ScatterND", x, self._places[index], rows)

    def concat(self, parts: Sequence[str], axis: int) -> str:
        return parts[0] if len(parts) == 1 else self._node("Concat", *parts, axis=axis)

    def slice(self, x: str, axis: int, start: int, stop: int | None) -> str:
        end = TO_THE_END if stop is None else stop
        return self._node("Slice", x, *(self._integers([n]) for n in (start, end, axis)))

    def reshape(self, x: str, shape: Sequence[int]) -> str:
        return self._node("Reshape", x, self._integers(shape))

    def transpose(self, x: str, order: Sequence[int]) -> str:
        return self._node("Transpose", x, perm=list(order))

    def pad(self, x: str, before_after: Mapping[int, tuple[int, int]]) -> str:
        pads = [before_after.get(axis, (0, 0))[side] for side in (0, 1) for axis in range(4)]
        return self._node("Pad", x, self._integers(pads))

    def name_outputs(self, values: Mapping[str, str]) -> None:
        """Give values, by the names of graph outputs, these names.

        A value that a node makes is renamed, not copied: what `put` returns can then be in the
        memory of the input that it changes.
        """
        names: dict[str, str] = {}
        made = {output for node in self.nodes for output in node.output}
        for name, value in values.items():
            if value in made and value not in names:
                names[value] = name
            else:
                self.nodes.append(helper.make_node("Identity", [value], [name]))
        for node in self.nodes:
            for given in (node.input, node.output):
                for n, each in enumerate(given):
                    given[n] = names.get(each, each)

    def _node(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        output = f"{kind}_{self._count}"
        self._count += 1
        self.nodes.append(helper.make_node(kind, inputs, [output], domain=domain, **attributes))
        return output

    def _weight(self, name: str, load: Any) -> str:
        if name not in self.initializers:
            self.initializers[name] = self._weights.tensor(name, load)
        return name

    def _scalar(self, value: np.generic) -> str:
        name = f"{value.dtype}_{value}"
        self.initializers[name] = numpy_helper.from_array(np.array(value), name)
        return name

    def _integers(self, values: Sequence[int]) -> str:
        name = "integers_" + "_".join(str(v) for v in values)
        if name not in self.initializers:
            array = np.array(values, np.int64)
            self.initializers[name] = numpy_helper.from_array(array, name)
        return name


def build_model(graph: "Graph[str]", weights: WeightsFile, int8: bool) -> onnx.ModelProto:
    """Build the ONNX model of a graph. Its weights go to `weights`, which other graphs share."""
    ops = OnnxOperations(weights, int8)
    results = graph.body(ops, {spec.name: spec.name for spec in graph.inputs})
    ops.name_outputs({name: results[name] for name in graph.outputs})
    inputs = [_value_info(spec) for spec in graph.inputs]
    outputs = [_value_info(spec) for spec in graph.results]
    proto = helper.make_graph(
        ops.nodes, graph.name, inputs, outputs, list(ops.initializers.values())
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(
        proto, opset_imports=opsets, ir_version=IR_VERSION, producer_name="nemocli"
    )


def _value_info(spec: TensorSpec) -> onnx.ValueInfoProto:
    kind = TensorProto.INT32 if spec.dtype == "int32" else TensorProto.FLOAT
    return helper.make_tensor_value_info(spec.name, kind, spec.shape)
