"""The machine and the software that a measurement was made with."""

import os
import platform
import sys
from dataclasses import dataclass
from importlib import metadata

from nemocli.bench.calibration import count_usable_processors
from nemocli.doctor.system import find_system_name
from nemocli.runtimes.kinds import KINDS
from nemocli.runtimes.machine import find_processor_name, read_total_memory
from nemocli.version import __version__

#: Environment variables that set the number of threads of numerical libraries.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")

#: Computing processes per processor from which on the machine counts as busy.
BUSY_LOAD = 0.5


@dataclass(frozen=True)
class Machine:
    """A machine; two measurements with equal ones were made on the same kind."""

    processor: str
    #: Number of processors.
    processors: int
    #: Number of processors that nemocli may use.
    usable: int
    memory_bytes: int | None
    system: str
    architecture: str


def describe_machine() -> Machine:
    """Return a description of this machine."""
    return Machine(
        processor=find_processor_name(),
        processors=os.cpu_count() or 1,
        usable=count_usable_processors(),
        memory_bytes=read_total_memory(),
        system=find_system_name(),
        architecture=platform.machine(),
    )


def list_software() -> dict[str, str]:
    """Return versions of nemocli, Python and the libraries, and the variables for threads."""
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


def read_load_average() -> float | None:
    """Return the average number of computing processes in the last minute; None if unknown."""
    try:
        return os.getloadavg()[0]
    except OSError:
        return None


def describe_load() -> str | None:
    """Return a warning if other programs were computing during the last minute."""
    load = read_load_average()
    if load is None or load < BUSY_LOAD * count_usable_processors():
        return None
    return (
        f"Other programs are computing (load {load:.1f} on {count_usable_processors()} processors);"
        " times will be longer than on a quiet machine, and spread."
    )
