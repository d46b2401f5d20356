"""The models on this machine: to be listed, and to be removed."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nemocli.errors import ModelError, NemocliError, UsageError
from nemocli.models.find import list_converted
from nemocli.models.folder import MANIFEST, read_manifest
from nemocli.models.hub import HubModel, hub_cache, incomplete_files, list_pulled, parse_hub_model
from nemocli.models.paths import DEMO, cache_folder, demo_folder, models_folder


@dataclass(frozen=True)
class Listed:
    """A model that can be given by `name`."""

    name: str
    #: `checkpoint`, or the kind and precision of a converted model.
    form: str
    #: What a converted model was made from; empty for a checkpoint.
    source: str
    bytes: int
    path: Path
    #: Removes it from the disk; None for what comes with nemocli.
    delete: Callable[[], None] | None


def list_models() -> list[Listed]:
    """The bundled demo, downloads, converted models, and conversions in the cache."""
    found = list(_bundled())
    for hub, checkpoint in list_pulled():
        snapshot = checkpoint if checkpoint.is_dir() else checkpoint.parent
        delete = _deletes_revision(hub)
        found.append(Listed(str(hub), "checkpoint", "", folder_bytes(snapshot), checkpoint, delete))
    found += _interrupted()
    for folder in (models_folder(), cache_folder() / "converted"):
        for path, manifest in list_converted(folder):
            form = f"{manifest.kind} {manifest.precision}"
            name = path.name if folder == models_folder() else str(path)
            size = folder_bytes(path)
            found.append(Listed(name, form, manifest.source, size, path, _deletes_folder(path)))
        found += _unusable(folder)
    return found


def find_listed(name: str) -> Listed:
    """The one model that a name means; a hub model's commit may be left out.

    Raises ModelError if there is none, UsageError if there are several.
    """
    models = list_models()
    same = [model for model in models if name in (model.name, str(model.path))]
    same = same or [model for model in models if _is_revision(model, name)]
    if not same:
        raise ModelError(f"There is no model {name!r} on this machine; see: nemocli models list")
    if len(same) > 1:
        names = ", ".join(model.name for model in same)
        raise UsageError(f"Several models are called {name}; choose one of {names}.")
    return same[0]


def remove(model: Listed) -> None:
    """Delete a model from the disk; UsageError for one that comes with nemocli."""
    if model.delete is None:
        raise UsageError(f"The model {model.name} comes with nemocli and cannot be removed.")
    try:
        model.delete()
    except OSError as error:
        raise NemocliError(f"{model.path} cannot be removed: {error.strerror}.") from None


def model_bytes(path: Path) -> int:
    """Bytes of a model on disk: a folder, or a .nemo archive."""
    return path.stat().st_size if path.is_file() else folder_bytes(path)


def folder_bytes(folder: Path) -> int:
    """Bytes of the files in a folder and its subfolders; what links lead to is counted."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _bundled() -> Iterator[Listed]:
    try:
        folder = demo_folder()
    except ModelError:
        return
    yield Listed(DEMO, "checkpoint", "", folder_bytes(folder), folder, None)


def _interrupted() -> Iterator[Listed]:
    """Downloads of which nothing but incomplete files is there."""
    for folder in sorted(hub_cache().glob("models--*--*")):
        hub = parse_hub_model(folder.name.removeprefix("models--").replace("--", "/", 1))
        partials = incomplete_files(hub) if hub else []
        if hub and partials and not any(folder.glob("snapshots/*/*")):
            size = sum(path.stat().st_size for path in partials)
            yield Listed(
                str(hub), "interrupted download", "", size, folder, _deletes_folder(folder)
            )


def _unusable(folder: Path) -> Iterator[Listed]:
    """Conversions that are damaged or of another version, which only take up room."""
    for manifest in sorted(folder.glob(f"*/{MANIFEST}")):
        path = manifest.parent
        try:
            read_manifest(path)
        except ModelError:
            name, size = str(path), folder_bytes(path)
            yield Listed(name, "damaged or outdated", "", size, path, _deletes_folder(path))


def _is_revision(model: Listed, name: str) -> bool:
    listed, wanted = parse_hub_model(model.name), parse_hub_model(name)
    if listed is None or wanted is None or listed.name != wanted.name:
        return False
    return (listed.revision or "").startswith(wanted.revision or "")


def _deletes_folder(path: Path) -> Callable[[], None]:
    return lambda: shutil.rmtree(path)


def _deletes_revision(hub: HubModel) -> Callable[[], None]:
    def delete() -> None:
        from huggingface_hub import scan_cache_dir

        scan_cache_dir().delete_revisions(hub.revision or "").execute()
        for partial in incomplete_files(hub):
            partial.unlink()

    return delete
