"""What nemocli knows of a runtime before it is imported: one `Kind` for each, in its own folder.

The command line makes its help texts of it, so nothing here imports more than the standard library.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from nemocli.errors import UnsupportedError, UsageError
from nemocli.runtimes.system import System

if TYPE_CHECKING:
    from nemocli.network.checkpoint import AnyCheckpoint
    from nemocli.network.config import ModelConfig
    from nemocli.network.parameters import Parameters
    from nemocli.runtimes.base import Runtime

#: The runtime of every system: what `auto` is, and what `nemocli convert` writes, as far as nothing
#: else is asked for.
PORTABLE = "onnx"

#: Called with a sentence about what takes long.
Progress = Callable[[str], None]

#: Called with the name of a graph before it is written, its number from 1, and how many there are.
GraphProgress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Library:
    """The Python package that a runtime computes with."""

    #: Its name among packages, and the module that is imported of it.
    package: str
    module: str
    #: The command that installs it.
    install: str
    #: Systems that it has wheels for, if not all.
    systems: str = ""
    #: A module whose import shows that the natively built parts load too.
    loads: str = ""

    @property
    def is_here(self) -> bool:
        """Whether it is installed; it is not imported."""
        return find_spec(self.module) is not None

    @property
    def advice(self) -> str:
        """How to get it."""
        return f"for {self.systems}: {self.install}" if self.systems else self.install


@dataclass(frozen=True)
class ModelFolder:
    """A converted model folder whose manifest was read, as a runtime needs it."""

    path: Path
    config: "ModelConfig"
    precision: str
    #: SHA-256 of each file by its name in the folder, hexadecimal.
    hashes: Mapping[str, str]
    #: Gives the folder for what a runtime can make again; UnsupportedError if there is none.
    cache: Callable[[], Path]


class Kind(ABC):
    """One runtime: its names and numbers, what it needs, and how it opens a model.

    A runtime that opens checkpoints as they are is a CheckpointKind, one with model folders of its
    own a FolderKind.
    """

    #: What a person calls it; also the name of its folder in nemocli/runtimes.
    name: ClassVar[str]
    library: ClassVar[Library]
    #: Precisions of the encoder's weights, the default first, and the bytes that a weight takes on
    #: disk: of the conformer in that precision, and a little for what stays as it is.
    precisions: ClassVar[Mapping[str, float]]
    #: Precisions that only serve to check graphs, and are offered to nobody.
    only_for_checks: ClassVar[tuple[str, ...]] = ()
    #: The precision in which the released model is offered; None: the default.
    released_precision: ClassVar[str | None] = None
    #: Compute units to choose from; none: it computes on the processor.
    compute_units: ClassVar[tuple[str, ...]] = ()
    #: The units that are used if none are chosen.
    default_compute_units: ClassVar[str | None] = None
    #: The first macOS that runs it, for runtimes of macOS alone.
    minimum_macos: ClassVar[int | None] = None
    #: Whether nemocli counts on it: `nemocli doctor` fails without it.
    is_essential: ClassVar[bool] = False
    #: Modules that its library imports if they are there, takes seconds for, and does not need.
    unneeded_modules: ClassVar[tuple[str, ...]] = ()

    @property
    def default_precision(self) -> str:
        """What `nemocli convert` writes."""
        return next(iter(self.precisions))

    @property
    def offered_precisions(self) -> tuple[str, ...]:
        """The precisions that are for use."""
        return tuple(name for name in self.precisions if name not in self.only_for_checks)

    def precision_on(self, system: System) -> str:
        """What a checkpoint is converted to in passing, for a system that will run it."""
        return self.default_precision

    def precisions_on(self, system: System) -> tuple[str, ...]:
        """The precisions that are worth running on a system."""
        return self.offered_precisions

    def is_slow_on(self, system: System) -> bool:
        """Whether a model of hundreds of millions of weights takes hours there."""
        return False

    def has_units_on(self, system: System) -> bool:
        """Whether compute units can be chosen there."""
        return bool(self.compute_units) and self.missing_system(system) is None

    def missing_system(self, system: System) -> str | None:
        """The system that it needs, with the version if that is too old; None if it has it."""
        if self.minimum_macos is None or system.has_macos(self.minimum_macos):
            return None
        if not system.is_macos:
            return "macOS"
        return f"macOS {self.minimum_macos} or later, not {system.macos}"

    def check_machine(self, system: System) -> None:
        """UnsupportedError with what to do if this machine cannot run it; nothing is imported."""
        missing = self.missing_system(system)
        if missing is not None:
            raise UnsupportedError(
                f"The {self.name} runtime needs {missing}; on this machine use another one, such as"
                f" {PORTABLE}."
            )
        if not self.library.is_here:
            raise UnsupportedError(self.missing_library)

    @property
    def missing_library(self) -> str:
        """A sentence for a machine that lacks the library."""
        library = self.library
        systems = f", which is for {library.systems}" if library.systems else ""
        return (
            f"The {self.name} runtime needs {library.package}{systems};"
            f" install it with: {library.install}"
        )

    def check_precision(self, precision: str) -> None:
        """UsageError for a precision that it has not."""
        if precision not in self.precisions:
            raise UsageError(
                f"There is no precision {precision!r} for {self.name};"
                f" choose one of {', '.join(self.precisions)}."
            )

    def choose_units(self, wanted: str | None, system: System) -> str | None:
        """The compute units that will be used; None where there is nothing to choose.

        UsageError for units that it has not, UnsupportedError for those that are not here.
        """
        known = self.compute_units or ("cpu",)
        if wanted is not None and wanted not in known:
            if not self.compute_units:
                raise UsageError(
                    f"The {self.name} runtime computes on the cpu; leave out --compute-units."
                )
            raise UsageError(
                f"There are no compute units {wanted!r}; choose one of {', '.join(known)}."
            )
        return (wanted or self.default_compute_units) if self.has_units_on(system) else None


class CheckpointKind(Kind):
    """A runtime that opens checkpoints as they are."""

    @abstractmethod
    def open_checkpoint(self, checkpoint: "AnyCheckpoint", lookahead: int) -> "Runtime":
        """Load a checkpoint at one of its lookaheads."""


class FolderKind(Kind):
    """A runtime with model folders of its own, which a checkpoint is converted to."""

    @abstractmethod
    def write_graphs(
        self,
        parameters: "Parameters",
        folder: Path,
        lookaheads: Sequence[int],
        precision: str,
        progress: GraphProgress,
    ) -> list[str]:
        """Write every graph, for every lookahead, into an existing folder; the files' names."""

    @abstractmethod
    def open_folder(
        self, folder: ModelFolder, lookahead: int, compute_units: str | None, progress: Progress
    ) -> "Runtime":
        """Load a model folder at one of its lookaheads, on units that `choose_units` gave.

        Raises ModelError for a folder that cannot be loaded.
        """
