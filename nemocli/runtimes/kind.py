"""What nemocli knows of a runtime before it is imported: one `Kind` for each, in its own folder.

The help texts of the command line are made from kinds, so this imports only the standard library.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from nemocli.errors import UnsupportedError, UsageError
from nemocli.runtimes.system import System
from nemocli.runtimes.wheels import Wheels, find_missing

if TYPE_CHECKING:
    from nemocli.network.checkpoint import AnyCheckpoint
    from nemocli.network.config import ModelConfig
    from nemocli.network.diarizer_config import DiarizerConfig
    from nemocli.network.diarizer_parameters import DiarizerParameters
    from nemocli.network.parameters import Parameters
    from nemocli.runtimes.base import GraphRuntime, Runtime

#: The runtime that every system has; what `auto` stands for, if nothing faster is there.
PORTABLE = "onnx"

#: Called with a sentence about a step that takes long.
Progress = Callable[[str], None]

#: Called before a graph is written: with its name, its number from 1, and the number of graphs.
GraphProgress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Library:
    """The Python package that a runtime computes with."""

    #: Its name on the package index.
    package: str
    #: The module to import.
    module: str
    #: The command that installs it.
    install: str
    #: The systems it has wheels for; empty for all.
    systems: str = ""
    #: A module whose import shows that the natively built parts load too.
    loads: str = ""
    #: The wheels that it has for Macs; empty if it has some for every Mac.
    mac_wheels: tuple[Wheels, ...] = ()

    @property
    def is_here(self) -> bool:
        """Whether it is installed; found out without importing it."""
        try:
            return find_spec(self.module) is not None
        except ModuleNotFoundError:  # the package that the module is in
            return False

    @property
    def advice(self) -> str:
        """How to install it, as a command."""
        return f"for {self.systems}: {self.install}" if self.systems else self.install

    def find_missing_system(self, system: System) -> str | None:
        """Name the processor, macOS or Python that it has no wheel without; None if it has one."""
        return find_missing(self.mac_wheels, system)


#: The configuration of a recognizer or of a diarization model.
ConfigT = TypeVar("ConfigT")


@dataclass(frozen=True)
class ModelFolder(Generic[ConfigT]):
    """A converted model folder whose manifest was read, as a runtime needs it."""

    path: Path
    config: ConfigT
    precision: str
    #: SHA-256 of each file, in hexadecimal, by the file's name in the folder.
    hashes: Mapping[str, str]
    #: Returns the folder for files that a runtime can make again. Raises UnsupportedError if there
    #: is none.
    cache: Callable[[], Path]
    #: How arrays go in and out of the library, one of the kind's `transfers`; None for the default.
    transfer: str | None = None


class Kind(ABC):
    """One runtime: its name and precisions, what it needs, and how it opens a model.

    A runtime that opens checkpoints directly is a CheckpointKind; one that has model folders of its
    own is a FolderKind.
    """

    #: The name that users give, which is also that of its folder in nemocli/runtimes.
    name: ClassVar[str]
    library: ClassVar[Library]
    #: Precisions of the encoder's weights, the default first. The value is the bytes on disk for
    #: each weight of the conformer, with a little for the weights that keep their precision.
    precisions: ClassVar[Mapping[str, float]]
    #: The precision that `nemocli convert` writes by default: the first.
    default_precision: ClassVar[str]
    #: Precisions that only serve to check graphs, and are not offered to users.
    only_for_checks: ClassVar[tuple[str, ...]] = ()
    #: The precision in which the released model is offered; None for the default.
    released_precision: ClassVar[str | None] = None
    #: Compute units to choose from; empty if it computes on the processor only.
    compute_units: ClassVar[tuple[str, ...]] = ()
    #: The compute units that are used if the user chooses none.
    default_compute_units: ClassVar[str | None] = None
    #: Other ways for arrays to go in and out of the library than the default, with the same result.
    #: `nemocli bench --choose` finds out which is the fastest.
    transfers: ClassVar[tuple[str, ...]] = ()
    #: The package that some of them need, which the runtime does without; None if none does.
    transfer_library: ClassVar[Library | None] = None
    #: The first macOS that runs it, for a runtime that only macOS has.
    minimum_macos: ClassVar[int | None] = None
    #: Whether nemocli does not work without it: `nemocli doctor` then fails.
    is_essential: ClassVar[bool] = False
    #: Whether it runs diarization models too.
    runs_diarizers: ClassVar[bool] = False
    #: Modules that its library imports if they are installed, which takes seconds, without need.
    unneeded_modules: ClassVar[tuple[str, ...]] = ()

    @property
    def offered_precisions(self) -> tuple[str, ...]:
        """The precisions that users may choose."""
        return tuple(name for name in self.precisions if name not in self.only_for_checks)

    def choose_precision(self, system: System) -> str:
        """Return the precision that a checkpoint is converted to when it is loaded on a system."""
        return self.default_precision

    def list_precisions(self, system: System) -> tuple[str, ...]:
        """Return the precisions that are worth running on a system."""
        return self.offered_precisions

    def is_slow_on(self, system: System) -> bool:
        """Tell whether a model of hundreds of millions of weights takes hours on a system."""
        return False

    def has_units_on(self, system: System) -> bool:
        """Tell whether compute units can be chosen on a system."""
        return bool(self.compute_units) and self.find_missing_system(system) is None

    def list_transfers(self, system: System) -> tuple[str, ...]:
        """Return the transfers for which everything is installed."""
        return self.transfers

    def find_missing_system(self, system: System) -> str | None:
        """Name the system it needs instead of the one given; None if that one will do."""
        if self.minimum_macos is None or system.has_macos(self.minimum_macos):
            return None
        if not system.is_macos:
            return "macOS"
        return f"macOS {self.minimum_macos} or later, not {system.macos}"

    def find_missing_for_auto(self, system: System) -> str | None:
        """Name what `auto` needs to stand for it instead of what the system has; None if nothing.

        Whether its library is installed is another question.
        """
        return self.find_missing_system(system)

    def check_machine(self, system: System) -> None:
        """Raise UnsupportedError, with advice, if this machine cannot run it. Imports nothing."""
        missing = self.find_missing_system(system)
        if missing is not None:
            raise UnsupportedError(
                f"The {self.name} runtime needs {missing}; on this machine use another one, such as"
                f" {PORTABLE}."
            )
        if self.library.is_here:
            return
        if (missing := self.library.find_missing_system(system)) is not None:
            raise UnsupportedError(
                f"The {self.name} runtime needs {self.library.package}, which is for {missing};"
                f" on this machine use another one, such as {PORTABLE}."
            )
        raise UnsupportedError(self.missing_library)

    def runs_on(self, system: System) -> bool:
        """Tell whether this machine, with the given system, can run it."""
        return self.find_missing_system(system) is None and self.library.is_here

    @property
    def missing_library(self) -> str:
        """The sentence for a machine without its library."""
        library = self.library
        systems = f", which is for {library.systems}" if library.systems else ""
        return (
            f"The {self.name} runtime needs {library.package}{systems};"
            f" install it with: {library.install}"
        )

    def check_precision(self, precision: str) -> None:
        """Raise UsageError for a precision it does not have."""
        if precision not in self.precisions:
            raise UsageError(
                f"There is no precision {precision!r} for {self.name};"
                f" choose one of {', '.join(self.precisions)}."
            )

    def choose_units(self, requested: str | None, system: System) -> str | None:
        """Choose the compute units: those requested, or the default; None if there is no choice.

        Raises UsageError for units it does not have, UnsupportedError for units that the system
        does not have.
        """
        known = self.compute_units or ("cpu",)
        if requested is not None and requested not in known:
            if not self.compute_units:
                raise UsageError(
                    f"The {self.name} runtime computes on the cpu; leave out --compute-units."
                )
            raise UsageError(
                f"There are no compute units {requested!r}; choose one of {', '.join(known)}."
            )
        return (requested or self.default_compute_units) if self.has_units_on(system) else None


class CheckpointKind(Kind):
    """A runtime that opens checkpoints directly."""

    @abstractmethod
    def open_checkpoint(self, checkpoint: "AnyCheckpoint", lookahead: int) -> "Runtime":
        """Load a checkpoint at one of its lookaheads."""

    @abstractmethod
    def open_diarizer_checkpoint(self, parameters: "DiarizerParameters") -> "GraphRuntime":
        """Load the checkpoint of a diarization model."""


class FolderKind(Kind):
    """A runtime with model folders of its own, to which checkpoints are converted."""

    @abstractmethod
    def write_graphs(
        self,
        parameters: "Parameters",
        folder: Path,
        lookaheads: Sequence[int],
        precision: str,
        progress: GraphProgress,
    ) -> list[str]:
        """Write every graph for every lookahead into an existing folder; return the files' names.

        `precision` is that of the encoder's weights.
        """

    @abstractmethod
    def open_folder(
        self,
        folder: "ModelFolder[ModelConfig]",
        lookahead: int,
        compute_units: str | None,
        progress: Progress,
    ) -> "Runtime":
        """Load a model folder at one of its lookaheads, on units that `choose_units` returned.

        Raises ModelError for a folder that cannot be loaded.
        """

    def write_diarizer(
        self,
        parameters: "DiarizerParameters",
        folder: Path,
        sizes: Sequence[tuple[int, int]],
        precision: str,
        progress: GraphProgress,
    ) -> list[str]:
        """Write the graphs of a diarization model; otherwise as `write_graphs`.

        `sizes` are those of `list_fixed_graphs`, for a runtime that needs fixed shapes.
        Called only if it `runs_diarizers`, as `open_diarizer` is.
        """
        raise NotImplementedError

    def open_diarizer(
        self,
        folder: "ModelFolder[DiarizerConfig]",
        compute_units: str | None,
        progress: Progress,
    ) -> "GraphRuntime":
        """Load the folder of a diarization model; otherwise as `open_folder`."""
        raise NotImplementedError

    def list_cached(self, hashes: Mapping[str, str], cache: Path) -> list[Path]:
        """Return what opening a model folder left in the cache, which nothing else removes.

        `hashes` are those of ModelFolder, `cache` the folder that its `cache` returns.
        """
        return []
