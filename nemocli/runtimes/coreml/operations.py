"""The network's operations through coremltools' MIL Builder: calling the definition writes a graph.

The encoder is float16 from input to output, so that there are no casts, even of caches. Predictor
and joint, which decide between tokens, are float32.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nemocli.errors import ModelError
from nemocli.network.graphs import DECODER_GRAPHS, Graph
from nemocli.network.operations import EPSILON, resolve_shape
from nemocli.network.parameters import Parameter
from nemocli.runtimes.coreml.kind import KIND
from nemocli.runtimes.coreml.package_layout import PackageLayout, layout
from nemocli.runtimes.coreml.tools import Builder as mb  # noqa: N813  its name everywhere
from nemocli.runtimes.coreml.tools import Function, Program, types
from nemocli.runtimes.coreml.tools import coremltools as ct

#: The first system with several functions over the same weights, and with quantization by blocks.
TARGET = ct.target[f"macOS{KIND.minimum_macos}"]

_TYPES = {"float16": types.fp16, "float32": types.fp32, "int32": types.int32}

#: Passes of coremltools over the graph. The usual ninety find nothing more here, and take long.
PASSES = (
    "common::fuse_transpose_matmul",
    "common::merge_consecutive_reshapes",
    "common::noop_elimination",
    "common::dead_code_elimination",
)

#: A value of the graph under construction; coremltools has no type annotations.
Var = Any


class MilOperations:
    """`Operations` on MIL variables, for use inside a `with Function(...)` block."""

    def __init__(self, dtype: str) -> None:
        self._dtype = np.dtype(dtype).type
        self._constants: dict[str, Var] = {}

    def constant(self, value: Parameter) -> Var:
        if value.name not in self._constants:
            with np.errstate(over="ignore"):  # refused below, in a clearer sentence
                array = np.ascontiguousarray(value.load(), self._dtype)
            if not np.isfinite(array).all():
                raise ModelError(
                    f"The tensor {value.name} holds values that {array.dtype} cannot;"
                    " the checkpoint is damaged or needs another runtime."
                )
            self._constants[value.name] = mb.const(val=array, name=value.name)
        return self._constants[value.name]

    def linear(self, x: Var, weight: Parameter, bias: Parameter | None = None) -> Var:
        # Without a bias, coremltools stores a vector of zeros.
        extra = {} if bias is None else {"bias": self.constant(bias)}
        return mb.linear(x=x, weight=self.constant(weight), **extra)

    def matmul(self, a: Var, b: Var) -> Var:
        return mb.matmul(x=a, y=b)

    def add(self, a: Var, b: Var) -> Var:
        return mb.add(x=a, y=b)

    def mul(self, a: Var, b: Var) -> Var:
        return mb.mul(x=a, y=b)

    def sigmoid(self, x: Var) -> Var:
        return mb.sigmoid(x=x)

    def silu(self, x: Var) -> Var:
        return mb.silu(x=x)

    def tanh(self, x: Var) -> Var:
        return mb.tanh(x=x)

    def relu(self, x: Var) -> Var:
        return mb.relu(x=x)

    def softmax(self, x: Var) -> Var:
        return mb.softmax(x=x, axis=-1)

    def layer_norm(self, x: Var, weight: Parameter, bias: Parameter) -> Var:
        # In float16 the epsilon is 1.0014e-5, a subnormal number, but not zero.
        gamma, beta = self.constant(weight), self.constant(bias)
        return mb.layer_norm(x=x, axes=[-1], gamma=gamma, beta=beta, epsilon=self._dtype(EPSILON))

    def conv2d(self, x: Var, weight: Parameter, bias: Parameter, stride: int, groups: int) -> Var:
        w, b = self.constant(weight), self.constant(bias)
        return mb.conv(
            x=x, weight=w, bias=b, strides=[stride, stride], pad_type="valid", groups=groups
        )

    def depthwise_conv1d(self, x: Var, weight: Parameter) -> Var:
        return mb.conv(x=x, weight=self.constant(weight), pad_type="valid", groups=x.shape[1])

    def gather(self, table: Parameter, index: Var) -> Var:
        return mb.gather(x=self.constant(table), indices=index, axis=0, validate_indices=False)

    def take(self, x: Var, axis: int, index: Var) -> Var:
        return mb.gather(x=x, indices=index, axis=axis, validate_indices=False)

    def concat(self, parts: Sequence[Var], axis: int) -> Var:
        return parts[0] if len(parts) == 1 else mb.concat(values=list(parts), axis=axis)

    def slice(self, x: Var, axis: int, start: int, stop: int | None) -> Var:
        begin, end = [0] * x.rank, list(x.shape)
        begin[axis], end[axis], _ = slice(start, stop).indices(x.shape[axis])
        return mb.slice_by_index(x=x, begin=begin, end=end)

    def reshape(self, x: Var, shape: Sequence[int]) -> Var:
        return mb.reshape(x=x, shape=resolve_shape(x.shape, shape))

    def transpose(self, x: Var, order: Sequence[int]) -> Var:
        return mb.transpose(x=x, perm=list(order))

    def pad(self, x: Var, before_after: Mapping[int, tuple[int, int]]) -> Var:
        pads = [size for axis in range(4) for size in before_after.get(axis, (0, 0))]
        return mb.pad(x=x, pad=pads, mode="constant", constant_val=self._dtype(0))


def build_model(graph: "Graph[Var]", encoder_dtype: str) -> Any:
    """Build the Core ML model (coremltools' MLModel) of a graph, with one function, `main`.

    `encoder_dtype` is float16, or float32 for checks of the graph itself.
    """
    ops = MilOperations("float32" if graph.name in DECODER_GRAPHS else encoder_dtype)
    inputs = [layout(graph.name, spec, encoder_dtype) for spec in graph.inputs]
    outputs = [layout(graph.name, spec, encoder_dtype) for spec in graph.results]
    placeholders = {
        i.spec.name: mb.placeholder(shape=i.shape, dtype=_TYPES[i.dtype]) for i in inputs
    }
    with Function(placeholders, opset_version=TARGET) as function:
        values = {
            i.spec.name: i.restore_in_graph(ops, function.inputs[i.spec.name]) for i in inputs
        }
        results = graph.body(ops, values)
        stored = [o.store_in_graph(ops, results[o.spec.name]) for o in outputs]
        for value, output in zip(stored, outputs, strict=True):
            value.name = output.spec.name
        function.set_outputs(stored)
    program = Program()
    program.add_function("main", function)
    model = ct.convert(
        program,
        convert_to="mlprogram",
        minimum_deployment_target=TARGET,
        compute_precision=ct.precision.FLOAT32,  # as written: no casts are added
        pass_pipeline=ct.PassPipeline(list(PASSES), "nemocli"),
        skip_model_load=True,
    )
    _describe(model, graph.name, [*inputs, *outputs])
    return model


def _describe(model: Any, name: str, layouts: Sequence[PackageLayout]) -> None:
    model.short_description = f"{name}, one of the graphs of nemocli.network.graphs"
    descriptions = {item.spec.name: item.note for item in layouts}
    for features in (model.input_description, model.output_description):
        for feature in features:
            if descriptions[feature]:
                features[feature] = descriptions[feature]
