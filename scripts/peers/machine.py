"""What the machine is that something was measured on."""

import os
import platform
from pathlib import Path
from typing import Any

from nemocli.runtimes.machine import find_processor_name

#: Instructions that matter for int8 and fp32 products, by the kernel's names.
INSTRUCTIONS = (
    "avx2",
    "avx_vnni",
    "avx512f",
    "avx512_vnni",
    "amx_int8",
    "asimddp",
    "i8mm",
    "sve",
)


def threads() -> int:
    """The cores that this process may use; all peers use as many threads."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def describe() -> dict[str, Any]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": find_processor_name(),
        "cores": threads(),
        "instructions": instructions(),
        "memory": memory,
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
    }


def instructions() -> list[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    flags: set[str] = set()
    for line in lines:
        if line.lower().startswith(("flags", "features")):
            flags |= set(line.partition(":")[2].split())
    return [name for name in INSTRUCTIONS if name in flags]
