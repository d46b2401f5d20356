"""List the models on this machine, and remove them."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from nemocli.errors import ModelError, NemocliError, UsageError
from nemocli.models.bundle import describe_form, is_bundle, open_bundle
from nemocli.models.conversions import list_converted
from nemocli.models.downloads import PULLED_MARK, CachedCommit, list_incomplete, remove_revision
from nemocli.models.find import find_checkpoint
from nemocli.models.folder import MODEL_MANIFEST, Manifest, is_written_by_conversion, read_manifest
from nemocli.models.hub import (
    DEFAULT_DIARIZER,
    RELEASED_MODELS,
    HubModel,
    find_hub_cache,
    find_snapshot_checkpoint,
    list_commits,
    parse_hub_model,
)
from nemocli.models.paths import DEMO, DIARIZATION_DEMO, find_cache_folder, find_models_folder
from nemocli.network.architectures import ARCHITECTURES, DIARIZATION
from nemocli.removal import remove_tree
from nemocli.runtimes.kind import FolderKind
from nemocli.runtimes.kinds import KINDS
from nemocli.whole_file import is_abandoned, is_part

#: Forms of incomplete models.
INTERRUPTED_DOWNLOAD, INTERRUPTED_CONVERSION = "interrupted download", "interrupted conversion"

#: Forms of models that cannot be used.
DAMAGED, UNREADABLE = "damaged or outdated", "not readable"


@dataclass(frozen=True)
class ListedModel:
    """A model that can be used by its `name`, or files that only use disk space."""

    name: str
    #: `checkpoint`, or the kind and precision of a converted model, or why it cannot be used.
    form: str
    #: What a converted model was made from; empty for a checkpoint.
    source: str
    bytes: int
    path: Path
    #: Removes it from the disk, and returns what failed; None for what comes with nemocli.
    delete: Callable[[], list[OSError]] | None

    @property
    def is_leftover(self) -> bool:
        """Whether it has no name of a model: files that an interruption left."""
        interrupted = (INTERRUPTED_DOWNLOAD, INTERRUPTED_CONVERSION)
        return self.form in interrupted and self.name == str(self.path)


def list_models() -> list[ListedModel]:
    """Return the demos, downloads, converted models, and conversions in the cache, in this order.

    Raises ModelError if one of the folders may not be read.
    """
    found = [*_list_bundled(), *_list_downloads()]
    for folder in (find_models_folder(), find_cache_folder() / "converted"):
        for path, manifest in list_converted(folder):
            name = path.name if folder == find_models_folder() else str(path)
            found.append(_list_converted(name, path, manifest))
        found += _list_bundles(folder)
        found += _list_unusable(folder)
    return found


def find_listed(name: str) -> ListedModel:
    """Return the one model that a name means; a hub model's commit may be left out.

    Raises ModelError if no model has the name, UsageError if several have it.
    """
    models = list_models()
    same = [model for model in models if name in (model.name, str(model.path))]
    same = same or [model for model in models if _is_revision(model, name)]
    broken = find_models_folder() / name  # listed by its path
    same = same or [model for model in models if name == broken.name and model.path == broken]
    if not same:
        raise ModelError(f"There is no model {name!r} on this machine; see: nemocli models list")
    if len(same) > 1:
        names = ", ".join(model.name for model in same)
        raise UsageError(f"Several models are called {name}; choose one of {names}.")
    return same[0]


def remove(model: ListedModel) -> None:
    """Delete a model from the disk; UsageError for one that comes with nemocli.

    Raises NemocliError if anything of it could not be removed.
    """
    if model.delete is None:
        raise UsageError(f"The model {model.name} comes with nemocli and cannot be removed.")
    failed = model.delete()
    if failed:
        more = f", and {len(failed) - 1} more" if len(failed) > 1 else ""
        raise NemocliError(f"{failed[0].filename} cannot be removed: {failed[0].strerror}{more}.")


def measure_model(path: Path) -> int:
    """Return the bytes on disk of a model: a folder, or a .nemo archive."""
    return path.stat().st_size if path.is_file() else measure_folder(path)


def measure_folder(folder: Path) -> int:
    """Return the bytes of the files in a folder and its subfolders, targets of links included.

    What may not be read is left out.
    """
    size = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                found = os.stat(os.path.join(parent, name))
                size += found.st_size if stat.S_ISREG(found.st_mode) else 0
    return size


def _list_bundled() -> Iterator[ListedModel]:
    for name in (DEMO, DIARIZATION_DEMO):
        with suppress(ModelError):
            folder = find_checkpoint(name)
            yield ListedModel(name, "checkpoint", "", measure_folder(folder), folder, None)


def _list_downloads() -> Iterator[ListedModel]:
    """Yield models in the hub's cache that nemocli can run, or that it downloaded."""
    for folder in _list_entries(find_hub_cache()):
        if not fnmatch(folder.name, "models--*--*"):
            continue
        hub = parse_hub_model(folder.name.removeprefix("models--").replace("--", "/", 1))
        if hub is None:
            continue
        is_own = (folder / PULLED_MARK).exists() or hub.name in (*RELEASED_MODELS, DEFAULT_DIARIZER)
        partials = list_incomplete(hub)
        partial_bytes = sum(path.stat().st_size for path in partials)
        is_counted = False
        for snapshot in sorted(folder.glob("snapshots/*")):
            checkpoint, form = _look_at_snapshot(snapshot)
            if not (is_own or _is_supported(checkpoint or snapshot)):
                continue
            cached = CachedCommit(HubModel(hub.name, snapshot.name), snapshot.name)
            size = measure_folder(snapshot)
            if checkpoint is None:
                size, is_counted = size + partial_bytes, True
            delete = _make_deletion(cached)
            yield ListedModel(str(cached.model), form, "", size, checkpoint or snapshot, delete)
        if partials and not is_counted:
            yield _list_partials(hub, folder, partials, partial_bytes)


