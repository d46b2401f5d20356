"""Files of the hub's cache: put downloaded ones in place, and remove what is left of downloads.

huggingface_hub keeps a file among the `blobs` under its hash, and links to it from the folder of
each commit. On a disk without links, that folder has the file itself, and `blobs` has not.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from nemocli.models.fetch import RemoteFile, measure_file
from nemocli.models.folder import FileRecord
from nemocli.models.hub import HubModel
from nemocli.models.hub_hash import has_hash, is_hash
from nemocli.models.hub_records import choose_records_path, keep_hub_records
from nemocli.removal import remove_tree

#: Ends the name of a file whose download by nemocli was interrupted.
INCOMPLETE_SUFFIX = ".nemocli.incomplete"

#: Empty file in the folder of a model that nemocli downloaded: such a model is always listed.
PULLED_MARK = "nemocli-pulled"


@dataclass(frozen=True)
class CachedCommit:
    """The files of one commit of a model in the hub's cache."""

    model: HubModel
    commit: str

    @property
    def snapshot(self) -> Path:
        return self.model.folder / "snapshots" / self.commit

    @property
    def blobs(self) -> Path:
        return self.model.folder / "blobs"

    def locate(self, file: RemoteFile) -> Path:
        """Return the path where programs that use the cache look for a file."""
        return self.snapshot / file.name

    def locate_partial(self, file: RemoteFile) -> Path:
        """Return the path of a file that is only partly downloaded."""
        return self.blobs / f"{file.etag}{INCOMPLETE_SUFFIX}"

    def locate_lock(self, file: RemoteFile) -> Path:
        """Return the path of the lock that huggingface_hub takes for the same file."""
        folder = self.model.folder
        return folder.parent / ".locks" / folder.name / f"{file.etag}.lock"

    def prepare(self) -> None:
        """Make the folders, and mark the model as nemocli's. Raises OSError."""
        self.blobs.mkdir(parents=True, exist_ok=True)
        self.snapshot.mkdir(parents=True, exist_ok=True)
        (self.model.folder / PULLED_MARK).touch()

    def reuse(self, file: RemoteFile) -> bool:
        """Put a file in place that another commit has too; return False if none has it in full."""
        blob = self.blobs / file.etag
        if blob.exists():
            if measure_file(blob) != file.size or not has_hash(blob, file.etag):
                blob.unlink()
                return False
            self._link(blob, file)
            return True
        for snapshot in self.model.folder.glob("snapshots/*"):
            path = snapshot / file.name
            same = not path.is_symlink() and path.is_file()
            if same and measure_file(path) == file.size and has_hash(path, file.etag):
                self.locate(file).parent.mkdir(parents=True, exist_ok=True)
                _link_or_copy(path, self.locate(file))
                return True
        return False

    def add(self, file: RemoteFile) -> None:
        """Put a completely downloaded file in its place. Raises OSError."""
        blob = self.blobs / file.etag
        self.locate_partial(file).replace(blob)
        self._link(blob, file)

    def discard(self, file: RemoteFile) -> None:
        """Remove a damaged file; keep the beginning of an incomplete one, to resume it.

        Raises OSError.
        """
        for path in (self.locate(file), self.blobs / file.etag):
            is_beginning = (
                path.is_file() and not path.is_symlink() and measure_file(path) < file.size
            )
            if is_beginning and not self.locate_partial(file).exists():
                self.blobs.mkdir(parents=True, exist_ok=True)
                path.replace(self.locate_partial(file))
            else:
                path.unlink(missing_ok=True)

    def remember(self, revision: str) -> None:
        """Record the commit of a branch or a tag. Raises OSError."""
        reference = self.model.folder / "refs" / revision
        reference.parent.mkdir(parents=True, exist_ok=True)
        if not reference.is_file() or reference.read_text(encoding="ascii") != self.commit:
            reference.write_text(self.commit, encoding="ascii")

    def keep_records(self, files: Sequence[RemoteFile]) -> None:
        """Keep the hashes of files that are in place, where no link tells them. Raises OSError."""
        records = {file.name: FileRecord(file.size, file.etag) for file in files}
        keep_hub_records(self.snapshot, records)

    def _link(self, blob: Path, file: RemoteFile) -> None:
        path = self.locate(file)
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            path.unlink()
        try:
            if not _may_link():
                raise OSError
            path.symlink_to(os.path.relpath(blob, path.parent))
        except OSError:  # a disk, or a system, without links
            blob.replace(path)


def remove_new(cached: CachedCommit, files: Sequence[RemoteFile]) -> None:
    """Remove files that were just put in place, and the folders that are empty without them."""
    for file in files:
        for path in (cached.locate(file), cached.blobs / file.etag, cached.locate_partial(file)):
            path.unlink(missing_ok=True)
        _remove_empty(cached.locate(file).parent, cached.snapshot)
    folder = cached.model.folder
    if not any(cached.snapshot.glob("*")):
        with suppress(OSError):
            cached.snapshot.rmdir()
            choose_records_path(cached.snapshot).unlink(missing_ok=True)
            (folder / "snapshots").rmdir()
            (folder / PULLED_MARK).unlink()
            (folder / "blobs").rmdir()
            folder.rmdir()


def _remove_empty(folder: Path, stop: Path) -> None:
    """Remove a folder inside `stop` if it is empty, and those above it that are empty then."""
    with suppress(OSError):  # not empty, or not there
        while folder != stop:
            folder.rmdir()
            folder = folder.parent


def list_incomplete(model: HubModel) -> list[Path]:
    """Return the files that interrupted downloads of a model left; they can be resumed."""
    return sorted(model.folder.glob(f"blobs/*{INCOMPLETE_SUFFIX}"))


def remove_revision(cached: CachedCommit) -> list[OSError]:
    """Remove a commit from the cache, and with the last one the whole model; return what failed.

    Blobs that another commit uses are kept. Links that lead out of the model's folder are
    removed, but not their targets.
    """
    folder = cached.model.folder
    snapshots = folder / "snapshots"
    others = [path for path in snapshots.glob("*") if path.name != cached.commit]
    if not others:
        return [*remove_tree(folder), *remove_tree(folder.parent / ".locks" / folder.name)]
    kept = {blob for other in others for blob in _list_blobs(other)}
    unused = [blob for blob in _list_blobs(cached.snapshot) if blob not in kept]
    failed = remove_tree(cached.snapshot)
    rest = (*unused, *_list_references(folder, cached.commit), *list_incomplete(cached.model))
    for path in (*rest, choose_records_path(cached.snapshot)):
        failed += remove_tree(path)
    return failed


def _list_blobs(snapshot: Path) -> Iterator[Path]:
    """Yield the paths of the blobs that a commit's links lead to."""
    for path in snapshot.rglob("*"):
        if path.is_symlink():
            blob = Path(os.path.normpath(path.parent / os.readlink(path)))
            if blob.parent.name == "blobs" and is_hash(blob.name):
                yield blob


def _list_references(folder: Path, commit: str) -> Iterator[Path]:
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
