"""What compiles packages and calls their functions: Core ML, or something in its place."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nemocli.runtimes.base import Arrays
from nemocli.runtimes.coreml.kind import KIND
from nemocli.runtimes.system import read_system


class LoadedFunction(Protocol):
    """One function of a package, loaded on some compute units."""

    def __call__(self, inputs: Arrays, state: Any = None) -> Mapping[str, NDArray[Any]]:
        """Call it with arrays in the package's layout; the outputs belong to the caller.

        `state` is what `make_state` returned, for a function with states; the call changes it.
        """
        ...

    def make_state(self) -> Any:
        """Make the states of a new stream: zeros, which Core ML keeps."""
        ...


class Backend(Protocol):
    """What compiles and loads packages."""

    #: The version of the system that compiled packages are for.
    system: str

    def compile(self, package: Path, destination: Path) -> None:
        """Compile a .mlpackage into a .mlmodelc."""
        ...

    def load(self, compiled: Path, compute_units: str, function: str) -> LoadedFunction:
        """Load one function of a .mlmodelc; `compute_units` is coremltools' name for them."""
        ...


class CoreMLTools:
    """Core ML through coremltools. Raises UnsupportedError on a machine without it.

    Each call turns float16 inputs into float32, and copies all outputs. Not tried on a Mac.
    """

    def __init__(self) -> None:
        system = read_system()
        KIND.check_machine(system)
        self.system = system.macos
        from nemocli.runtimes.coreml.tools import coremltools

        self._coremltools: Any = coremltools

    def compile(self, package: Path, destination: Path) -> None:
        self._coremltools.models.utils.compile_model(str(package), str(destination))

    def load(self, compiled: Path, compute_units: str, function: str) -> LoadedFunction:
        units = self._coremltools.ComputeUnit[compute_units]
        model = self._coremltools.models.CompiledMLModel(str(compiled), units, function)
        return _ToolsFunction(model)


class _ToolsFunction:
    def __init__(self, model: Any) -> None:
        self._model = model

    def __call__(self, inputs: Arrays, state: Any = None) -> Mapping[str, NDArray[Any]]:
        # Copied, because the next call may write to the same memory.
        outputs = self._model.predict(inputs, state)
        return {name: np.array(value) for name, value in outputs.items()}

    def make_state(self) -> Any:
        return self._model.make_state()
