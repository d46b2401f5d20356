"""Check that the files of a model are as they were written.

Small files are hashed whenever a model is opened. A large one is hashed the first time it is seen,
and again when its size or its times have changed; the result is kept in the cache folder.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from nemocli.errors import ModelError, NemocliError, UnsupportedError
from nemocli.models.bundle import (
    advise_on,
    is_bundle,
    open_bundle,
    read_bundle_tokenizer,
    record_bundle,
)
from nemocli.models.demo_integrity import explain_damaged_demo, is_damaged_demo, is_demo
from nemocli.models.folder import (
    MODEL_MANIFEST,
    Manifest,
    explain_no_manifest,
    lacks_manifest,
    parse_manifest,
)
from nemocli.models.hub import describe_source, parse_hub_model
from nemocli.models.hub_hash import has_hash
from nemocli.models.hub_records import Records, read_hub_records
from nemocli.models.paths import find_cache_folder
from nemocli.network.diarizer_checkpoint import (
    DiarizerCheckpoint,
    SomeCheckpoint,
    open_some_checkpoint,
)
from nemocli.runtimes.coreai.bundle_sizes import read_config
from nemocli.whole_file import write_whole_file

#: Files up to this many bytes are hashed whenever a model is opened, in about ten milliseconds.
MAX_SMALL_BYTES = 16_000_000


@dataclass(frozen=True)
class Damage:
    """A file that changed since it was written, and what is wrong with it."""

    path: Path
    what: str

    def __str__(self) -> str:
        return f"{self.path} is {self.what}"


def check_folder(
    folder: Path, manifest: Manifest, progress: Callable[[str], None] | None = None
) -> None:
    """Raise ModelError for the first file of a model folder that changed since it was written.

    `progress` is called before a large file is hashed.
    """
    check_files(folder, manifest.files, advise_on(folder), progress)


def check_checkpoint(
    checkpoint: SomeCheckpoint, progress: Callable[[str], None] | None = None
) -> None:
    """Raise ModelError for a damaged checkpoint, if its hashes are known.

    They are known for the demos and for the hub's cache. `progress` is called before a large file
    is hashed.
    """
    path = checkpoint.path
    check_files(_choose_folder(path), read_hub_records(path), _advise(path), progress)
    if is_damaged_demo(checkpoint):
        raise explain_damaged_demo(path)


@contextmanager
def explain_damage(path: Path) -> Iterator[None]:
    """Replace a ModelError of the block, which opens a checkpoint, if the file is damaged.

    What cannot be opened says what is wrong with it, but not how to get the demo, or a model of
    the hub, again.
    """
    try:
        yield
    except ModelError as error:
        if isinstance(error.__context__, PermissionError):
            raise
        check_files(_choose_folder(path), read_hub_records(path), _advise(path))
        if is_demo(path) and not _can_be_opened(path):
            raise explain_damaged_demo(path) from None
        raise


def _can_be_opened(path: Path) -> bool:
    """Return whether a checkpoint can be opened, if as one of the other kind."""
    with suppress(ModelError):
        open_some_checkpoint(path)
        return True
    return False


def find_damage(folder: Path, records: Records) -> Iterator[Damage]:
    """Yield every file that changed since it was written; all are hashed again."""
    forget_hashes(folder)
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
    """Return the names of changed files; unchanged large files are not hashed again."""
    return set(_find_changed(folder, records, None))


def describe_damage(model: Path) -> list[str]:
    """Read all files of a model folder or a checkpoint; return a sentence for each damaged one.

    The hashes of a checkpoint outside the hub's cache are unknown; its tensors are checked. Of a
    bundle, it is also checked whether its graphs and its tokenizer fit each other.
    """
    try:
        if (model / MODEL_MANIFEST).is_file():
            damages = find_damage(model, parse_manifest(model).files)
            return [f"{damage}; {advise_on(model)}" for damage in damages]
        if is_bundle(model):
            records = {**read_hub_records(model), **record_bundle(model)}
            damages = find_damage(model, records)
            found = [f"{damage}; {advise_on(model)}" for damage in damages]
            if not found:
                with suppress(UnsupportedError):  # without Core AI, their hashes are all there is
                    read_bundle_tokenizer(model, read_config(open_bundle(model)))
            return found
        if lacks_manifest(model):
            raise explain_no_manifest(model)
        damages = find_damage(_choose_folder(model), read_hub_records(model))
        found = [f"{damage}; {_advise(model)}" for damage in damages]
        if not found:
            with explain_damage(model):
                checkpoint = open_some_checkpoint(model)
            check_checkpoint(checkpoint)
            if not isinstance(checkpoint, DiarizerCheckpoint):
                checkpoint.tokenizer  # noqa: B018
            checkpoint.parameters.check()
    except ModelError as error:
        return [str(error)]
    except OSError as error:
        return [f"{error.filename or model} cannot be read: {error.strerror}."]
    return found


def _advise(checkpoint: Path) -> str:
    """Return how to get a checkpoint again: the end of a sentence."""
    hub = parse_hub_model(describe_source(checkpoint))
    return "get it again." if hub is None else f"get it again with: {hub.pull_command}"


def forget_hashes(folder: Path) -> None:
    """Forget a folder's known hashes, so that every file is hashed again at its next opening."""
    with suppress(OSError, NemocliError):
        _choose_known_path(folder).unlink(missing_ok=True)


