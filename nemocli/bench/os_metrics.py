"""What the system tells, without root, of a process and its machine: memory, energy, file cache."""

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

#: Where Linux has counters of microjoules; most systems let only root read them.
POWERCAP = Path("/sys/class/powercap")


def peak_memory() -> int:
    """Bytes of memory that this process held at most, mapped files included.

    On Linux not by getrusage: there, a process begins with the figure of the one that started it.
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
    """Joules that the processor's packages took since some moment, whoever used them."""

    packages: tuple[Path, ...]

    @classmethod
    def find(cls) -> "EnergyCounter | None":
        """The counters of whole packages (`intel-rapl:0`, on AMD too), if they may be read."""
        packages = tuple(sorted(POWERCAP.glob("intel-rapl:[0-9]")))
        counter = cls(packages)
        try:
            return counter if packages and counter.read() else None
        except (OSError, ValueError):
            return None

    def read(self) -> list[int]:
        """Microjoules of each package, which wrap around."""
        return [int((path / "energy_uj").read_text()) for path in self.packages]

    def joules_since(self, earlier: list[int]) -> float:
        """Joules of all packages since a reading, not more than one turn of a counter ago."""
        used = 0
        for path, before, now in zip(self.packages, earlier, self.read(), strict=True):
            turn = int((path / "max_energy_range_uj").read_text())
            used += now - before if now >= before else now - before + turn
        return used / 1e6


def forget_files(folder: Path) -> bool:
    """Ask the system to drop a model's files from its cache in memory; whether it can be asked.

    It drops what no other process uses. macOS has no such call.
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
