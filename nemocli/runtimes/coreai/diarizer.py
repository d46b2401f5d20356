"""Running the packages of a diarization model with Core AI, whose functions have fixed sizes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nemocli.network.diarizer_graphs import EMBED, split_diarizer_graph
from nemocli.runtimes.base import Arrays, GraphRuntime
from nemocli.runtimes.coreai.runtime import Assets, call_function
from nemocli.runtimes.packages import COREAI, name_package


class CoreAIDiarizer(GraphRuntime):
    """Runs the two packages of a diarization model; a size is loaded when it is first used.

    The arguments are those of CoreAIRuntime. The embedding is float32.
    """

    name = "coreai"
    has_fixed_shapes = True

    def __init__(self, folder: Path, precision: str, compute_units: str = "all") -> None:
        self._folder = folder
        self._dtype = np.dtype(np.float16 if precision == "fp16" else np.float32)
        self._assets = Assets(compute_units, "convert the model again")
        self._functions: dict[str, Any] = {}

    def run(self, graph: str, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        package, name = split_diarizer_graph(graph)
        if graph not in self._functions:
            path = self._folder / name_package(package, COREAI)
            self._functions[graph] = self._assets.load(path, name)
        dtype = np.float32 if package == EMBED else self._dtype
        given = {name: np.ascontiguousarray(value, dtype) for name, value in inputs.items()}
        return call_function(self._functions[graph], given)

    def close(self) -> None:
        self._functions.clear()
        self._assets.close()
