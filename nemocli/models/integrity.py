"""Whether the files of a model are those that were written.

Small files are hashed whenever a model is opened. A large one is hashed the first time it is seen,
and again when its size or its times have changed; what was found is kept in the cache folder.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from nemocli.errors import ModelError, NemocliError
from nemocli.models.folder import MANIFEST, FileRecord, Manifest, parse_manifest
from nemocli.models.hub import parse_hub_model, source_name
from nemocli.models.hub_hash import has_hash, is_hash
from nemocli.models.paths import cache_folder, demo_folder
from nemocli.network.checkpoint import AnyCheckpoint, open_checkpoint
from nemocli.whole_file import write_whole_file

#: Bytes up to which a file is hashed at every opening: about ten milliseconds.
SMALL = 16_000_000

#: What an opened folder's files are checked against: size and hash by name.
Records = Mapping[str, FileRecord]


@dataclass(frozen=True)
class Damage:
    """A file that is not what was written, and what is wrong with it."""

    path: Path
    what: str

    def __str__(self) -> str:
        return f"{self.path} is {self.what}"


def check_folder(
    folder: Path, manifest: Manifest, progress: Callable[[str], None] | None = None
) -> None:
    """ModelError that names the first file of a model folder that is not what was written.

    `progress` is called before a large file is hashed.
    """
    _check(folder, manifest.files, "convert the checkpoint again", progress)


def check_checkpoint(
    checkpoint: AnyCheckpoint, progress: Callable[[str], None] | None = None
) -> None:
    """The same for a checkpoint whose hashes are known: the demo's, and the hub's in its cache."""
    advice = "get it again"
    hub = parse_hub_model(source_name(checkpoint.path))
    if hub is not None:
        advice = f"get it again with: {hub.pull_command}"
    _check(_folder_of(checkpoint.path), hub_records(checkpoint.path), advice, progress)
    if _is_damaged_demo(checkpoint):
        raise ModelError(f"The demo in {checkpoint.path} is damaged; install nemocli again.")


def find_damage(folder: Path, records: Records) -> Iterator[Damage]:
    """Every file that is not what was written: all are hashed, and nothing kept is believed."""
    forget(folder)
    for name, record in records.items():
        path = folder / name
        try:
            if not path.is_file():
                yield Damage(path, "missing")
            elif path.stat().st_size != record.bytes:
                yield Damage(path, "incomplete")
            elif not has_hash(path, record.sha256):
                yield Damage(path, "damaged")
        except OSError as error:
            yield Damage(path, f"not readable: {error.strerror}")


def find_changed(folder: Path, records: Records) -> set[str]:
    """The names of files that are not what was written, by what is known of large ones."""
    return set(_changed(folder, records, None))


def examine(model: Path) -> list[str]:
    """What is wrong with a model folder or a checkpoint, a sentence for each file: reads them all.

    Of a checkpoint outside the hub's cache no hashes are known; its tensors are looked at.
    """
    try:
        if (model / MANIFEST).is_file():
            records = parse_manifest(model).files
            found = [str(damage) for damage in find_damage(model, records)]
            return [f"{sentence}; convert the checkpoint again." for sentence in found]
        found = [f"{d}; get it again." for d in find_damage(_folder_of(model), hub_records(model))]
        if not found:
            checkpoint = open_checkpoint(model)
            check_checkpoint(checkpoint)
            checkpoint.tokenizer  # noqa: B018
            checkpoint.parameters.check()
    except ModelError as error:
        return [str(error)]
    return found


def hub_records(checkpoint: Path) -> Records:
    """What the hub's cache says of a checkpoint's files; nothing for one that lies elsewhere."""
    records = {}
    paths = checkpoint.iterdir() if checkpoint.is_dir() else iter([checkpoint])
    for path in sorted(paths):
        if not path.is_symlink() or not path.is_file():
            continue
        blob = Path(os.readlink(path))  # which may be a link itself, to what several models share
        if blob.parent.name == "blobs" and is_hash(blob.name):
            records[path.name] = FileRecord(path.stat().st_size, blob.name)
    return records


def forget(folder: Path) -> None:
    """Let the next opening hash every file again."""
    with suppress(OSError, NemocliError):
        _kept(folder).unlink(missing_ok=True)


def _check(
    folder: Path, records: Records, advice: str, progress: Callable[[str], None] | None
) -> None:
    changed = next(_changed(folder, records, progress), None)
    if changed is not None:
        raise ModelError(f"{folder / changed} is damaged; {advice}.")


def _changed(
    folder: Path, records: Records, progress: Callable[[str], None] | None
) -> Iterator[str]:
    """The names of files that are not what was written; ModelError for one nobody may read."""
    known, is_new = _known(folder), False
    for name, record in records.items():
        path = folder / name
        try:
            is_small = record.bytes <= SMALL
            seen: list[str | int] = [record.sha256, *_identity(path)]
            if not is_small and known.get(name) == seen:
                continue
            if not is_small and progress:
                progress(f"checking its files, once: {name}")
            if path.stat().st_size != record.bytes or not has_hash(path, record.sha256):
                forget(folder)
                yield name
                continue
        except OSError as error:
            raise ModelError(f"{path} cannot be read: {error.strerror}.") from None
        if not is_small:
            known[name], is_new = seen, True
    if is_new:
        _keep(folder, known)


def _identity(path: Path) -> list[int]:
    """What changes when a file is written, copied or replaced."""
    found = path.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def _known(folder: Path) -> dict[str, list[str | int]]:
    """The large files of a folder as they were when their hashes were right."""
    try:
        known = json.loads(_kept(folder).read_text(encoding="utf-8"))
    except (OSError, ValueError, NemocliError):
        return {}
    return known if isinstance(known, dict) else {}


def _keep(folder: Path, known: Mapping[str, list[str | int]]) -> None:
    with suppress(OSError, NemocliError):  # then they are hashed again the next time
        path = _kept(folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole_file(path, json.dumps(known))


def _kept(folder: Path) -> Path:
    name = hashlib.sha256(str(folder.resolve()).encode("utf-8", "surrogateescape")).hexdigest()
    return cache_folder() / "checked" / f"{name[:32]}.json"


def _folder_of(checkpoint: Path) -> Path:
    return checkpoint if checkpoint.is_dir() else checkpoint.parent


def _is_damaged_demo(checkpoint: AnyCheckpoint) -> bool:
    """Whether it is the demo, but not the one whose tokens come with nemocli."""
    try:
        folder = demo_folder()
        stored = (folder.parent / "clips" / "all-languages.tokens.json").read_text(encoding="utf-8")
        wanted = json.loads(stored)["checkpoint_sha256"]
    except (OSError, ModelError, ValueError, LookupError):
        return False
    return checkpoint.path.resolve() == folder.resolve() and bool(wanted != checkpoint.sha256)
