"""Graphs as functions of an ML Program, in the layout of packages."""

from collections.abc import Sequence
from typing import Any

from nemocli.network.graphs import Graph
from nemocli.runtimes.coreml.constants import Constants, Var
from nemocli.runtimes.coreml.kind import KIND
from nemocli.runtimes.coreml.operations import MilOperations
from nemocli.runtimes.coreml.package_layout import PackageLayout, choose_layout
from nemocli.runtimes.coreml.tools import Builder as mb  # noqa: N813  its name everywhere
from nemocli.runtimes.coreml.tools import Function, types
from nemocli.runtimes.coreml.tools import coremltools as ct

#: The first system with several functions over the same weights, with quantization by blocks, and
#: with states.
TARGET = ct.target[f"macOS{KIND.minimum_macos}"]

_TYPES = {"float16": types.fp16, "float32": types.fp32, "int32": types.int32}


def list_layouts(
    graph: "Graph[Any]", encoder_dtype: str
) -> tuple[list[PackageLayout], list[PackageLayout]]:
    """Return the layouts of a graph's inputs and results."""
    inputs, results = (
        [choose_layout(graph.name, spec, encoder_dtype) for spec in specs]
        for specs in (graph.inputs, graph.results)
    )
    return inputs, results


def build_function(
    graph: "Graph[Var]", constants: Constants, encoder_dtype: str, states: Sequence[str] = ()
) -> Any:
    """Build the function (coremltools' Function) of a graph, over the constants of its package.

    `states` are the names of the inputs that are states: they are read at the beginning, and what
    would be the output of that name is written to them at the end.
    """
    inputs, outputs = list_layouts(graph, encoder_dtype)
    placeholders = {}
    for item in inputs:
        make = mb.state_tensor_placeholder if item.spec.name in states else mb.placeholder
        placeholders[item.spec.name] = make(shape=item.shape, dtype=_TYPES[item.dtype])
    with Function(placeholders, opset_version=TARGET) as function:
        ops, values = MilOperations(constants), {}
        for item in inputs:
            value = function.inputs[item.spec.name]
            if item.spec.name in states:
                value = mb.read_state(input=value)
            values[item.spec.name] = item.restore_in_graph(ops, value)
        results = graph.body(ops, values)
        given = []
        for item in outputs:
            value = item.store_in_graph(ops, results[item.spec.name])
            state = item.spec.name.removesuffix("_out")
            if state in states:
                mb.coreml_update_state(state=function.inputs[state], value=value)
            else:
                value.name = item.spec.name
                given.append(value)
        function.set_outputs(given)
    return function
