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
AUTO_RUNTIME = "auto"


#: What `auto` stands for on Apple silicon: the first of these that the machine meets the needs of.
#: Names that no runtime has are passed over.
AUTO_ON_APPLE_SILICON = ("coreml", "mlx", "coreai", PORTABLE)


def order_for_auto(system: System) -> list[Kind]:
    """Return the runtimes that `auto` may stand for on a system, the preferred one first."""
    names = AUTO_ON_APPLE_SILICON if system.is_apple_silicon else (PORTABLE,)
    return [KINDS[name] for name in names if name in KINDS]


def choose_runtime(
    among: Collection[str],
    system: System,
    precision: str | None = None,
    compute_units: str | None = None,
) -> str:
    """Return the runtime that `auto` stands for on a system, among those that a model is for.

    It is the first of `order_for_auto` that this machine can run and that has the requested
    precision and compute units; if none has, the first that it can run.
    """
    ready = [
        kind for kind in order_for_auto(system) if kind.name in among and is_ready(kind, system)
    ]
    units = (compute_units,) if compute_units else ()
    fitting = [
        kind
        for kind in ready
        if precision in (None, *kind.offered_precisions)
        and set(units) <= set(kind.compute_units or ("cpu",))
    ]
    if best := fitting or ready:
        return best[0].name
    return PORTABLE if PORTABLE in among else next(iter(among))


def is_ready(kind: Kind, system: System) -> bool:
    """Tell whether `auto` can stand for a runtime: on this system, with what is installed."""
    return kind.find_missing_for_auto(system) is None and kind.library.is_here


def list_runtime_names() -> tuple[str, ...]:
    """Return the names that users may give: `auto`, and every runtime's."""
    return (AUTO_RUNTIME, *KINDS)


def check_runtime(name: str) -> None:
    """Raise UsageError for a name that is no runtime's."""
    if name not in list_runtime_names():
        raise UsageError(
            f"There is no runtime {name!r}; choose one of {', '.join(list_runtime_names())}."
        )


def list_folder_kinds() -> dict[str, FolderKind]:
    """Return the runtimes that a checkpoint can be converted for, by name."""
    return {name: kind for name, kind in KINDS.items() if isinstance(kind, FolderKind)}