def _look_at_snapshot(snapshot: Path) -> tuple[Path | None, str]:
    """Return the checkpoint of a commit's folder, if it is complete, and the model's form."""
    try:
        checkpoint = find_snapshot_checkpoint(snapshot)
    except ModelError:
        return None, UNREADABLE
    if checkpoint is None:
        return None, INTERRUPTED_DOWNLOAD
    return checkpoint, describe_form(checkpoint) if is_bundle(checkpoint) else "checkpoint"


def _list_partials(
    hub: HubModel, folder: Path, partials: list[Path], partial_bytes: int
) -> ListedModel:
    """Return interrupted downloads of a model that has no incomplete commit to count them with."""
    if any(folder.glob("snapshots/*/*")):

        def delete() -> list[OSError]:
            return [error for path in partials for error in remove_tree(path)]

        return ListedModel(
            str(partials[0]), INTERRUPTED_DOWNLOAD, str(hub), partial_bytes, partials[0], delete
        )
    return ListedModel(
        str(hub), INTERRUPTED_DOWNLOAD, "", partial_bytes, folder, lambda: remove_tree(folder)
    )


def _list_bundles(folder: Path) -> Iterator[ListedModel]:
    """Yield the complete bundles in nemocli's folder of models."""
    for path in _list_entries(folder):
        with suppress(OSError, ModelError):
            if not is_part(path) and is_bundle(path) and not (path / MODEL_MANIFEST).is_file():
                yield _list_folder(path.name, describe_form(path), path)


def _list_unusable(folder: Path) -> Iterator[ListedModel]:
    """Yield conversions that cannot be used: damaged, of another version, or interrupted."""
    for path in _list_entries(folder):
        if is_part(path):
            if is_abandoned(path):
                yield _list_folder(str(path), INTERRUPTED_CONVERSION, path)
            continue
        try:
            if is_bundle(path):
                open_bundle(path)
            elif _was_model(path):
                read_manifest(path)
        except ModelError:
            yield _list_folder(str(path), DAMAGED, path)
        except OSError:
            yield _list_folder(str(path), UNREADABLE, path)


def _list_entries(folder: Path) -> list[Path]:
    """Return what is in one of nemocli's folders, sorted; ModelError if it may not be read."""
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise ModelError(f"The folder {folder} cannot be read: {error.strerror}.") from None


def _list_converted(name: str, path: Path, manifest: Manifest) -> ListedModel:
    """Return a converted model; what its runtime keeps in the cache counts, and goes with it."""

    def delete() -> list[OSError]:
        failed = remove_tree(path)
        if not failed:
            unused = set(_list_cached(manifest)).difference(*map(_list_cached, _read_manifests()))
            failed = [error for one in sorted(unused) for error in remove_tree(one)]
        return failed

    cached = map(measure_model, _list_cached(manifest))
    size = measure_folder(path) + sum(cached)
    form = f"{manifest.kind} {manifest.precision}"
    return ListedModel(name, form, manifest.source, size, path, delete)


def _list_cached(manifest: Manifest) -> list[Path]:
    kind = KINDS[manifest.kind]
    if not isinstance(kind, FolderKind):
        return []
    hashes = {name: record.sha256 for name, record in manifest.files.items()}
    return kind.list_cached(hashes, find_cache_folder())


def _read_manifests() -> list[Manifest]:
    """Read the manifests of all converted models."""
    folders = (find_models_folder(), find_cache_folder() / "converted")
    return [manifest for folder in folders for _, manifest in list_converted(folder)]


def _was_model(path: Path) -> bool:
    """Return whether a folder is or was a model; also one without manifest, or a broken link.

    Raises OSError if it may not be read.
    """
    if path.is_symlink() and not path.exists():
        return True
    names = os.listdir(path) if path.is_dir() else []
    if MODEL_MANIFEST in names:
        return True
    return bool(names) and all(map(is_written_by_conversion, names))


def _list_folder(name: str, form: str, path: Path, source: str = "") -> ListedModel:
    return ListedModel(name, form, source, measure_folder(path), path, lambda: remove_tree(path))


def _is_supported(path: Path) -> bool:
    """Return whether nemocli could run a checkpoint that another program downloaded."""
    if path.is_file():  # a .nemo archive may hold anything, but its file name tells enough
        return "nemotron" in path.name.lower()
    with suppress(OSError):
        if is_bundle(path):
            return True
        text = (path / "config.json").read_text(encoding="utf-8", errors="replace")
        return any(f'"{name}"' in text for name in (*ARCHITECTURES, DIARIZATION.name))
    return False


def _is_revision(model: ListedModel, name: str) -> bool:
    listed, named = parse_hub_model(model.name), parse_hub_model(name)
    if listed is None or named is None or listed.name != named.name:
        return False
    return named.revision is None or listed.revision in list_commits(named)


def _make_deletion(cached: CachedCommit) -> Callable[[], list[OSError]]:
    return lambda: remove_revision(cached)
