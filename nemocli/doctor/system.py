"""Findings about nemocli itself, Python, the system and the processor."""

import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

from nemocli.doctor.finding import Finding
from nemocli.runtimes.machine import find_processor_name
from nemocli.version import __version__


def examine_system() -> Iterator[Finding]:
    """Look at the program, Python, the system and the processor."""
    yield Finding("nemocli", f"{__version__} in {Path(__file__).parents[1]}")
    yield Finding("Python", f"{platform.python_version()} ({sys.executable})")
    yield Finding("system", find_system_name())
    yield Finding("processor", f"{find_processor_name()}, {os.cpu_count()} cores")


def find_system_name() -> str:
    """Return the system's name and version, such as `Linux-6.8.0-x86_64-with-glibc2.39`."""
    return platform.platform(terse=True)
