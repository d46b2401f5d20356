"""One thing that was looked for on this machine, and how a Python package is looked for."""

from dataclasses import dataclass
from importlib import import_module, metadata


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for; `advice` says how to get it if it is missing."""

    name: str
    value: str
    ok: bool = True
    advice: str = ""
    #: Without it nothing can be transcribed.
    essential: bool = False


def find_package(
    package: str, name: str, advice: str, *, module: str | None = None, essential: bool = False
) -> Finding:
    """Look for a Python package that can be imported, natively built parts and all."""
    try:
        version = metadata.version(package)
    except metadata.PackageNotFoundError:
        return Finding(name, f"{package} is not installed", False, advice, essential)
    try:
        import_module(module or package)
        return Finding(name, f"{package} {version}", essential=essential)
    except Exception as error:  # a library built for another system fails in its own way
        value = f"{package} does not load: {str(error).splitlines()[0]}"
        return Finding(name, value, False, advice, essential)
