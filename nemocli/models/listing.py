"""The models on this machine: to be listed, and to be removed."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from nemocli.errors import ModelError, NemocliError, UsageError
from nemocli.models.downloads import MARK, Place, incomplete_files, remove_revision
from nemocli.models.find import list_converted
from nemocli.models.folder import MANIFEST, is_written_by_conversion, read_manifest
from nemocli.models.hub import (
    DEFAULT_MODEL,
    HubModel,
    checkpoint_in,
    hub_cache,
    list_commits,
    parse_hub_model,
)
from nemocli.models.paths import DEMO, cache_folder, demo_folder, models_folder
from nemocli.network.config import ARCHITECTURE
from nemocli.removal import remove_tree
from nemocli.whole_file import is_abandoned

#: Forms of what is not whole.
INTERRUPTED_DOWNLOAD, INTERRUPTED_CONVERSION = "interrupted download", "interrupted conversion"


@dataclass(frozen=True)
class Listed:
    """A model that can be given by `name`, or what only takes up room."""

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
    def is_interrupted(self) -> bool:
        """Whether it is no model yet."""
        return self.form in (INTERRUPTED_DOWNLOAD, INTERRUPTED_CONVERSION)


def list_models() -> list[Listed]:
    """The bundled demo, downloads, converted models, and conversions in the cache."""
    found = [*_list_bundled(), *_list_downloads()]
    for folder in (models_folder(), cache_folder() / "converted"):
        for path, manifest in list_converted(folder):
            form = f"{manifest.kind} {manifest.precision}"
            name = path.name if folder == models_folder() else str(path)
            found.append(_folder_entry(name, form, path, manifest.source))
        found += _list_unusable(folder)
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
    """Delete a model from the disk; UsageError for one that comes with nemocli.

    NemocliError if anything of it could not be removed.
    """
    if model.delete is None:
        raise UsageError(f"The model {model.name} comes with nemocli and cannot be removed.")
    failed = model.delete()
    if failed:
        more = f", and {len(failed) - 1} more" if len(failed) > 1 else ""
        raise NemocliError(f"{failed[0].filename} cannot be removed: {failed[0].strerror}{more}.")


def model_bytes(path: Path) -> int:
    """Bytes of a model on disk: a folder, or a .nemo archive."""
    return path.stat().st_size if path.is_file() else folder_bytes(path)


def folder_bytes(folder: Path) -> int:
    """Bytes of the files in a folder and its subfolders; what links lead to is counted."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _list_bundled() -> Iterator[Listed]:
    try:
        folder = demo_folder()
    except ModelError:
        return
    yield Listed(DEMO, "checkpoint", "", folder_bytes(folder), folder, None)


def _list_downloads() -> Iterator[Listed]:
    """What is in the hub's cache of models that nemocli could run, or that it downloaded."""
    for folder in sorted(hub_cache().glob("models--*--*")):
        hub = parse_hub_model(folder.name.removeprefix("models--").replace("--", "/", 1))
        if hub is None:
            continue
        is_own = (folder / MARK).exists() or hub.name == DEFAULT_MODEL
        partials = incomplete_files(hub)
        room = sum(path.stat().st_size for path in partials)
        is_told = False
        for snapshot in sorted(folder.glob("snapshots/*")):
            checkpoint = _checkpoint_in(snapshot)
            if not (is_own or _is_ours(checkpoint or snapshot)):
                continue
            place = Place(HubModel(hub.name, snapshot.name), snapshot.name)
            size = folder_bytes(snapshot)
            if checkpoint is None:
                size, is_told = size + room, True
            form = "checkpoint" if checkpoint else INTERRUPTED_DOWNLOAD
            delete = _deletes_revision(place)
            yield Listed(str(place.model), form, "", size, checkpoint or snapshot, delete)
        if partials and not is_told:
            yield _list_partials(hub, folder, partials, room)


def _checkpoint_in(snapshot: Path) -> Path | None:
    try:
        return checkpoint_in(snapshot)
    except ModelError:  # one that may not be read
        return None


def _list_partials(hub: HubModel, folder: Path, partials: list[Path], room: int) -> Listed:
    """Interrupted downloads of which nothing else is there, or beside commits that are whole."""
    if any(folder.glob("snapshots/*/*")):

        def delete() -> list[OSError]:
            return [error for path in partials for error in remove_tree(path)]

        return Listed(str(partials[0]), INTERRUPTED_DOWNLOAD, str(hub), room, partials[0], delete)
    return Listed(str(hub), INTERRUPTED_DOWNLOAD, "", room, folder, lambda: remove_tree(folder))


def _list_unusable(folder: Path) -> Iterator[Listed]:
    """Conversions that are damaged, of another version, or were killed: they only take up room."""
    for path in sorted(folder.glob("*")):
        if is_abandoned(path):
            yield _folder_entry(str(path), INTERRUPTED_CONVERSION, path)
        elif _was_model(path):
            try:
                read_manifest(path)
            except ModelError:
                yield _folder_entry(str(path), "damaged or outdated", path)


def _was_model(path: Path) -> bool:
    """Whether a folder is, or was, a model: one whose manifest is gone, or a link to nowhere."""
    if path.is_symlink() and not path.exists():
        return True
    if (path / MANIFEST).exists():
        return True
    names = [entry.name for entry in path.iterdir()] if path.is_dir() else []
    return bool(names) and all(map(is_written_by_conversion, names))


def _folder_entry(name: str, form: str, path: Path, source: str = "") -> Listed:
    return Listed(name, form, source, folder_bytes(path), path, lambda: remove_tree(path))


def _is_ours(path: Path) -> bool:
    """Whether a checkpoint that another program downloaded is one that nemocli could run."""
    if path.is_file():  # a .nemo archive may hold anything, but its file name tells enough
        return "nemotron" in path.name
    with suppress(OSError):
        text = (path / "config.json").read_text(encoding="utf-8", errors="replace")
        return f'"{ARCHITECTURE}"' in text
    return False


def _is_revision(model: Listed, name: str) -> bool:
    listed, wanted = parse_hub_model(model.name), parse_hub_model(name)
    if listed is None or wanted is None or listed.name != wanted.name:
        return False
    return wanted.revision is None or listed.revision in list_commits(wanted)


def _deletes_revision(place: Place) -> Callable[[], list[OSError]]:
    return lambda: remove_revision(place)
