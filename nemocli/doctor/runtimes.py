"""Findings about the runtimes, and about the libraries that all of them read checkpoints with."""

from collections.abc import Iterator
from dataclasses import replace

from nemocli.doctor.finding import Finding, find_package
from nemocli.runtimes.kind import Kind, Library
from nemocli.runtimes.kinds import KINDS
from nemocli.runtimes.system import System, this_system


def examine_runtimes(system: System | None = None) -> Iterator[Finding]:
    """Look for each runtime, and for the libraries that read checkpoints."""
    for kind in KINDS.values():
        yield _examine_runtime(kind, system or this_system())
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
    missing = kind.missing_system(system)
    if not found.ok or missing is None:
        return found
    return replace(found, value=f"{found.value}: converts; running needs {missing}", ok=False)


def _advise(library: Library, system: System) -> str:
    """Say how to install a library, or that there is no wheel of it for this Mac."""
    missing = library.missing_system(system)
    return f"{library.package} is for {missing}" if missing else library.advice
