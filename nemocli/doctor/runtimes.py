"""Findings about the runtimes, and about the libraries that all of them read checkpoints with."""

from collections.abc import Iterator
from dataclasses import replace

from nemocli.doctor.finding import Finding, find_package
from nemocli.runtimes.kind import Kind, Library
from nemocli.runtimes.kinds import KINDS
from nemocli.runtimes.system import System, read_system


def examine_runtimes(system: System | None = None) -> Iterator[Finding]:
    """Look for each runtime, and for the libraries that read checkpoints."""
    system = system or read_system()
    for kind in KINDS.values():
        yield _examine_runtime(kind, system)
        if kind.transfer_library and kind.runs_on(system):
            yield _examine_transfers(kind, kind.transfer_library)
    yield find_package("tokenizers", "tokenizers", "pip install tokenizers", essential=True)
    yield find_package("safetensors", "safetensors", "pip install safetensors", essential=True)


def _examine_runtime(kind: Kind, system: System) -> Finding:
    library = kind.library
    found = find_package(
        library.package,
        f"runtime {kind.name}",
        _advise(library, system),
        module=library.loads or library.module,
        essential=kind.is_essential,
    )
    missing = kind.find_missing_system(system)
    if not found.ok or missing is None:
        return found
    return replace(found, value=f"{found.value}: converts; running needs {missing}", ok=False)


def _examine_transfers(kind: Kind, library: Library) -> Finding:
    """Say how the arrays of a runtime that runs here go in and out of its library."""
    name = f"{kind.name} directly"
    advice = f"for calls without copies: {library.install}, then nemocli bench --choose"
    found = find_package(library.package, name, advice, module=library.module)
    if not found.ok:
        return replace(found, value=f"{found.value}: {kind.library.package} copies the arrays")
    return replace(found, value=f"{found.value}: used where bench --choose found it faster")


def _advise(library: Library, system: System) -> str:
    """Say how to install a library, or that there is no wheel of it for this Mac."""
    missing = library.find_missing_system(system)
    return f"{library.package} is for {missing}" if missing else library.advice
