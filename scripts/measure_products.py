#!/usr/bin/env python
"""Measure onnxruntime's forms of an eight-bit matrix product: what a linear layer may cost.

    python scripts/measure_products.py [--rows 1 4 32 128] [--repeat 30] [--threads 0]

Pairs of layers as in a feed forward (1024 to 4096 and back) follow one another, so that weights
come from memory as they do in a model. The forms run in turn. Prints the median of the microseconds
for one product with all that feeds and follows it.

- rows: nemocli's; activations of 8 bits without sign, with a scale for each row
- call: DynamicQuantizeMatMul, one scale for all rows of a call
- signed: as rows, with signed activations, whose scales QuantizeLinear could take by row
- 8 bits, 4 bits: MatMulNBits in blocks of 128, which quantizes the activations itself
"""

import argparse
import time
from typing import Any

import numpy as np
import onnxruntime
from onnx import ModelProto, TensorProto, helper, numpy_helper

HIDDEN, INNER = 1024, 4096
FORMS = ("rows", "call", "signed", "8 bits", "4 bits")
BLOCK = 128
RANDOM = np.random.default_rng(0)


class Layers:
    """A graph of layers that follow one another."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}

    def add(self, kind: str, *inputs: str, domain: str = "com.microsoft", **attributes: Any) -> str:
        output = f"value{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [output], domain=domain, **attributes))
        return output

    def plain(self, kind: str, *inputs: str, **attributes: Any) -> str:
        return self.add(kind, *inputs, domain="", **attributes)

    def constant(self, value: Any) -> str:
        name = f"constant{len(self._constants)}"
        self._constants[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def multiply(self, form: str, x: str, inputs: int, outputs: int) -> str:
        """Add one product of a form."""
        if form.endswith("bits"):
            bits = int(form[0])
            blocks = (outputs, inputs // BLOCK, BLOCK * bits // 8)
            values = self.constant(RANDOM.integers(0, 256, blocks).astype(np.uint8))
            scales = self.constant(RANDOM.random(outputs * blocks[1], np.float32) / 1000)
            sizes = {"K": inputs, "N": outputs, "bits": bits, "block_size": BLOCK}
            return self.add("MatMulNBits", x, values, scales, accuracy_level=4, **sizes)
        values = self.constant(RANDOM.integers(-127, 128, (inputs, outputs)).astype(np.int8))
        scales = self.constant(RANDOM.random(outputs, np.float32) / 1000)
        if form == "call":
            return self.add("DynamicQuantizeMatMul", x, values, scales)
        largest = self.plain("ReduceMax", self.plain("Abs", x), axes=[-1], keepdims=1)
        step = self.constant(np.float32(1 / 127))
        zero = self.constant(np.int8(0) if form == "signed" else np.uint8(128))
        quantized = self.plain("QuantizeLinear", self.plain("Div", x, largest), step, zero)
        product = self.add("MatMulIntegerToFloat", quantized, values, step, scales, zero)
        return self.plain("Mul", product, largest)

    def model(self, output: str) -> ModelProto:
        ends = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", HIDDEN])
            for name in ("x", output)
        ]
        constants = list(self._constants.values())
        graph = helper.make_graph(self._nodes, "layers", ends[:1], ends[1:], constants)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 4, 32, 128])
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=list(FORMS))
    parser.add_argument("--pairs", type=int, default=12, help="pairs of layers")
    parser.add_argument("--repeat", type=int, default=30)
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    options = parser.parse_args()
    sessions = {form: load(form, options.pairs, options.threads) for form in options.forms}
    print(f"{'microseconds':14}" + "".join(f"{form:>10}" for form in sessions))
    for rows in options.rows:
        x = RANDOM.standard_normal((rows, HIDDEN), np.float32)
        times: dict[str, list[float]] = {form: [] for form in sessions}
        for _ in range(options.repeat):
            for form, session in sessions.items():
                began = time.perf_counter()
                session.run(None, {"x": x})
                times[form].append(time.perf_counter() - began)
        each = (1e6 * np.median(taken) / (2 * options.pairs) for taken in times.values())
        print(f"{rows:4} rows     " + "".join(f"{time_us:10.0f}" for time_us in each), flush=True)


def load(form: str, pairs: int, threads: int) -> onnxruntime.InferenceSession:
    layers, x = Layers(), "x"
    for _ in range(pairs):
        inner = layers.multiply(form, x, HIDDEN, INNER)
        x = layers.multiply(form, inner, INNER, HIDDEN)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(layers.model(x).SerializeToString(), options)


if __name__ == "__main__":
    main()
