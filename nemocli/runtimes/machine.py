"""What a machine's speed depends on: what was measured on one machine says nothing of another."""

import os
import platform
import sys
from functools import cache
from pathlib import Path

from nemocli.runtimes.system import System, read_sysctl


def describe_machine(system: System) -> dict[str, str | int]:
    """Return what a measurement is bound to: this machine, with the given system.

    Only the major version of macOS counts: Core ML and Core AI change with it.
    """
    name = f"macOS {system.macos_major}" if system.is_macos else system.platform
    return {
        "processor": find_processor_name(),
        "processors": os.cpu_count() or 1,
        "memory_gib": round((read_total_memory() or 0) / 2**30),
        "architecture": system.architecture,
        "system": name,
    }


@cache
def find_processor_name() -> str:
    """Return the processor's name, such as `Apple M4 Max`."""
    if sys.platform == "darwin":
        return read_sysctl("machdep.cpu.brand_string") or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def read_total_memory() -> int | None:
    """Return the machine's memory in bytes; None if unknown."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None
