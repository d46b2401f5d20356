"""Sizes and hashes of the files of a download in the hub's cache.

Where the cache has links, a file's hash is the name of the blob that it leads to. On a disk without
links, nemocli keeps the hashes that the hub announced in a file beside the folder of the commits.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from nemocli.models.folder import FileRecord
from nemocli.models.hub_hash import is_hash
from nemocli.runtimes.coreai.bundle import find_bundle
from nemocli.whole_file import write_whole_file

#: Expected size and hash of each file, by name.
Records = Mapping[str, FileRecord]


def choose_records_path(snapshot: Path) -> Path:
    """Return the path of the file that keeps the hashes of a commit's files without links."""
    return snapshot.parents[1] / f"nemocli-{snapshot.name}.json"


def keep_hub_records(snapshot: Path, records: Records) -> None:
    """Keep size and hash of those files of a commit that are no links. Raises OSError."""
    plain = {
        name: [record.bytes, record.sha256]
        for name, record in records.items()
        if not (snapshot / name).is_symlink()
    }
    if plain and plain != _read_kept(snapshot):
        write_whole_file(choose_records_path(snapshot), json.dumps(plain, indent=1) + "\n")


def read_hub_records(checkpoint: Path) -> Records:
    """Return size and hash of a checkpoint's files in the hub's cache; empty for others.

    `checkpoint` is the folder of a commit, or an archive in it.
    """
    snapshot = checkpoint if checkpoint.is_dir() else checkpoint.parent
    kept = _read_kept(snapshot)
    records = {}
    for path in list_model_files(checkpoint):
        name = path.relative_to(snapshot).as_posix()
        if not path.is_symlink():
            if name in kept:
                records[name] = FileRecord(*kept[name])
            continue
        blob = Path(os.readlink(path))  # may be a link itself, to a file that several models share
        if blob.parent.name == "blobs" and is_hash(blob.name):
            records[name] = FileRecord(path.stat().st_size, blob.name)
    return records


def list_model_files(model: Path) -> list[Path]:
    """Return the files of a checkpoint or a bundle, sorted, without other folders' files."""
    if not model.is_dir():
        return [model] if model.is_file() else []
    files = [path for path in model.iterdir() if path.is_file()]
    if bundle := find_bundle(model):
        files += [path for path in bundle.files if path.is_file()]
    return sorted(set(files))


def _read_kept(snapshot: Path) -> dict[str, list[Any]]:
    """Return size and hash of a commit's files by name; empty if none are kept, or not readable."""
    if snapshot.absolute().parent.name != "snapshots":
        return {}
    with suppress(OSError, ValueError, TypeError, AttributeError, RecursionError):
        kept = json.loads(choose_records_path(snapshot.absolute()).read_text(encoding="utf-8"))
        if all(type(size) is int and is_hash(etag) for size, etag in kept.values()):
            return dict(kept)
    return {}
