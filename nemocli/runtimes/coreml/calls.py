"""Calls of a package's functions, with arrays in the shapes of nemocli.network.graphs."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from numpy.typing import NDArray

from nemocli.network.config import ModelConfig
from nemocli.network.graphs import Graph, build_graph
from nemocli.network.parameters import Parameters, list_shapes
from nemocli.network.tensors import ShapesOnly
from nemocli.runtimes.base import Arrays
from nemocli.runtimes.coreml.package_layout import PackageLayout, choose_layout

#: Runs a function of a package, with arrays in the package's layout.
Predict = Callable[[Arrays], Mapping[str, NDArray[Any]]]


class Calls:
    """Calls the graphs of one lookahead. `encoder_dtype` is that of the packages."""

    def __init__(self, config: ModelConfig, lookahead: int, encoder_dtype: str) -> None:
        parameters = Parameters(config, ShapesOnly(list_shapes(config)))

        @cache
        def list_layouts(name: str) -> tuple[list[PackageLayout], list[PackageLayout]]:
            graph: Graph[Any] = build_graph(name, parameters, lookahead + 1)
            inputs, results = (
                [choose_layout(name, spec, encoder_dtype) for spec in specs]
                for specs in (graph.inputs, graph.results)
            )
            return inputs, results

        self._layouts = list_layouts

    def run(self, graph: str, inputs: Mapping[str, NDArray[Any]], predict: Predict) -> Arrays:
        """Call a graph through `predict`; inputs and results are in the graph's own shapes.

        What a function keeps as states is neither an input nor a result.
        """
        before, after = self._layouts(graph)
        return call_in_layout(before, after, inputs, predict)


def call_in_layout(
    before: Sequence[PackageLayout],
    after: Sequence[PackageLayout],
    inputs: Mapping[str, NDArray[Any]],
    predict: Predict,
) -> Arrays:
    """Call `predict` with inputs in the layouts `before`; return results from those in `after`."""
    stored = {i.spec.name: i.store(inputs[i.spec.name]) for i in before if i.spec.name in inputs}
    outputs = predict(stored)
    return {
        o.spec.name: _widen(o, o.restore(outputs[o.spec.name]))
        for o in after
        if o.spec.name in outputs
    }


def _widen(output: PackageLayout, value: NDArray[Any]) -> NDArray[Any]:
    """Convert an output to the graph's type, but not a cache: it only goes back to the package."""
    if output.spec.name.endswith("cache_out") or output.spec.name.startswith("cache"):
        return value
    return value.astype(output.spec.dtype, copy=False)
