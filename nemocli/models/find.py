"""Find the folder or file that the name of a model means."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from nemocli.addresses import advise_on_address
from nemocli.errors import ModelError, UnsupportedError, UsageError
from nemocli.models.folder import (
    MANIFEST,
    Manifest,
    lacks_manifest,
    no_manifest_error,
    read_manifest,
)
from nemocli.models.hub import (
    DEFAULT_MODEL,
    HubModel,
    find_pulled,
    find_pulled_commit,
    is_short_commit,
    list_commits,
    parse_hub_model,
)
from nemocli.models.paths import DEMO, find_demo_folder, find_models_folder
from nemocli.network.checkpoint import AnyCheckpoint, open_checkpoint
from nemocli.network.config import ModelConfig
from nemocli.runtimes.kinds import AUTO, KINDS, choose_runtime
from nemocli.runtimes.system import System, this_system
from nemocli.whole_file import is_part


@dataclass(frozen=True)
class FoundModel:
    """A model on this machine: a model folder, a checkpoint folder or a .nemo archive."""

    name: str
    path: Path

    @property
    def is_converted(self) -> bool:
        return (self.path / MANIFEST).is_file()

    @cached_property
    def manifest(self) -> Manifest:
        """Manifest of a model folder; ModelError if it is damaged."""
        return read_manifest(self.path)

    @cached_property
    def checkpoint(self) -> AnyCheckpoint:
        """Checkpoint, if it is not a model folder; ModelError if it is damaged."""
        return open_checkpoint(self.path)

    @property
    def config(self) -> ModelConfig:
        """The shape of the network."""
        return self.manifest.config if self.is_converted else self.checkpoint.config

    @property
    def lookaheads(self) -> tuple[int, ...]:
        """The lookaheads it can run at: a model folder may have fewer than its checkpoint."""
        return self.manifest.lookaheads if self.is_converted else self.config.lookaheads

    @property
    def revision(self) -> str:
        """SHA-256 of the checkpoint that the weights come from, hexadecimal."""
        return self.manifest.source_sha256 if self.is_converted else self.checkpoint.sha256


def find_model(
    model: str | Path | None,
    runtime: str = AUTO,
    precision: str | None = None,
    system: System | None = None,
) -> FoundModel:
    """Find `demo`, a path, a converted model by its name, or `owner/name` of the hub.

    Without a name, it is the released model. For a model of the hub, return its conversion for
    `runtime` and `precision` if there is one, else its downloaded checkpoint; without a revision,
    those of the first commit of `list_commits` that has either. Raises ModelError, which says how
    to get the model, if it is not there.
    """
    text = DEFAULT_MODEL if model is None else str(model)
    if text == DEMO:
        return FoundModel(DEMO, find_demo_folder())
    path = _parse_path(text)
    if path.exists():
        return _find_at_path(path)
    if (own := _find_own(text)) and _find_at_path(own).is_converted:
        return FoundModel(text, own)
    hub = parse_hub_model(text)
    if hub is None:
        raise _no_model_error(path)
    found = _find_hub_model(hub, runtime, precision, system or this_system())
    if found is None:
        raise _not_here_error(hub)
    return FoundModel(str(hub), found)


def find_checkpoint(model: str | Path) -> Path:
    """Return the checkpoint folder or .nemo archive that `model` names, never a converted model.

    Raises ModelError, which says how to get it, if it is not there, and UsageError for the name of
    a converted model.
    """
    text = str(model)
    if text == DEMO:
        return find_demo_folder()
    path = _parse_path(model)
    hub = parse_hub_model(text)
    own = path if path.exists() else _find_own(text)
    if own and _is_model_folder(own):
        raise UsageError(f"{own} is converted already; give the checkpoint that it was made from.")
    if path.exists() or hub is None:
        return path
    found = find_pulled(hub)
    if found is None:
        raise _not_here_error(hub)
    return found


def _find_own(name: str) -> Path | None:
    """Return the folder of this name in nemocli's own folder of models, or None."""
    if name in ("", ".", "..") or "/" in name:
        return None
    path = find_models_folder() / name
    try:
        return path if path.is_dir() else None
    except OSError as error:
        raise _unreadable_error(path, error) from None


