"""Every runtime by its name, and which one `auto` stands for."""

from collections.abc import Collection
from importlib import import_module

from nemocli.errors import UsageError
from nemocli.runtimes.kind import PORTABLE, FolderKind, Kind
from nemocli.runtimes.system import System

#: The folders of nemocli/runtimes whose `kind.py` has a KIND, in the order of help texts.
_FOLDERS = (
    "onnx",
    "coreml",
    "mlx",
    "coreai",
    "numpy",
)

#: Each runtime by its name.
KINDS: dict[str, Kind] = {
    name: import_module(f"nemocli.runtimes.{name}.kind").KIND for name in _FOLDERS
}

#: The name for the runtime that suits the model and the machine.
AUTO = "auto"


def choose_runtime(among: Collection[str], system: System) -> str:
    """Return the runtime that `auto` stands for on a system, among those that a model is for."""
    return PORTABLE if PORTABLE in among else next(iter(among))


def runtime_names() -> tuple[str, ...]:
    """Return the names that users may give: `auto`, and every runtime's."""
    return (AUTO, *KINDS)


def check_runtime(name: str) -> None:
    """Raise UsageError for a name that is no runtime's."""
    if name not in runtime_names():
        raise UsageError(
            f"There is no runtime {name!r}; choose one of {', '.join(runtime_names())}."
        )


def folder_kinds() -> dict[str, FolderKind]:
    """Return the runtimes that a checkpoint can be converted for, by name."""
    return {name: kind for name, kind in KINDS.items() if isinstance(kind, FolderKind)}
