"""What the system says, without root, about memory and energy; and emptying its file cache."""

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

#: Where Linux has energy counters, in microjoules; on most systems only root may read them.
POWERCAP = Path("/sys/class/powercap")


def measure_peak_memory() -> int:
    """Return the largest memory of this process so far in bytes, mapped files included.

    Not by getrusage on Linux: there, a process inherits the value of the one that started it.
    """
    with suppress(OSError, ValueError):
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


@dataclass(frozen=True)
class EnergyCounter:
    """Counter of the energy that the processor's packages take, for all programs together."""

    packages: tuple[Path, ...]

    @classmethod
    def find(cls) -> "EnergyCounter | None":
        """Return the counter of all packages (`intel-rapl:0`, on AMD too), if it can be read."""
        packages = tuple(sorted(POWERCAP.glob("intel-rapl:[0-9]")))
        counter = cls(packages)
        try:
            return counter if packages and counter.read() else None
        except (OSError, ValueError):
            return None

    def read(self) -> list[int]:
        """Read the microjoules of each package, which wrap around."""
        return [int((path / "energy_uj").read_text()) for path in self.packages]

    def count_joules_since(self, earlier: list[int]) -> float:
        """Return the joules of all packages since an earlier reading.

        No counter may have wrapped around more than once since.
        """
        used = 0
        for path, before, now in zip(self.packages, earlier, self.read(), strict=True):
            wrap = int((path / "max_energy_range_uj").read_text())
            used += now - before if now >= before else now - before + wrap
        return used / 1e6


def drop_cached_files(folder: Path) -> bool:
    """Ask the system to drop a model's files from its file cache; return whether that worked.

    Files that another process uses stay. macOS has no such call.
    """
    if not hasattr(os, "posix_fadvise"):
        return False
    paths = [folder] if folder.is_file() else [path for path in folder.rglob("*") if path.is_file()]
    for path in paths:
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except OSError:
            return False
        try:
            with suppress(OSError):  # read-only file systems have nothing to write back
                os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        except OSError:
            return False
        finally:
            os.close(descriptor)
    return True
