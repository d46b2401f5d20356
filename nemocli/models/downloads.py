"""What was downloaded into the hub's cache: files put in place, and what is left of downloads.

huggingface_hub keeps a file among the `blobs` under its hash, and links to it from the folder of
each commit. Where there are no links, the file itself lies there, and only there.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from nemocli.models.fetch import RemoteFile, size_of
from nemocli.models.hub import HubModel
from nemocli.models.hub_hash import has_hash, is_hash
from nemocli.removal import remove_tree

#: Ends the name of a file whose download by nemocli was interrupted.
INCOMPLETE = ".nemocli.incomplete"

#: Lies in the folder of a model that nemocli downloaded: so it is listed, whatever is in it.
MARK = "nemocli-pulled"


@dataclass(frozen=True)
class Place:
    """Where the files of one commit of a model lie in the hub's cache."""

    model: HubModel
    commit: str

    @property
    def snapshot(self) -> Path:
        return self.model.folder / "snapshots" / self.commit

    @property
    def blobs(self) -> Path:
        return self.model.folder / "blobs"

    def path(self, file: RemoteFile) -> Path:
        """Where a program that uses the cache looks for a file."""
        return self.snapshot / file.name

    def partial(self, file: RemoteFile) -> Path:
        """What has come of a file as long as it is not all."""
        return self.blobs / f"{file.etag}{INCOMPLETE}"

    def lock(self, file: RemoteFile) -> Path:
        """The lock that huggingface_hub takes for the same file."""
        folder = self.model.folder
        return folder.parent / ".locks" / folder.name / f"{file.etag}.lock"

    def prepare(self) -> None:
        """Make the folders, and mark the model as nemocli's. Raises OSError."""
        self.blobs.mkdir(parents=True, exist_ok=True)
        self.snapshot.mkdir(parents=True, exist_ok=True)
        (self.model.folder / MARK).touch()

    def find(self, file: RemoteFile) -> bool:
        """Put a file in place that another commit has too; False if none has it whole."""
        blob = self.blobs / file.etag
        if blob.exists():
            if size_of(blob) != file.size or not has_hash(blob, file.etag):
                blob.unlink()
                return False
            self._link(blob, file)
            return True
        for path in self.model.folder.glob("snapshots/*/*"):
            same = path.name == file.name and not path.is_symlink() and path.is_file()
            if same and size_of(path) == file.size and has_hash(path, file.etag):
                _link_or_copy(path, self.path(file))
                return True
        return False

    def add(self, file: RemoteFile) -> None:
        """Put what has come in full where it belongs. Raises OSError."""
        blob = self.blobs / file.etag
        self.partial(file).replace(blob)
        self._link(blob, file)

    def discard(self, file: RemoteFile) -> None:
        """Remove a file that is not what it should be; the beginning of one is kept, to go on with.

        Raises OSError.
        """
        for path in (self.path(file), self.blobs / file.etag):
            is_beginning = path.is_file() and not path.is_symlink() and size_of(path) < file.size
            if is_beginning and not self.partial(file).exists():
                self.blobs.mkdir(parents=True, exist_ok=True)
                path.replace(self.partial(file))
            else:
                path.unlink(missing_ok=True)

    def remember(self, revision: str) -> None:
        """Keep which commit a branch or a tag has. Raises OSError."""
        reference = self.model.folder / "refs" / revision
        reference.parent.mkdir(parents=True, exist_ok=True)
        if not reference.is_file() or reference.read_text(encoding="ascii") != self.commit:
            reference.write_text(self.commit, encoding="ascii")

    def _link(self, blob: Path, file: RemoteFile) -> None:
        path = self.path(file)
        with suppress(FileNotFoundError):
            path.unlink()
        try:
            if not _may_link():
                raise OSError
            path.symlink_to(os.path.relpath(blob, path.parent))
        except OSError:  # a disk, or a system, without links
            blob.replace(path)


def remove_new(place: Place, files: Sequence[RemoteFile]) -> None:
    """Remove files that were just put in place, and the folders that are empty without them."""
    for file in files:
        for path in (place.path(file), place.blobs / file.etag, place.partial(file)):
            path.unlink(missing_ok=True)
    folder = place.model.folder
    if not any(place.snapshot.glob("*")):
        with suppress(OSError):
            place.snapshot.rmdir()
            (folder / "snapshots").rmdir()
            (folder / MARK).unlink()
            (folder / "blobs").rmdir()
            folder.rmdir()


def incomplete_files(model: HubModel) -> list[Path]:
    """What interrupted downloads of a model left, to be gone on with."""
    return sorted(model.folder.glob(f"blobs/*{INCOMPLETE}"))


def remove_revision(place: Place) -> list[OSError]:
    """Remove a commit from the cache, and with the last one all of the model; what failed.

    Blobs go unless another commit has them. Links are removed, and not what they lead to, outside
    the model's folder.
    """
    folder = place.model.folder
    snapshots = folder / "snapshots"
    others = [path for path in snapshots.glob("*") if path.name != place.commit]
    if not others:
        return [*remove_tree(folder), *remove_tree(folder.parent / ".locks" / folder.name)]
    kept = {blob for other in others for blob in _blobs_of(other)}
    goes = [blob for blob in _blobs_of(place.snapshot) if blob not in kept]
    failed = remove_tree(place.snapshot)
    rest = (*goes, *_references_to(folder, place.commit), *incomplete_files(place.model))
    for path in rest:
        failed += remove_tree(path)
    return failed


def _blobs_of(snapshot: Path) -> Iterator[Path]:
    """The blobs that a commit's links lead to, as they are named there."""
    for path in snapshot.rglob("*"):
        if path.is_symlink():
            blob = Path(os.path.normpath(path.parent / os.readlink(path)))
            if blob.parent.name == "blobs" and is_hash(blob.name):
                yield blob


def _references_to(folder: Path, commit: str) -> Iterator[Path]:
    for path in sorted(folder.glob("refs/**/*")):
        with suppress(OSError):
            if path.is_file() and path.read_text(errors="replace").strip() == commit:
                yield path


def _may_link() -> bool:
    from huggingface_hub import constants

    return not getattr(constants, "HF_HUB_DISABLE_SYMLINKS", False)


def _link_or_copy(path: Path, other: Path) -> None:
    """Let one file be in two places, stored once if the disk can do that."""
    other.unlink(missing_ok=True)
    try:
        os.link(path, other)
    except OSError:
        shutil.copyfile(path, other)
