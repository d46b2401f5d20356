"""The operating system, its processor and Python, as far as runtimes depend on them."""

import platform
import subprocess
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class System:
    """An operating system with a Python: this machine's, or in tests another one."""

    #: A name as in `sys.platform`: `darwin`, `linux`.
    platform: str
    #: Version of macOS, such as `15.5`; empty elsewhere.
    macos: str = ""
    #: The architecture that Python is built for, such as `arm64` or `x86_64`.
    architecture: str = "arm64"
    #: Version of Python.
    python: tuple[int, int] = (3, 13)
    #: Whether this Python is one for Intel that runs on Apple silicon, translated by Rosetta.
    is_translated: bool = False

    @property
    def is_macos(self) -> bool:
        return self.platform == "darwin"

    @property
    def is_apple_silicon(self) -> bool:
        """Whether packages for Apple silicon can be used: not by a Python for Intel."""
        return self.is_macos and self.architecture == "arm64"

    @property
    def macos_major(self) -> int:
        """Major version of macOS; 0 elsewhere."""
        major = self.macos.partition(".")[0]
        return int(major) if self.is_macos and major.isdecimal() else 0

    def has_macos(self, first: int) -> bool:
        """Tell whether it is macOS of the major version `first` or a later one."""
        return self.macos_major >= first


def read_system() -> System:
    """Return the system of this machine."""
    architecture, python = platform.machine(), sys.version_info[:2]
    if sys.platform != "darwin":
        return System(sys.platform, "", architecture, python)
    is_translated = architecture == "x86_64" and read_sysctl("sysctl.proc_translated") == "1"
    return System(sys.platform, _find_macos(), architecture, python, is_translated)


def _find_macos() -> str:
    """Return the version of macOS.

    A Python that was built for an older macOS sees a version such as 16.0 instead of 26.0, or 10.16
    instead of 15.5: https://github.com/python/cpython/issues/135675.
    """
    version = platform.mac_ver()[0]
    if version.partition(".")[0] in ("10", "16"):
        return read_sysctl("kern.osproductversion") or version
    return version


def read_sysctl(name: str) -> str:
    """Return a value of the Mac's kernel, such as `machdep.cpu.brand_string`; empty if unknown."""
    command = ["/usr/sbin/sysctl", "-n", name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
