"""Each operation alone, in every runtime: the same cases give what numpy gives."""

import asyncio

import numpy as np
import pytest

from nemocli.network.graphs import Graph, TensorSpec
from nemocli.network.tensors import Parameter
from nemocli.runtimes.numpy.runtime import NumpyOperations
from tests.repeats import repeats

RANDOM = np.random.default_rng(5)


def parameter(name, *shape):
    values = RANDOM.normal(size=shape).astype(np.float32)
    return Parameter(name, lambda: values)


WEIGHT, BIAS = parameter("weight", 6, 5), parameter("bias", 6)
NORM_WEIGHT, NORM_BIAS = parameter("norm.weight", 5), parameter("norm.bias", 5)
STEM, STEM_BIAS = parameter("stem", 4, 1, 3, 3), parameter("stem.bias", 4)
DEPTHWISE, DEPTHWISE_BIAS = parameter("depthwise", 4, 1, 3, 3), parameter("depthwise.bias", 4)
POINTWISE, POINTWISE_BIAS = parameter("pointwise", 4, 4, 1, 1), parameter("pointwise.bias", 4)
KERNEL, TABLE = parameter("kernel", 4, 1, 3), parameter("table", 7, 5)

#: Inputs of whole numbers, by the name that stands for them in place of a shape.
WHOLE = {
    "token": np.array([[3]], np.int32),
    "rows": np.array([[0, 1, 2, 3], [2, 3, 4, 5]], np.int32),
    "places": np.array([4, 0], np.int32),
}

#: Name, shapes of the inputs, and the operation.
CASES = [
    ("linear", [(1, 3, 5)], lambda ops, x: ops.linear(x, WEIGHT, BIAS)),
    ("linear without bias", [(3, 5)], lambda ops, x: ops.linear(x, WEIGHT)),
    ("matmul", [(1, 2, 3, 5), (1, 2, 5, 4)], lambda ops, a, b: ops.matmul(a, b)),
    ("add", [(1, 3, 5), (1, 5)], lambda ops, a, b: ops.add(a, b)),
    ("add constant", [(1, 3, 6)], lambda ops, x: ops.add(x, ops.constant(BIAS))),
    ("mul", [(1, 4, 3, 2), (1, 1, 3, 1)], lambda ops, a, b: ops.mul(a, b)),
    ("sigmoid", [(1, 3, 5)], lambda ops, x: ops.sigmoid(x)),
    ("silu", [(1, 3, 5)], lambda ops, x: ops.silu(x)),
    ("tanh", [(1, 3, 5)], lambda ops, x: ops.tanh(x)),
    ("relu", [(1, 3, 5)], lambda ops, x: ops.relu(x)),
    ("gelu", [(1, 3, 5)], lambda ops, x: ops.gelu(x)),
    ("gelu far from 0", [(1, 3, 5)], lambda ops, x: ops.gelu(ops.mul(x, ops.mul(x, x)))),
    ("softmax", [(1, 2, 3, 5)], lambda ops, x: ops.softmax(x)),
    ("layer_norm", [(1, 3, 5)], lambda ops, x: ops.layer_norm(x, NORM_WEIGHT, NORM_BIAS)),
    ("conv2d", [(1, 1, 9, 7)], lambda ops, x: ops.conv2d(x, STEM, STEM_BIAS, 2, 1)),
    ("depthwise", [(1, 4, 9, 7)], lambda ops, x: ops.conv2d(x, DEPTHWISE, DEPTHWISE_BIAS, 2, 4)),
    ("pointwise", [(1, 4, 3, 2)], lambda ops, x: ops.conv2d(x, POINTWISE, POINTWISE_BIAS, 1, 1)),
    ("depthwise_conv1d", [(1, 4, 6)], lambda ops, x: ops.depthwise_conv1d(x, KERNEL)),
    (
        *("depthwise_conv1d, channels last", [(1, 6, 4)]),
        lambda ops, x: ops.depthwise_conv1d_channels_last(x, KERNEL),
    ),
    ("take from a table", ["token"], lambda ops, x: ops.take(ops.constant(TABLE), x)),
    ("take", [(6, 3), "rows"], lambda ops, x, at: ops.take(x, at)),
    ("put", [(6, 2, 3), "places", (2, 2, 3)], lambda ops, x, at, rows: ops.put(x, at, rows)),
    ("concat", [(1, 2, 3), (1, 4, 3)], lambda ops, a, b: ops.concat([a, b], 1)),
    ("slice", [(1, 6, 3)], lambda ops, x: ops.slice(x, 1, 2, 5)),
    ("slice to the end", [(1, 2, 6, 3)], lambda ops, x: ops.slice(x, 2, -4, None)),
    ("reshape", [(1, 6, 4)], lambda ops, x: ops.reshape(x, (1, 3, 2, 4))),
    ("reshape the rest", [(1, 6, 4)], lambda ops, x: ops.reshape(x, (0, -1, 2, 2))),
    ("transpose", [(1, 2, 3, 4)], lambda ops, x: ops.transpose(x, (0, 2, 1, 3))),
    ("pad", [(1, 1, 3, 4)], lambda ops, x: ops.pad(x, {2: (2, 0), 3: (2, 1)})),
]


