"""The operating system, as far as runtimes depend on it."""

import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class System:
    """An operating system: this machine's, or in tests another one."""

    #: A name as in `sys.platform`: `darwin`, `linux`.
    platform: str
    #: Version of macOS, such as `15.5`; empty elsewhere.
    macos: str = ""

    @property
    def is_macos(self) -> bool:
        return self.platform == "darwin"

    def has_macos(self, first: int) -> bool:
        """Tell whether it is macOS of the major version `first` or a later one."""
        major = self.macos.partition(".")[0]
        return self.is_macos and major.isdecimal() and int(major) >= first


def this_system() -> System:
    """Return the system of this machine."""
    if sys.platform != "darwin":
        return System(sys.platform)
    import platform

    return System(sys.platform, platform.mac_ver()[0])