def check_files(
    folder: Path, records: Records, advice: str, progress: Callable[[str], None] | None = None
) -> None:
    """Raise ModelError for the first file that changed since it was recorded.

    `advice` ends the sentence. `progress` is called before a large file is hashed.
    """
    changed = next(_find_changed(folder, records, progress), None)
    if changed is not None:
        raise ModelError(f"{folder / changed} is damaged; {advice}")


def _find_changed(
    folder: Path, records: Records, progress: Callable[[str], None] | None
) -> Iterator[str]:
    """Yield the names of changed files; ModelError for one that cannot be read."""
    known, is_new = _read_known(folder), False
    for name, record in records.items():
        path = folder / name
        try:
            is_small = record.bytes <= MAX_SMALL_BYTES
            seen: list[str | int] = [record.sha256, *_read_identity(path)]
            if not is_small and known.get(name) == seen:
                continue
            if not is_small and progress:
                progress(f"checking its files, once: {name}")
            if path.stat().st_size != record.bytes or not has_hash(path, record.sha256):
                forget_hashes(folder)
                yield name
                continue
        except OSError as error:
            raise ModelError(f"{path} cannot be read: {error.strerror}.") from None
        if not is_small:
            known[name], is_new = seen, True
    if is_new:
        _write_known(folder, known)


def _read_identity(path: Path) -> list[int]:
    """Return numbers that change when a file is written, copied or replaced."""
    found = path.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def _read_known(folder: Path) -> dict[str, list[str | int]]:
    """Return hash and identity of a folder's large files, by name, from when they were right."""
    try:
        known = json.loads(_choose_known_path(folder).read_text(encoding="utf-8"))
    except (OSError, ValueError, NemocliError):
        return {}
    return known if isinstance(known, dict) else {}


def _write_known(folder: Path, known: Mapping[str, list[str | int]]) -> None:
    with suppress(OSError, NemocliError):  # then they are hashed again the next time
        path = _choose_known_path(folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole_file(path, json.dumps(known))


def _choose_known_path(folder: Path) -> Path:
    name = hashlib.sha256(str(folder.resolve()).encode("utf-8", "surrogateescape")).hexdigest()
    return find_cache_folder() / "checked" / f"{name[:32]}.json"


def _choose_folder(checkpoint: Path) -> Path:
    return checkpoint if checkpoint.is_dir() else checkpoint.parent
