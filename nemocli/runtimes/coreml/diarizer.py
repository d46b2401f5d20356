"""Running the packages of a diarization model with Core ML, on macOS.

Written on Linux, and never tried on a Mac. Tests on Linux run all of this file, with an evaluator
of ML Programs in Core ML's place.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from nemocli.errors import ModelError
from nemocli.network.diarizer_config import DiarizerConfig
from nemocli.network.diarizer_graphs import (
    EMBED,
    build_diarizer_graph,
    split_diarizer_graph,
)
from nemocli.network.diarizer_parameters import DiarizerParameters, list_diarizer_shapes
from nemocli.network.graphs import Graph
from nemocli.network.tensors import ShapesOnly
from nemocli.runtimes.base import Arrays, GraphRuntime
from nemocli.runtimes.coreml.backend import Backend, LoadedFunction
from nemocli.runtimes.coreml.calls import call_in_layout
from nemocli.runtimes.coreml.loading import COMPUTE_UNITS, Packages, call_function
from nemocli.runtimes.coreml.package_layout import choose_layout


class CoreMLDiarizer(GraphRuntime):
    """Runs the two packages of a diarization model, whose functions have fixed sizes.

    A size is loaded when it is first used. The arguments are those of CoreMLRuntime.
    """

    name = "coreml"
    has_fixed_shapes = True

    def __init__(
        self,
        folder: Path,
        config: DiarizerConfig,
        hashes: Mapping[str, str],
        compiled: Path,
        backend: Backend,
        compute_units: str = "ane",
        progress: Callable[[str], None] | None = None,
        dtype: str = "float16",
    ) -> None:
        self._packages = Packages(folder, hashes, compiled, backend, progress)
        self._parameters = DiarizerParameters(config, ShapesOnly(list_diarizer_shapes(config)))
        self._units = COMPUTE_UNITS[compute_units]
        self._dtype = dtype
        self._loaded: dict[str, tuple[LoadedFunction, Graph[Any]]] = {}

    def run(self, graph: str, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        if graph not in self._loaded:
            made: Graph[Any] = build_diarizer_graph(graph, self._parameters)
            self._loaded[graph] = self._load(graph), made
        loaded, definition = self._loaded[graph]
        before, after = (
            [choose_layout(graph, spec, self._dtype) for spec in specs]
            for specs in (definition.inputs, definition.results)
        )
        return call_in_layout(
            before, after, inputs, lambda arrays: call_function(graph, loaded, arrays)
        )

    def _load(self, graph: str) -> LoadedFunction:
        package, function = split_diarizer_graph(graph)
        if package == EMBED:  # is float32, in which the Neural Engine does not compute
            return self._packages.load(package, function, "CPU_ONLY")
        try:
            return self._packages.load(package, function, self._units)
        except ModelError:
            # Others report that the Neural Engine's compiler refuses the size for recordings.
            if self._units != COMPUTE_UNITS["ane"]:
                raise
            return self._packages.load(package, function, COMPUTE_UNITS["gpu"])

    def close(self) -> None:
        self._loaded.clear()
