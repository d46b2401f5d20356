"""The cache of compiled packages: compiling takes seconds, and depends on the version of macOS."""

import hashlib
import json
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from nemocli.whole_file import write_whole, write_whole_file


class CompiledModels:
    """A folder of compiled packages (.mlmodelc), named by their content and the system's version.

    `system` is a version such as `15.5`. `compile_package` compiles a package (its first argument)
    to a path (the second).
    """

    def __init__(
        self, folder: Path, system: str, compile_package: Callable[[Path, Path], None]
    ) -> None:
        self._folder = folder
        self._system = system
        self._compile = compile_package

    def path(
        self, package: Path, hashes: Mapping[str, str], note_start: Callable[[], None]
    ) -> Path:
        """Return the compiled package; compile it, after a call of `note_start`, if it is missing.

        `hashes` are the SHA-256 of the package's files by name. An interruption leaves no entry.
        Other processes that need the same package wait until it is compiled.
        """
        content = compute_content_key(hashes)
        target = self._folder / f"{content}-macos{self._system}.mlmodelc"
        if _is_whole(target):
            return target
        self._folder.mkdir(parents=True, exist_ok=True)
        with _hold_lock(self._folder / "lock"):
            if not _is_whole(target):
                note_start()
                shutil.rmtree(target, ignore_errors=True)  # damaged
                self._make(package, target)
                for old in self._folder.glob(f"{content}-*.mlmodelc"):
                    if old != target:  # made before an update of the system
                        shutil.rmtree(old)
                        _name_list(old).unlink(missing_ok=True)
        return target

    def _make(self, package: Path, target: Path) -> None:
        # One name for all processes: only one compiles at a time, and what a killed one left goes.
        with write_whole(target, self._folder / "partial.mlmodelc") as part:
            self._compile(package, part)
            write_whole_file(_name_list(target), json.dumps(_list_files(part)))


def _is_whole(compiled: Path) -> bool:
    """Tell whether every file is as the compiler left it, by size and time; more may be there."""
    try:
        listed = json.loads(_name_list(compiled).read_text(encoding="utf-8"))
        found = _list_files(compiled)
        return compiled.is_dir() and all(found.get(name) == seen for name, seen in listed.items())
    except (OSError, ValueError, AttributeError):
        return False


def _name_list(compiled: Path) -> Path:
    """Return the path of the list of a compiled package's files: beside it, not in it."""
    return compiled.with_suffix(".json")


def _list_files(folder: Path) -> dict[str, list[int]]:
    """Return size and time of modification of each file, by its path in the folder."""
    seen = {path: path.stat() for path in folder.rglob("*") if path.is_file()}
    return {
        path.relative_to(folder).as_posix(): [found.st_size, found.st_mtime_ns]
        for path, found in seen.items()
    }


def find_compiled(folder: Path, hashes: Mapping[str, str]) -> list[Path]:
    """Return the compiled forms of a model folder's packages, and the lists of their files.

    `hashes` are the SHA-256 of the model folder's files by name.
    """
    packages: dict[str, dict[str, str]] = defaultdict(dict)
    for name, digest in hashes.items():
        packages[name.partition("/")[0]][name] = digest
    keys = map(compute_content_key, packages.values())
    return [path for key in keys for path in sorted(folder.glob(f"{key}-macos*"))]


def check_package(package: Path, hashes: Mapping[str, str]) -> None:
    """Raise ValueError unless a package has exactly these files, by name, with these hashes.

    A compiled package is kept under the hashes, for every package that has the same.
    """
    paths = [path for path in package.rglob("*") if path.is_symlink() or not path.is_dir()]
    names = {path.relative_to(package.parent).as_posix() for path in paths}
    if names != set(hashes) or not all(path.is_file() for path in paths):
        raise ValueError("it has other files than its manifest says")
    for name, digest in hashes.items():
        with (package.parent / name).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                raise ValueError(f"{name} is damaged")


def compute_content_key(hashes: Mapping[str, str]) -> str:
    """Compute a short hash over the hashes of a package's files."""
    lines = "".join(f"{name} {digest}\n" for name, digest in sorted(hashes.items()))
    return hashlib.sha256(lines.encode()).hexdigest()[:32]


@contextmanager
def _hold_lock(path: Path) -> Iterator[None]:
    """Hold a lock that also ends with the process."""
    import fcntl  # here, because Windows does not have it

    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
