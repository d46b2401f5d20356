"""What nemocli knows of MLX before it is imported: Apple's library for the GPU of Apple silicon."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from nemocli.errors import UnsupportedError
from nemocli.runtimes.kind import FolderKind, GraphProgress, Library, ModelFolder, Progress
from nemocli.runtimes.system import System
from nemocli.runtimes.wheels import APPLE_SILICON, Wheels

if TYPE_CHECKING:
    from nemocli.network.config import ModelConfig
    from nemocli.network.diarizer_config import DiarizerConfig
    from nemocli.network.diarizer_parameters import DiarizerParameters
    from nemocli.network.parameters import Parameters
    from nemocli.runtimes.base import GraphRuntime, Runtime

#: The first macOS that MLX has wheels for.
MLX_MINIMUM_MACOS = 14


class MLXKind(FolderKind):
    """MLX: on a Mac's GPU; on Linux on the processor, slowly, which serves to test it."""

    name = "mlx"
    library = Library(
        "mlx",
        "mlx.core",
        "pip install 'nemocli[mlx]'",
        systems=f"macOS {MLX_MINIMUM_MACOS} or later on Apple silicon, and for Linux",
        loads="nemocli.runtimes.mlx.tools",
        mac_wheels=(Wheels((APPLE_SILICON,), MLX_MINIMUM_MACOS, (3, 11), (3, 14)),),
    )
    default_precision = "fp16"
    precisions: ClassVar = {"fp16": 2.1, "int8": 1.2, "int5": 0.9, "fp32": 4.1}
    compute_units = ("gpu", "cpu")
    default_compute_units = "gpu"
    runs_diarizers = True

    def choose_precision(self, system: System) -> str:
        """Return float16 for the GPU: on a processor, MLX computes in float32 in any case."""
        return self.default_precision if system.is_macos else "fp32"

    def list_precisions(self, system: System) -> tuple[str, ...]:
        default = self.choose_precision(system)
        return (default, *(name for name in self.offered_precisions if name != default))

    def is_slow_on(self, system: System) -> bool:
        return not system.is_macos

    def find_missing_system(self, system: System) -> str | None:
        if not system.is_macos or system.has_macos(MLX_MINIMUM_MACOS):
            return None
        return f"macOS {MLX_MINIMUM_MACOS} or later, not {system.macos}"

    def has_units_on(self, system: System) -> bool:
        return system.is_macos and super().has_units_on(system)

    def choose_units(self, requested: str | None, system: System) -> str | None:
        chosen = super().choose_units(requested, system)
        if requested == "gpu" and not system.is_macos:
            raise UnsupportedError(
                "MLX computes on the gpu only on macOS; leave out --compute-units, or choose cpu."
            )
        return chosen

    def write_graphs(
        self,
        parameters: "Parameters",
        folder: Path,
        lookaheads: Sequence[int],
        precision: str,
        progress: GraphProgress,
    ) -> list[str]:
        from nemocli.runtimes.mlx.files import write_graphs

        return write_graphs(parameters, folder, lookaheads, precision, progress)

    def open_folder(
        self,
        folder: "ModelFolder[ModelConfig]",
        lookahead: int,
        compute_units: str | None,
        progress: Progress,
    ) -> "Runtime":
        from nemocli.runtimes.mlx.runtime import MLXRuntime

        units = compute_units or "cpu"  # the only ones where there is no choice
        return MLXRuntime(folder.path, folder.config, lookahead, folder.precision, units)

    def write_diarizer(
        self,
        parameters: "DiarizerParameters",
        folder: Path,
        sizes: Sequence[tuple[int, int]],
        precision: str,
        progress: GraphProgress,
    ) -> list[str]:
        from nemocli.runtimes.mlx.files import write_diarizer

        return write_diarizer(parameters, folder, precision, progress)

    def open_diarizer(
        self,
        folder: "ModelFolder[DiarizerConfig]",
        compute_units: str | None,
        progress: Progress,
    ) -> "GraphRuntime":
        from nemocli.runtimes.mlx.diarizer import MLXDiarizer

        return MLXDiarizer(folder.path, folder.config, folder.precision, compute_units or "cpu")


KIND = MLXKind()
