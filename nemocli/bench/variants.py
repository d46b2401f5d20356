"""The variants in which a model can be run on a machine: runtime, precision, compute units."""

from collections.abc import Iterator

from nemocli.runtimes.kinds import KINDS
from nemocli.runtimes.system import System, this_system


def list_variants(system: System | None = None) -> Iterator[tuple[str, str]]:
    """Runtime and precision of every variant that is worth running."""
    for name, kind in KINDS.items():
        for precision in kind.precisions_on(system or this_system()):
            yield name, precision


def compute_units(runtime: str, system: System | None = None) -> tuple[str | None, ...]:
    """The compute units that can be asked of a runtime; (None,) where it has no choice."""
    kind = KINDS[runtime]
    return kind.compute_units if kind.has_units_on(system or this_system()) else (None,)


def is_slow(runtime: str) -> bool:
    """Whether a model of hundreds of millions of weights takes hours on this machine."""
    return KINDS[runtime].is_slow_on(this_system())
