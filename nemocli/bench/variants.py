"""The variants in which a model can be run on a machine: runtime, precision, compute units."""

from collections.abc import Iterator

from nemocli.network.config import ModelConfig
from nemocli.network.parameters import count_weights
from nemocli.runtimes.kinds import KINDS
from nemocli.runtimes.system import System, read_system

#: Weights above which a slow runtime takes hours.
MAX_SLOW_WEIGHTS = 50_000_000


def list_variants(system: System | None = None) -> Iterator[tuple[str, str]]:
    """Yield runtime and precision of every variant that is worth running on the system."""
    for name, kind in KINDS.items():
        for precision in kind.list_precisions(system or read_system()):
            yield name, precision


def list_compute_units(runtime: str, system: System | None = None) -> tuple[str | None, ...]:
    """Return the compute units that a runtime can use; (None,) where there is no choice."""
    kind = KINDS[runtime]
    return kind.compute_units if kind.has_units_on(system or read_system()) else (None,)


def list_other_transfers(runtime: str, system: System | None = None) -> tuple[str, ...]:
    """Return how else arrays can go in and out of a runtime's library here than by default."""
    return KINDS[runtime].list_transfers(system or read_system())


def is_slow(runtime: str) -> bool:
    """Tell whether a large model takes hours in this runtime on this machine."""
    return KINDS[runtime].is_slow_on(read_system())


def is_large(config: ModelConfig) -> bool:
    """Tell whether a model has so many weights that a slow runtime takes hours."""
    return count_weights(config) > MAX_SLOW_WEIGHTS
