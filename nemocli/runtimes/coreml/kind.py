"""What nemocli knows of Core ML, which writes packages on Linux too and runs on macOS alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from nemocli.runtimes.kind import FolderKind, GraphProgress, Library, ModelFolder, Progress
from nemocli.runtimes.system import System
from nemocli.runtimes.wheels import APPLE_SILICON, INTEL, Wheels

if TYPE_CHECKING:
    from nemocli.network.config import ModelConfig
    from nemocli.network.diarizer_config import DiarizerConfig
    from nemocli.network.diarizer_parameters import DiarizerParameters
    from nemocli.network.parameters import Parameters
    from nemocli.runtimes.base import GraphRuntime, Runtime


#: What lets nemocli call the framework itself, on a Mac; coremltools does without.
PYOBJC = Library(
    "pyobjc-framework-CoreML", "CoreML", "pip install 'nemocli[coreml]'", systems="macOS"
)

#: What becomes of a stream's caches, which coremltools copies by default. States stay in Core ML;
#: direct calls of the framework, through pyobjc, read and write them in our own memory.
STATES, DIRECT, DIRECT_STATES = TRANSFERS = ("states", "direct", "direct-states")

#: The folder of compiled packages in the cache.
COMPILED = "compiled"


class CoreMLKind(FolderKind):
    """Core ML. Packages of several functions need `minimum_macos`."""

    name = "coreml"
    library = Library(
        "coremltools",
        "coremltools",
        "pip install coremltools",
        systems="macOS and for Linux on x86-64",
        loads="nemocli.runtimes.coreml.tools",
        mac_wheels=(Wheels((APPLE_SILICON, INTEL), 11, (3, 11), (3, 13)),),
    )
    # The bytes are more than the weights': those of a package are in another file too at first.
    # fp32 serves to compare with other runtimes without rounding; it suits no device.
    default_precision = "fp16"
    precisions: ClassVar = {
        "fp16": 3.2,
        "int8": 1.8,
        "int4": 1.2,
        "palettized-6": 1.5,
        "fp32": 6.4,
    }
    only_for_checks = ("fp32",)
    compute_units = ("cpu", "gpu", "ane", "all")
    default_compute_units = "ane"
    minimum_macos = 15
    transfers = TRANSFERS
    transfer_library = PYOBJC
    runs_diarizers = True
    # coremltools imports them where they are: torch ends the program if the current folder was
    # deleted, and scikit-learn takes as long as all else.
    unneeded_modules = ("torch", "transformers", "sklearn")

    def list_transfers(self, system: System) -> tuple[str, ...]:
        return TRANSFERS if PYOBJC.is_here else (STATES,)

    def write_graphs(
        self,
        parameters: "Parameters",
        folder: Path,
        lookaheads: Sequence[int],
        precision: str,
        progress: GraphProgress,
    ) -> list[str]:
        from nemocli.runtimes.coreml.files import write_graphs

        return write_graphs(parameters, folder, lookaheads, precision, progress)

    def open_folder(
        self,
        folder: "ModelFolder[ModelConfig]",
        lookahead: int,
        compute_units: str | None,
        progress: Progress,
    ) -> "Runtime":
        from nemocli.runtimes.coreml.runtime import CoreMLRuntime

        return CoreMLRuntime(
            folder.path,
            folder.config,
            lookahead,
            hashes=folder.hashes,
            compiled=folder.cache() / COMPILED,
            compute_units=compute_units or self.default_compute_units,
            progress=progress,
            encoder_dtype="float32" if folder.precision == "fp32" else "float16",
            transfer=folder.transfer,
        )

    def write_diarizer(
        self,
        parameters: "DiarizerParameters",
        folder: Path,
        sizes: Sequence[tuple[int, int]],
        precision: str,
        progress: GraphProgress,
    ) -> list[str]:
        from nemocli.runtimes.coreml.files import write_diarizer

        return write_diarizer(parameters, folder, sizes, precision, progress)

    def open_diarizer(
        self,
        folder: "ModelFolder[DiarizerConfig]",
        compute_units: str | None,
        progress: Progress,
    ) -> "GraphRuntime":
        from nemocli.runtimes.coreml.backend import CoreMLTools
        from nemocli.runtimes.coreml.diarizer import CoreMLDiarizer

        return CoreMLDiarizer(
            folder.path,
            folder.config,
            folder.hashes,
            folder.cache() / COMPILED,
            CoreMLTools(),
            compute_units or self.default_compute_units,
            progress,
            "float32" if folder.precision == "fp32" else "float16",
        )

    def list_cached(self, hashes: Mapping[str, str], cache: Path) -> list[Path]:
        from nemocli.runtimes.coreml.compiled import find_compiled

        return find_compiled(cache / COMPILED, hashes)


KIND = CoreMLKind()
