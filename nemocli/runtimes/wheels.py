"""For which Macs and Pythons a package is on the package index, looked up in November 2026."""

from collections.abc import Sequence
from dataclasses import dataclass

from nemocli.runtimes.system import System

APPLE_SILICON, INTEL = "arm64", "x86_64"


@dataclass(frozen=True)
class Wheels:
    """Wheels of a package for macOS; several of these describe a package, or its versions."""

    architectures: tuple[str, ...]
    first_macos: int
    #: The first and the last version of Python.
    first_python: tuple[int, int]
    last_python: tuple[int, int]

    def fit(self, system: System) -> bool:
        """Tell whether one of them can be installed on a Mac."""
        return (
            system.architecture in self.architectures
            and system.has_macos(self.first_macos)
            and self.first_python <= system.python <= self.last_python
        )


def find_missing(wheels: Sequence[Wheels], system: System) -> str | None:
    """Name what a Mac would need for one of the wheels; None if one fits, or on other systems."""
    if not wheels or not system.is_macos or any(one.fit(system) for one in wheels):
        return None
    left = [one for one in wheels if system.architecture in one.architectures]
    if not left:
        is_own = system.is_translated
        return "a Python for Apple silicon (this one is for Intel)" if is_own else "Apple silicon"
    first_macos = min(one.first_macos for one in left)
    if not system.has_macos(first_macos):
        return f"macOS {first_macos} or later"
    left = [one for one in left if system.has_macos(one.first_macos)]
    first, last = min(one.first_python for one in left), max(one.last_python for one in left)
    return f"Python {_format(first)} to {_format(last)}"


def _format(python: tuple[int, int]) -> str:
    return ".".join(map(str, python))