def by_onnx(graph, inputs, folder):
    onnxruntime = pytest.importorskip("onnxruntime")
    from nemocli.runtimes.onnx.operations import build_model
    from nemocli.runtimes.onnx.weights_file import WeightsFile

    with WeightsFile(folder / "weights.bin") as weights:
        model = build_model(graph, weights, int8=False)
    (folder / "graph.onnx").write_bytes(model.SerializeToString())
    session = onnxruntime.InferenceSession(folder / "graph.onnx")
    return session.run(None, inputs)[0]


def by_mlx(graph, inputs, folder):
    """Write the weights as a conversion does, read them, and compute."""
    pytest.importorskip("mlx.core", reason="needs pip install 'nemocli[mlx]'")
    from nemocli.runtimes.mlx.files import WrittenWeights
    from nemocli.runtimes.mlx.operations import MLXOperations
    from nemocli.runtimes.mlx.stored_weights import StoredWeights
    from nemocli.runtimes.mlx.tools import mx
    from nemocli.runtimes.mlx.weights_file import WeightsFile

    given = {name: mx.array(value) for name, value in inputs.items()}
    with WeightsFile(folder / "weights.safetensors", 10) as file:
        graph.body(MLXOperations(WrittenWeights(file, mx.float32, None)), given)
    stored = StoredWeights(folder / "weights.safetensors", {}, "fp32", mx.float32)
    return np.array(graph.body(MLXOperations(stored), given)["result"])


def by_coreai(graph, inputs, folder):
    pytest.importorskip("coreai", reason="coreai-core has no wheel for this system")
    from coreai.authoring import AIProgram, Module
    from coreai.runtime import NDArray

    from nemocli.runtimes.coreai.operations import Constants, add_function

    module = Module.create()
    with module:
        add_function(graph, "main", np.float32, Constants())
    asset = AIProgram(module).save_asset(folder / "graph.aimodel")

    async def run():
        async with asset.executable() as model:
            given = {name: NDArray(value) for name, value in inputs.items()}
            results = await model.load_function("main")(given)
            return np.array(results["result"].numpy())

    return asyncio.run(run())


def by_coreml(graph, inputs, folder):
    """Save a package and evaluate it: Core ML itself is not on every system."""
    pytest.importorskip("coremltools")
    from nemocli.runtimes.coreml.constants import Constants
    from nemocli.runtimes.coreml.functions import build_function
    from nemocli.runtimes.coreml.package import write_package
    from tests.mlprogram.evaluate import Evaluator
    from tests.mlprogram.reader import Package

    function = build_function(graph, Constants("float32"), "float32")
    notes = {spec.name: "" for spec in (*graph.inputs, *graph.results)}
    (folder / "unfinished").mkdir()
    package = folder / "graph.mlpackage"
    write_package({"main": function}, package, folder / "unfinished", "", notes)
    evaluator = Evaluator(Package(package).functions["main"], True)
    return evaluator(inputs)["result"]


# A package of Core ML takes half a second; its whole graphs are compared by default, too.
@pytest.mark.parametrize("run", repeats([by_onnx, by_mlx, by_coreai, by_coreml], 3))
@pytest.mark.parametrize(
    ("shapes", "operation"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_an_operation_is_numpy_s(shapes, operation, run, tmp_path):
    values = [WHOLE[shape] if shape in WHOLE else draw(shape) for shape in shapes]
    expected = operation(NumpyOperations(), *map(np.array, values))  # `put` changes them
    names = [f"input{n}" for n in range(len(values))]
    specs = tuple(TensorSpec(n, v.shape, str(v.dtype)) for n, v in zip(names, values, strict=True))
    graph = Graph(
        "joint",  # a graph of the decoder: a Core ML package keeps the layout of its tensors
        specs,
        (TensorSpec("result", expected.shape),),
        lambda ops, x: {"result": operation(ops, *(x[name] for name in names))},
    )
    got = run(graph, dict(zip(names, values, strict=True)), tmp_path)
    np.testing.assert_allclose(got, expected, atol=2e-6, rtol=2e-6)


def draw(shape):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)
