"""A finding: what was looked for and what was found; and the search for a Python package."""

from dataclasses import dataclass
from importlib import import_module, metadata


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for."""

    name: str
    #: What was found, or what is wrong.
    value: str
    #: Whether it is there and can be used.
    ok: bool = True
    #: How to get it if it is missing.
    advice: str = ""
    #: Whether nothing can be transcribed without it.
    essential: bool = False


def find_package(
    package: str, name: str, advice: str, *, module: str | None = None, essential: bool = False
) -> Finding:
    """Look for a Python package, and import it to see that its natively built parts load."""
    try:
        version = metadata.version(package)
    except metadata.PackageNotFoundError:
        return Finding(name, f"{package} is not installed", False, advice, essential)
    try:
        import_module(module or package)
        return Finding(name, f"{package} {version}", essential=essential)
    except Exception as error:  # a library built for another system may raise anything
        value = f"{package} does not load: {str(error).splitlines()[0]}"
        return Finding(name, value, False, advice, essential)
