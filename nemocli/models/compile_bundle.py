"""Compile the halves of a bundle's conformer ahead of time, and put them into the bundle."""

from collections.abc import Callable, Iterator
from pathlib import Path

from nemocli.errors import NemocliError
from nemocli.models.bundle import open_bundle
from nemocli.models.conversion_place import explain_place
from nemocli.removal import remove_tree
from nemocli.runtimes.coreai.ahead_of_time import (
    choose_half,
    compile_package,
    is_compiled,
    name_compiled,
)
from nemocli.runtimes.coreai.bundle import HALVES, IOS
from nemocli.whole_file import name_part, remove_abandoned, write_whole


def compile_bundle(
    path: Path,
    architectures: list[str],
    progress: Callable[[str, int, int], None],
) -> list[Path]:
    """Compile both halves of a bundle for each architecture; return those that were new.

    Those for iPhones go into `ios`, those for Macs into `macos`. What is there already and is not
    damaged stays. `progress` is called before each with its name, its number, and how many there
    are. Raises NemocliError if the compiler failed; what was compiled before is kept.
    """
    new = []
    jobs = list(_list_jobs(path, architectures))
    for number, (package, architecture, target) in enumerate(jobs, 1):
        if is_compiled(target):
            continue
        progress(target.name, number, len(jobs))
        try:
            _compile(package, architecture, target)
        except OSError as error:
            raise explain_place(path, error) from None
        except NemocliError as error:
            raise NemocliError(f"{error} The rest of {path} is complete.") from None
        new.append(target)
    return new


def has_compiled(path: Path) -> bool:
    """Tell whether a bundle's half for iPhones has compiled packages."""
    return next((path / IOS).glob("*.aimodelc"), None) is not None


def _list_jobs(path: Path, architectures: list[str]) -> Iterator[tuple[Path, str, Path]]:
    """Yield package, architecture, and the place of what is compiled."""
    bundle = open_bundle(path)
    for architecture in architectures:
        folder = path / choose_half(architecture)
        for graph in HALVES:
            package = bundle.get_package_path(graph)
            yield package, architecture, folder / name_compiled(package, architecture)


def _compile(package: Path, architecture: str, target: Path) -> None:
    """Compile a package in a folder beside its place, and move it there when it is checked."""
    remove_abandoned(target)
    with write_whole(target, name_part(target)) as part:
        work = name_part(target, ".work")
        work.mkdir()
        try:
            compile_package(package, work, architecture).rename(part)
        finally:
            remove_tree(work)
