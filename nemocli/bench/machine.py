"""The machine and the software that a measurement belongs to."""

import os
import platform
import sys
from dataclasses import dataclass
from importlib import metadata

from nemocli.bench.calibration import usable_processors
from nemocli.doctor.system import processor_name, system_name
from nemocli.runtimes.kinds import KINDS
from nemocli.version import __version__

#: Variables that set the number of threads of the libraries below.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")

#: Processes that compute, for each processor, above which a measurement is told to be disturbed.
BUSY = 0.5


@dataclass(frozen=True)
class Machine:
    """What must agree for two measurements to be of one machine."""

    processor: str
    #: Processors it has, and those that may be used.
    processors: int
    usable: int
    memory_bytes: int | None
    system: str
    architecture: str


def this_machine() -> Machine:
    """The machine at hand."""
    return Machine(
        processor=processor_name(),
        processors=os.cpu_count() or 1,
        usable=usable_processors(),
        memory_bytes=_memory(),
        system=system_name(),
        architecture=platform.machine(),
    )


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None


def software() -> dict[str, str]:
    """Versions of nemocli, Python and the libraries that compute, and what sets their threads."""
    found = {"nemocli": __version__, "Python": platform.python_version()}
    for kind in KINDS.values():
        package = kind.library.package
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    if sys.implementation.name != "cpython":
        found["Python"] += f" ({sys.implementation.name})"
    return found | {name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ}


def load_average() -> float | None:
    """Processes that computed, on average over the last minute."""
    try:
        return os.getloadavg()[0]
    except OSError:
        return None


def busy_note() -> str | None:
    """A sentence if other programs were computing during the last minute."""
    load = load_average()
    if load is None or load < BUSY * usable_processors():
        return None
    return (
        f"Other programs are computing (load {load:.1f} on {usable_processors()} processors);"
        " times will be longer than on a quiet machine, and spread."
    )
