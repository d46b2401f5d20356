"""Compiled packages, kept: compiling takes seconds, and depends on the version of macOS."""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from nemocli.whole_file import written_whole


class CompiledModels:
    """A folder of compiled packages (.mlmodelc), by their content and the system's version.

    `system` is such as `15.5`; `compile_package` writes what it makes of a package to a path.
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
        """The compiled package, made now if it is not there; then `note_start` is called before.

        `hashes` are the SHA-256 of the package's files by name. An interruption leaves no entry;
        a process that wants the same package waits for the one that compiles it.
        """
        content = content_key(hashes)
        target = self._folder / f"{content}-macos{self._system}.mlmodelc"
        if target.is_dir():
            return target
        self._folder.mkdir(parents=True, exist_ok=True)
        with _hold_lock(self._folder / "lock"):
            if not target.is_dir():
                note_start()
                self._make(package, target)
                for old in self._folder.glob(f"{content}-*"):
                    if old != target:  # made by a system that has been updated since
                        shutil.rmtree(old)
        return target

    def _make(self, package: Path, target: Path) -> None:
        # One name for all processes, since they take turns: what one that was killed left goes.
        with written_whole(target, self._folder / "partial.mlmodelc") as part:
            self._compile(package, part)


def check_package(package: Path, hashes: Mapping[str, str]) -> None:
    """ValueError if a package is not made of these files, by name below its folder, and no others.

    What is compiled is kept under their hashes, for any package that has the same.
    """
    paths = [path for path in package.rglob("*") if path.is_symlink() or not path.is_dir()]
    names = {path.relative_to(package.parent).as_posix() for path in paths}
    if names != set(hashes) or not all(path.is_file() for path in paths):
        raise ValueError("it has other files than its manifest says")
    for name, digest in hashes.items():
        with (package.parent / name).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                raise ValueError(f"{name} is damaged")


def content_key(hashes: Mapping[str, str]) -> str:
    """One short hash over the hashes of a package's files."""
    lines = "".join(f"{name} {digest}\n" for name, digest in sorted(hashes.items()))
    return hashlib.sha256(lines.encode()).hexdigest()[:32]


@contextmanager
def _hold_lock(path: Path) -> Iterator[None]:
    """Hold a lock that ends with the process, if not before."""
    import fcntl  # which only the systems have that could have Core ML

    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