def _is_model_folder(path: Path) -> bool:
    try:
        return (path / MANIFEST).is_file() and not (path / "config.json").exists()
    except OSError:
        return False


def _unreadable_error(path: Path, error: OSError) -> ModelError:
    return ModelError(f"{path} cannot be read: {error.strerror}.")


def _parse_path(model: str | Path) -> Path:
    """Return `model` as a path; ModelError if the system refuses to look at it, or it is empty."""
    if not str(model):
        raise ModelError(
            "The name of the model is empty: give a name from 'nemocli models list', owner/name of"
            " the hub, or the path of a model."
        )
    try:
        path = Path(model).expanduser()
        path.exists()
    except (OSError, RuntimeError) as error:  # RuntimeError: the ~ of an unknown user
        reason = error.strerror if isinstance(error, OSError) else error
        raise ModelError(f"The model {str(model)[:100]!r} cannot be opened: {reason}.") from None
    return path


def list_converted(folder: Path) -> Iterator[tuple[Path, Manifest]]:
    """Yield the complete model folders in a folder, sorted by name, with their manifests.

    Those that cannot be read, or are still being written, are left out.
    """
    try:
        paths = sorted(folder.iterdir())
    except OSError:
        return
    for path in paths:
        with suppress(OSError, ModelError):
            if not is_part(path) and (path / MANIFEST).is_file():
                yield path, read_manifest(path)


def _find_at_path(path: Path) -> FoundModel:
    found = FoundModel(str(path), path)
    try:
        if path.is_file() or found.is_converted or (path / "config.json").is_file():
            return found
        if lacks_manifest(path):
            raise no_manifest_error(path)
    except OSError as error:
        raise _unreadable_error(path, error) from None
    raise _no_model_error(path)


def _find_hub_model(
    hub: HubModel, runtime: str, precision: str | None, system: System
) -> Path | None:
    made = _list_conversions(hub, runtime, precision)
    pulled = list_commits(hub)
    commits = [*pulled, *(commit for commit in made if commit not in pulled)]
    for commit in commits:
        usable = {
            kind: folder for kind, folder in made.get(commit, {}).items() if _can_run(kind, system)
        }
        if usable:
            return usable[choose_runtime(usable, system)]
        if found := find_pulled_commit(hub, commit):
            return found
    unusable = next((made[commit] for commit in commits if commit in made), None)
    return unusable[choose_runtime(unusable, system)] if unusable else None


def _list_conversions(
    hub: HubModel, runtime: str, precision: str | None
) -> dict[str, dict[str, Path]]:
    """Return the model folders made from a model of the hub, by commit and kind, newest first."""
    found = []
    for folder, manifest in list_converted(find_models_folder()):
        name, _, commit = manifest.source.partition("@")
        is_wanted = runtime in (AUTO, manifest.kind) and precision in (None, manifest.precision)
        is_meant = hub.revision is None or commit in list_commits(hub)
        if hub.revision and is_short_commit(hub.revision):
            is_meant = is_meant or commit.startswith(hub.revision)
        if is_wanted and name == hub.name and is_meant:
            found.append(((folder / MANIFEST).stat().st_mtime_ns, commit, manifest.kind, folder))
    made: dict[str, dict[str, Path]] = {}
    for _, commit, kind, folder in sorted(found, reverse=True):
        made.setdefault(commit, {}).setdefault(kind, folder)
    return made


def _can_run(kind: str, system: System) -> bool:
    try:
        KINDS[kind].check_machine(system)
    except UnsupportedError:
        return False
    return True


def _no_model_error(path: Path) -> ModelError:
    if advice := advise_on_address(str(path)):
        return ModelError(advice)
    return ModelError(
        f"There is no model in {path}: give a checkpoint folder (with config.json), a .nemo file,"
        f" a folder written by 'nemocli convert', or '{DEMO}'."
    )


def _not_here_error(hub: HubModel) -> ModelError:
    owner, _, name = hub.name.partition("/")
    if Path(owner).is_dir():  # perhaps a path was meant
        return ModelError(
            f"There is no {name} in the folder {owner}, and no model {hub} of the hub on this"
            f" machine; check the path, or get the model with: {hub.pull_command}"
        )
    return ModelError(f"The model {hub} is not on this machine; get it with: {hub.pull_command}")
