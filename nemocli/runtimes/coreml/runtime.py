"""Running model folders with Core ML, on macOS.

Written on Linux, and never tried on a Mac. Tests on Linux run all of this file, with an evaluator
of ML Programs in Core ML's place. On a Mac, `nemocli doctor --verify` tries all of it.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from nemocli.errors import ModelError, UnsupportedError, lacks_memory
from nemocli.network.config import ModelConfig
from nemocli.network.graphs import DECODER_GRAPHS, ENCODER_GRAPHS
from nemocli.runtimes.base import Arrays
from nemocli.runtimes.coreml.backend import Backend, CoreMLTools, LoadedFunction
from nemocli.runtimes.coreml.calls import Calls
from nemocli.runtimes.coreml.compiled import CompiledModels, check_package
from nemocli.runtimes.coreml.kind import DIRECT, DIRECT_STATES, STATES
from nemocli.runtimes.coreml.states import (
    StreamStates,
    has_states,
    name_state_function,
    split_caches,
)
from nemocli.runtimes.fixed_shapes import FixedShapeRuntime
from nemocli.runtimes.packages import COREML, name_function, name_package

#: coremltools' names for the compute units.
COMPUTE_UNITS = {"cpu": "CPU_ONLY", "gpu": "CPU_AND_GPU", "ane": "CPU_AND_NE", "all": "ALL"}


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
        self._folder = folder
        self._hashes = hashes
        self._units = COMPUTE_UNITS[compute_units]
        self._progress = progress or (lambda message: None)
        self._backend: Backend = backend or open_backend(transfer)
        self._compiled = CompiledModels(compiled, self._backend.system, self._backend.compile)
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
            try:
                return function(arrays, stream.state if stream else None)
            except Exception as error:  # coremltools and pyobjc raise plain exceptions
                if lacks_memory(error):
                    raise
                raise ModelError(
                    f"Core ML cannot compute {graph}: {error}. Try --compute-units cpu."
                ) from None

        outputs: dict[str, Any] = self._calls.run(graph, inputs, predict)
        if stream:
            stream.calls += 1
            outputs |= stream.list_stand_ins()
        return outputs

    def _load(self, graph: str) -> LoadedFunction:
        """Load one function of a package: each one loaded is said to take more memory."""
        package = self._folder / name_package(graph, COREML)
        hashes = {
            name: digest
            for name, digest in self._hashes.items()
            if name.startswith(f"{package.name}/")
        }
        if not hashes or not package.is_dir():
            raise ModelError(f"The model folder lacks {package}; convert the model again.")
        # The decoder is small, and float32, in which the Neural Engine does not compute.
        units = "CPU_ONLY" if graph in DECODER_GRAPHS else self._units
        begin, is_new = time.monotonic(), False

        def note_start() -> None:
            nonlocal is_new
            is_new = True
            check_package(package, hashes)
            self._progress(f"compiling {package.name} for this machine, once: minutes at most")

        try:
            compiled = self._compiled.path(package, hashes, note_start)
            name = name_state_function if graph in self._with_states else name_function
            function = self._backend.load(compiled, units, name(graph, self.lookahead))
        except OSError as error:
            raise UnsupportedError(
                f"What Core ML makes of {package.name} cannot be kept ({error});"
                " make room, or set NEMOCLI_CACHE_DIR to a folder that can be written."
            ) from None
        except Exception as error:  # coremltools raises plain exceptions
            raise ModelError(
                f"Core ML cannot load {package}: {error}. Convert the model again."
            ) from None
        if is_new:
            self._progress(f"{package.name} took {time.monotonic() - begin:.1f} s")
        return function
