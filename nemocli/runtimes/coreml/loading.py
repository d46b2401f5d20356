"""Load functions of a model folder's packages, which are compiled once for a machine."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from nemocli.errors import ModelError, UnsupportedError, lacks_memory
from nemocli.runtimes.base import Arrays
from nemocli.runtimes.coreml.backend import Backend, LoadedFunction
from nemocli.runtimes.coreml.compiled import CompiledModels, check_package
from nemocli.runtimes.packages import COREML, name_package

#: coremltools' names for the compute units.
COMPUTE_UNITS = {"cpu": "CPU_ONLY", "gpu": "CPU_AND_GPU", "ane": "CPU_AND_NE", "all": "ALL"}


class Packages:
    """The packages of a model folder.

    `hashes` are the SHA-256 of the model folder's files by name, and `compiled` is the folder for
    compiled packages. `progress` is called with a sentence before a package is compiled, and after
    it.
    """

    def __init__(
        self,
        folder: Path,
        hashes: Mapping[str, str],
        compiled: Path,
        backend: Backend,
        progress: Callable[[str], None] | None,
    ) -> None:
        self.folder = folder
        self.hashes = hashes
        self._backend = backend
        self._progress = progress or (lambda message: None)
        self._compiled = CompiledModels(compiled, backend.system, backend.compile)

    def load(self, graph: str, function: str, units: str) -> LoadedFunction:
        """Load one function of a graph's package: each one loaded is said to take more memory.

        `units` is coremltools' name for the compute units. Raises ModelError for a package that is
        missing, damaged, or refused by Core ML, UnsupportedError if what is compiled has no place.
        """
        package = self.folder / name_package(graph, COREML)
        hashes = {
            name: digest
            for name, digest in self.hashes.items()
            if name.startswith(f"{package.name}/")
        }
        if not hashes or not package.is_dir():
            raise ModelError(f"The model folder lacks {package}; convert the model again.")
        begin, is_new = time.monotonic(), False

        def note_start() -> None:
            nonlocal is_new
            is_new = True
            check_package(package, hashes)
            self._progress(f"compiling {package.name} for this machine, once: minutes at most")

        try:
            compiled = self._compiled.path(package, hashes, note_start)
            loaded = self._backend.load(compiled, units, function)
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
        return loaded


def call_function(
    graph: str, function: LoadedFunction, inputs: Arrays, state: Any = None
) -> Mapping[str, NDArray[Any]]:
    """Call a function that was loaded for a graph; ModelError if Core ML cannot compute it."""
    try:
        return function(inputs, state)
    except Exception as error:  # coremltools and pyobjc raise plain exceptions
        if lacks_memory(error):
            raise
        raise ModelError(
            f"Core ML cannot compute {graph}: {error}. Try --compute-units cpu."
        ) from None
