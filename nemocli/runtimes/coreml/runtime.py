"""Running model folders with Core ML, on macOS.

Written on Linux, and never tried on a Mac. Tests on Linux run all of this file but `CoreML`, which
an evaluator of ML Programs replaces. On a Mac, `nemocli doctor --verify` tries all of it.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nemocli.errors import ModelError, UnsupportedError
from nemocli.network.config import ModelConfig
from nemocli.network.graphs import DECODER_GRAPHS
from nemocli.runtimes.base import Arrays
from nemocli.runtimes.coreml.calls import Calls, Predict
from nemocli.runtimes.coreml.compiled import CompiledModels, check_package
from nemocli.runtimes.coreml.kind import KIND
from nemocli.runtimes.fixed_shapes import FixedShapeRuntime
from nemocli.runtimes.packages import COREML, function_name, package_name
from nemocli.runtimes.system import this_system

#: coremltools' names for the compute units.
COMPUTE_UNITS = {"cpu": "CPU_ONLY", "gpu": "CPU_AND_GPU", "ane": "CPU_AND_NE", "all": "ALL"}


class Backend(Protocol):
    """What compiles and loads packages: Core ML, or something in its place."""

    #: The version of the system that compiled packages are for.
    system: str

    def compile(self, package: Path, destination: Path) -> None:
        """Compile a .mlpackage into a .mlmodelc."""
        ...

    def load(self, compiled: Path, compute_units: str, function: str) -> Predict:
        """Load one function of a .mlmodelc; `compute_units` is coremltools' name for them."""
        ...


class CoreML:
    """Core ML through coremltools. Raises UnsupportedError on a machine without it.

    Not tried on a Mac.
    """

    def __init__(self) -> None:
        system = this_system()
        KIND.check_machine(system)
        self.system = system.macos
        from nemocli.runtimes.coreml.tools import coremltools

        self._coremltools: Any = coremltools

    def compile(self, package: Path, destination: Path) -> None:
        self._coremltools.models.utils.compile_model(str(package), str(destination))

    def load(self, compiled: Path, compute_units: str, function: str) -> Predict:
        units = self._coremltools.ComputeUnit[compute_units]
        model = self._coremltools.models.CompiledMLModel(str(compiled), units, function)

        def predict(inputs: Arrays) -> Arrays:
            # Copied, because the next call may write to the same memory.
            return {name: np.array(value) for name, value in model.predict(inputs).items()}

        return predict


class CoreMLRuntime(FixedShapeRuntime[Predict]):
    """Runs the packages of a model folder with Core ML, or with another `backend`.

    `compute_units` is one of the kind's, `hashes` are the SHA-256 of the model folder's files by
    name, and `compiled` is the folder for compiled packages. `progress` is called with a sentence
    before a package is compiled, and after it.
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
    ) -> None:
        super().__init__(config, lookahead)
        self._folder = folder
        self._hashes = hashes
        self._units = COMPUTE_UNITS[compute_units]
        self._progress = progress or (lambda message: None)
        self._backend: Backend = backend or CoreML()
        self._compiled = CompiledModels(compiled, self._backend.system, self._backend.compile)
        self._calls = Calls(config, lookahead, encoder_dtype)
        self._load_graphs()

    def _call(self, graph: str, function: Predict, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        return self._calls.run(graph, inputs, function)

    def _load(self, graph: str) -> Predict:
        """Load one function of a package: each one loaded is said to take more memory."""
        package = self._folder / package_name(graph, COREML)
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
            predict = self._backend.load(compiled, units, function_name(graph, self.lookahead))
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
        return predict
