"""Running model folders with Core ML, on macOS.

Written on Linux, and never tried on a Mac. Tests on Linux run all of this file, with an evaluator
of ML Programs in Core ML's place. On a Mac, `nemocli doctor --verify` tries all of it.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from nemocli.network.config import ModelConfig
from nemocli.network.graphs import DECODER_GRAPHS, ENCODER_GRAPHS
from nemocli.runtimes.base import Arrays
from nemocli.runtimes.coreml.backend import Backend, CoreMLTools, LoadedFunction
from nemocli.runtimes.coreml.calls import Calls
from nemocli.runtimes.coreml.kind import DIRECT, DIRECT_STATES, STATES
from nemocli.runtimes.coreml.loading import COMPUTE_UNITS, Packages, call_function
from nemocli.runtimes.coreml.states import (
    StreamStates,
    has_states,
    name_state_function,
    split_caches,
)
from nemocli.runtimes.fixed_shapes import FixedShapeRuntime
from nemocli.runtimes.packages import name_function


def open_backend(transfer: str | None) -> Backend:
    """Return what calls Core ML with one of the kind's transfers.

    Raises UnsupportedError where there is no Core ML, or not what the transfer needs.
    """
    if transfer not in (DIRECT, DIRECT_STATES):
        return CoreMLTools()
    from nemocli.runtimes.coreml.framework import Framework

    return Framework()


class CoreMLRuntime(FixedShapeRuntime[LoadedFunction]):
    """Runs the packages of a model folder with Core ML, or with another `backend`.

    `compute_units` is one of the kind's, `hashes` are the SHA-256 of the model folder's files by
    name, and `compiled` is the folder for compiled packages. `progress` is called with a sentence
    before a package is compiled, and after it. `transfer` is one of the
    kind's, or None.
    Raises UnsupportedError where there is no Core ML, ModelError for packages it cannot load.
    """

    name = "coreml"

    def __init__(
        self,
        folder: Path,
        config: ModelConfig,
        lookahead: int,
        hashes: Mapping[str, str],
        compiled: Path,
        compute_units: str = "ane",
        progress: Callable[[str], None] | None = None,
        backend: Backend | None = None,
        encoder_dtype: str = "float16",
        transfer: str | None = None,
    ) -> None:
        super().__init__(config, lookahead)
        self._units = COMPUTE_UNITS[compute_units]
        self._backend: Backend = backend or open_backend(transfer)
        self._packages = Packages(folder, hashes, compiled, self._backend, progress)
        self._calls = Calls(config, lookahead, encoder_dtype)
        self._with_states = [
            graph
            for graph in ENCODER_GRAPHS
            if transfer in (STATES, DIRECT_STATES) and has_states(graph, encoder_dtype)
        ]
        self._load_graphs()

    def _call(
        self, graph: str, function: LoadedFunction, inputs: Mapping[str, NDArray[Any]]
    ) -> dict[str, Any]:
        stream: StreamStates | None = None
        if graph in self._with_states:
            stream, inputs = split_caches(inputs, function.make_state)

        def predict(arrays: Arrays) -> Mapping[str, NDArray[Any]]:
            return call_function(graph, function, arrays, stream.state if stream else None)

        outputs: dict[str, Any] = self._calls.run(graph, inputs, predict)
        if stream:
            stream.calls += 1
            outputs |= stream.list_stand_ins()
        return outputs

    def _load(self, graph: str) -> LoadedFunction:
        # The decoder is small, and float32, in which the Neural Engine does not compute.
        units = "CPU_ONLY" if graph in DECODER_GRAPHS else self._units
        name = name_state_function if graph in self._with_states else name_function
        return self._packages.load(graph, name(graph, self.lookahead), units)
