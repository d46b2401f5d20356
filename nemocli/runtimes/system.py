"""The system that nemocli runs on, as far as runtimes differ by it."""

import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class System:
    """A system: of this machine, or of another that a test asks about."""

    #: As `sys.platform` has it: `darwin`, `linux`.
    platform: str
    #: Version of macOS, such as `15.5`; empty elsewhere.
    macos: str = ""

    @property
    def is_macos(self) -> bool:
        return self.platform == "darwin"

    def has_macos(self, first: int) -> bool:
        """Whether it is macOS of this major version or a later one."""
        major = self.macos.partition(".")[0]
        return self.is_macos and major.isdecimal() and int(major) >= first


def this_system() -> System:
    """The system of this machine."""
    if sys.platform != "darwin":
        return System(sys.platform)
    import platform

    return System(sys.platform, platform.mac_ver()[0])
