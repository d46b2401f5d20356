"""What nemocli knows of Core AI before it is imported: macOS's own, or that of Apple's package."""

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

#: The first macOS that has a Core AI of its own, with a choice of compute units.
SYSTEM_MINIMUM_MACOS = 27


class CoreAIKind(FolderKind):
    """Core AI. Without the system's own it computes on the processor, slowly."""

    name = "coreai"
    library = Library(
        "coreai-core",
        "coreai",
        "pip install 'nemocli[coreai]'",
        systems="macOS on Apple silicon and Linux on x86-64",
        loads="coreai.authoring",
        mac_wheels=(Wheels((APPLE_SILICON,), 26, (3, 11), (3, 14)),),
    )
    default_precision = "fp16"
    precisions: ClassVar = {"fp16": 2.3, "fp32": 4.1}
    compute_units = ("cpu", "gpu", "ane", "all")
    default_compute_units = "all"
    runs_diarizers = True

    def choose_precision(self, system: System) -> str:
        """Return float16 for devices: on a processor, Apple's runtime is 100 times slower at it."""
        return self.default_precision if system.is_macos else "fp32"

    def list_precisions(self, system: System) -> tuple[str, ...]:
        return self.offered_precisions if system.is_macos else ("fp32",)

    def is_slow_on(self, system: System) -> bool:
        return not system.is_macos

    def has_units_on(self, system: System) -> bool:
        return system.has_macos(SYSTEM_MINIMUM_MACOS)

    def find_missing_for_auto(self, system: System) -> str | None:
        """Ask for the system's own Core AI: the package's computes on the processor, slowly."""
        if not self.has_units_on(system):
            return f"macOS {SYSTEM_MINIMUM_MACOS} or later"
        return super().find_missing_for_auto(system)

    def choose_units(self, requested: str | None, system: System) -> str | None:
        chosen = super().choose_units(requested, system)
        if requested in ("gpu", "ane") and not self.has_units_on(system):
            raise UnsupportedError(describe_missing_units(requested))
        return chosen

    def write_graphs(
        self,
        parameters: "Parameters",
        folder: Path,
        lookaheads: Sequence[int],
        precision: str,
        progress: GraphProgress,
    ) -> list[str]:
        from nemocli.runtimes.coreai.files import write_graphs

        return write_graphs(parameters, folder, lookaheads, precision, progress)

    def open_folder(
        self,
        folder: "ModelFolder[ModelConfig]",
        lookahead: int,
        compute_units: str | None,
        progress: Progress,
    ) -> "Runtime":
        from nemocli.runtimes.coreai.bundle import find_bundle
        from nemocli.runtimes.coreai.bundle_runtime import BundleRuntime
        from nemocli.runtimes.coreai.runtime import CoreAIRuntime

        units = compute_units or self.default_compute_units
        if bundle := find_bundle(folder.path):
            return BundleRuntime(bundle, folder.config, lookahead, units)
        return CoreAIRuntime(folder.path, folder.config, lookahead, folder.precision, units)

    def write_diarizer(
        self,
        parameters: "DiarizerParameters",
        folder: Path,
        sizes: Sequence[tuple[int, int]],
        precision: str,
        progress: GraphProgress,
    ) -> list[str]:
        from nemocli.runtimes.coreai.files import write_diarizer

        return write_diarizer(parameters, folder, sizes, precision, progress)

    def open_diarizer(
        self,
        folder: "ModelFolder[DiarizerConfig]",
        compute_units: str | None,
        progress: Progress,
    ) -> "GraphRuntime":
        from nemocli.runtimes.coreai.diarizer import CoreAIDiarizer

        units = compute_units or self.default_compute_units
        return CoreAIDiarizer(folder.path, folder.precision, units)


def describe_missing_units(compute_units: str) -> str:
    """Return the sentence for a system whose Core AI has no choice of compute units."""
    return (
        f"Core AI computes on {compute_units} only on macOS {SYSTEM_MINIMUM_MACOS} or later;"
        " leave out --compute-units, or choose cpu."
    )


KIND = CoreAIKind()
