"""A table of what `auto` is on each macOS, Python and processor, computed from the code."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

from nemocli.runtimes.kind import Kind
from nemocli.runtimes.kinds import order_for_auto
from nemocli.runtimes.system import System
from scripts.documents.markdown import table

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"

MACOS = (13, 14, 15, 26, 27)
PYTHONS = ((3, 11), (3, 12), (3, 13), (3, 14))
PROCESSORS = {"arm64": "Apple silicon", "x86_64": "Intel"}

#: The last macOS for Intel.
LAST_MACOS_FOR_INTEL = 26

#: Shown where nemocli cannot be installed, since onnxruntime has no wheel.
NOTHING = "–"


def auto_table() -> str:
    """A row for each macOS and processor, with a column for each Python."""
    header = ["macOS", "processor", *(f"Python {a}.{b}" for a, b in PYTHONS)]
    rows = [
        [str(macos), name, *(_describe(macos, architecture, python) for python in PYTHONS)]
        for architecture, name in PROCESSORS.items()
        for macos in MACOS
        if architecture == "arm64" or macos <= LAST_MACOS_FOR_INTEL
    ]
    return table(header, rows)


def find_auto(system: System, extras: tuple[str, ...] = ()) -> str | None:
    """Return what `auto` is on a Mac after `pip install 'nemocli[EXTRAS]'`; None: not installable.

    Packages are there if pyproject.toml asks for them, and if there is a wheel for the Mac.
    """
    packages = _packages(system, extras)
    return next(
        (kind.name for kind in order_for_auto(system) if _is_ready(kind, system, packages)), None
    )


def _describe(macos: int, architecture: str, python: tuple[int, int]) -> str:
    """What `auto` is, and in brackets what it is with every extra, if that differs."""
    system = System("darwin", f"{macos}.0", architecture, python)
    default, most = find_auto(system), find_auto(system, ("coreai", "mlx"))
    if default is None:
        return NOTHING
    return default if default == most else f"{default} ({most})"


def _is_ready(kind: Kind, system: System, packages: set[str]) -> bool:
    library = kind.library
    has_wheel = library.find_missing_system(system) is None
    return library.package in packages and has_wheel and kind.find_missing_for_auto(system) is None


def _packages(system: System, extras: tuple[str, ...]) -> set[str]:
    """Names of the packages that nemocli's own requirements ask for on a Mac."""
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    optional = project["optional-dependencies"]
    texts = [
        *project["dependencies"],
        *(one for extra in extras for one in optional.get(extra, ())),
    ]
    environment = {
        "sys_platform": system.platform,
        "platform_system": "Darwin",
        "platform_machine": system.architecture,
        "python_version": "{}.{}".format(*system.python),
        "python_full_version": "{}.{}.0".format(*system.python),
    }
    requirements = map(Requirement, texts)
    return {
        re.sub(r"[-_.]+", "-", one.name).lower()
        for one in requirements
        if one.marker is None or one.marker.evaluate(environment)
    }
