"""Find the folder or file that the name of a model means."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from nemocli.addresses import advise_on_address
from nemocli.errors import ModelError, UsageError
from nemocli.models.bundle import is_bundle
from nemocli.models.bundle_manifest import read_any_manifest
from nemocli.models.conversions import Conversion, choose_conversion, list_conversions, suits
from nemocli.models.folder import (
    MODEL_MANIFEST,
    Manifest,
    explain_no_manifest,
    lacks_manifest,
    require_recognizer,
)
from nemocli.models.hub import (
    DEFAULT_DIARIZER,
    DEFAULT_MODEL,
    RELEASED_MODELS,
    HubModel,
    find_pulled,
    find_pulled_commit,
    is_short_commit,
    list_commits,
    parse_hub_model,
)
from nemocli.models.integrity import explain_damage
from nemocli.models.paths import (
    DEMO,
    DIARIZATION_DEMO,
    find_demo_folder,
    find_diarization_demo_folder,
    find_models_folder,
)
from nemocli.models.spec import ModelSpec, Purpose
from nemocli.network.architectures import explain_diarizer, explain_recognizer
from nemocli.network.checkpoint import AnyCheckpoint, open_checkpoint
from nemocli.network.config import ModelConfig
from nemocli.network.diarizer_checkpoint import is_diarizer_checkpoint
from nemocli.runtimes.kinds import AUTO_RUNTIME
from nemocli.runtimes.system import System, read_system

#: What finds the models that come with nemocli, by their names.
_BUNDLED = {DEMO: find_demo_folder, DIARIZATION_DEMO: find_diarization_demo_folder}


@dataclass(frozen=True)
class FoundModel:
    """A model on this machine: a model folder, a bundle, a checkpoint folder or an archive."""

    name: str
    path: Path
    #: Whether the name means a checkpoint, and this is a conversion of it that was chosen here.
    is_chosen: bool = False

    @property
    def is_converted(self) -> bool:
        """Whether it is a model folder, or a bundle of graphs in the layout of coreaikit."""
        return (self.path / MODEL_MANIFEST).is_file() or is_bundle(self.path)

    @cached_property
    def manifest(self) -> Manifest:
        """Manifest of a model folder, or what it would be for a bundle.

        Raises ModelError if it is damaged, and UnsupportedError for a bundle without Core AI.
        """
        return read_any_manifest(self.path)

    @cached_property
    def checkpoint(self) -> AnyCheckpoint:
        """Checkpoint, if it is not a model folder.

        Raises ModelError if it is damaged, or of a model that does not transcribe.
        """
        if is_diarizer_checkpoint(self.path):
            raise explain_diarizer(self.name)
        with explain_damage(self.path):
            return open_checkpoint(self.path)

    @property
    def config(self) -> ModelConfig:
        """The shape of the network; ModelError for a model that does not transcribe."""
        if self.is_converted:
            return require_recognizer(self.manifest.config, self.name)
        return self.checkpoint.config

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
    runtime: str = AUTO_RUNTIME,
    precision: str | None = None,
    system: System | None = None,
    *,
    compute_units: str | None = None,
    purpose: Purpose = "live",
    lookahead: int | None = None,
) -> FoundModel:
    """Find a demo, a path, a converted model by its name, or `owner/name` of the hub.

    Without a name, it is the released model. For a model of the hub, return its conversion for
    `runtime` and `precision` if there is one, else its downloaded checkpoint; without a revision,
    those of the first commit of `list_commits` that has either. `choose_conversion` chooses among
    several conversions; with `lookahead`, those that lack it are left out. Raises
    ModelError, which says how to get the model, if it is not there.
    """
    text = DEFAULT_MODEL if model is None else str(model)
    if text in _BUNDLED:
        return FoundModel(text, _BUNDLED[text]())
    path = _parse_path(text)
    if path.exists():
        return _find_at_path(path)
    if (own := _find_own(text)) and _find_at_path(own).is_converted:
        return FoundModel(text, own)
    hub = parse_hub_model(text)
    if hub is None:
        raise _explain_no_model(path)
    spec = ModelSpec(model, runtime, precision, lookahead, compute_units, purpose)
    found = _find_hub_model(hub, spec, system or read_system())
    if found is None:
        raise _explain_not_here(hub)
    return FoundModel(str(hub), found, is_chosen=(found / MODEL_MANIFEST).is_file())


def refuse_diarizer_name(model: str | Path | None) -> None:
    """Raise ModelError for the released diarization model's name, on this machine or not."""
    hub = _parse_hub_name(model)
    if hub is not None and hub.name == DEFAULT_DIARIZER:
        raise explain_diarizer(hub)


def refuse_recognizer_name(model: str | Path | None) -> None:
    """Raise ModelError for the name of a released model that transcribes, here or not."""
    hub = _parse_hub_name(model)
    if hub is not None and hub.name in RELEASED_MODELS:
        raise explain_recognizer(hub)


def _parse_hub_name(model: str | Path | None) -> HubModel | None:
    """Return the model of the hub that a name means; None for another, or an existing path."""
    return None if model is None or _parse_path(model).exists() else parse_hub_model(str(model))


def find_checkpoint(model: str | Path) -> Path:
    """Return the checkpoint folder or .nemo archive that `model` names, never a converted model.

    Raises ModelError, which says how to get it, if it is not there, and UsageError for the name of
    a converted model.
    """
    text = str(model)
    if text in _BUNDLED:
        return _BUNDLED[text]()
    path = _parse_path(model)
    hub = parse_hub_model(text)
    own = path if path.exists() else _find_own(text)
    found = own or (find_pulled(hub) if hub else None)
    if found and _is_model_folder(found):
        raise UsageError(
            f"{found} is converted already; give the checkpoint that it was made from."
        )
    if path.exists() or hub is None:
        return path
    if found is None:
        raise _explain_not_here(hub)
    return found


def _find_own(name: str) -> Path | None:
    """Return the folder of this name in nemocli's own folder of models, or None."""
    if name in ("", ".", "..") or "/" in name:
        return None
    path = find_models_folder() / name
    try:
        return path if path.is_dir() else None
    except OSError as error:
        raise _explain_unreadable(path, error) from None


def _is_model_folder(path: Path) -> bool:
    try:
        is_folder = (path / MODEL_MANIFEST).is_file() or is_bundle(path)
        return is_folder and not (path / "config.json").exists()
    except OSError:
        return False


def _explain_unreadable(path: Path, error: OSError) -> ModelError:
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


def _find_at_path(path: Path) -> FoundModel:
    found = FoundModel(str(path), path)
    try:
        if path.is_file() or found.is_converted or (path / "config.json").is_file():
            return found
        if lacks_manifest(path):
            raise explain_no_manifest(path)
    except OSError as error:
        raise _explain_unreadable(path, error) from None
    raise _explain_no_model(path)


def _find_hub_model(hub: HubModel, spec: ModelSpec, system: System) -> Path | None:
    made = _list_conversions(hub, spec)
    pulled = list_commits(hub)
    commits = [*pulled, *(commit for commit in made if commit not in pulled)]
    for commit in commits:
        if chosen := choose_conversion(made.get(commit, []), spec, system):
            return chosen.folder
        if found := find_pulled_commit(hub, commit):
            return found
    unusable = next((made[commit] for commit in commits if commit in made), None)
    return unusable[0].folder if unusable else None


def _list_conversions(hub: HubModel, spec: ModelSpec) -> dict[str, list[Conversion]]:
    """Return the conversions of a model of the hub that suit a spec, by commit."""
    made: dict[str, list[Conversion]] = {}
    for one in list_conversions():
        name, _, commit = one.manifest.source.partition("@")
        is_meant = hub.revision is None or commit in list_commits(hub)
        if hub.revision and is_short_commit(hub.revision):
            is_meant = is_meant or commit.startswith(hub.revision)
        if suits(one, spec) and name == hub.name and is_meant:
            made.setdefault(commit, []).append(one)
    return made


def _explain_no_model(path: Path) -> ModelError:
    if advice := advise_on_address(str(path)):
        return ModelError(advice)
    return ModelError(
        f"There is no model in {path}: give a name from 'nemocli models list', a checkpoint folder"
        f" (with config.json), a .nemo file, a folder written by 'nemocli convert', or '{DEMO}'."
    )


def _explain_not_here(hub: HubModel) -> ModelError:
    owner, _, name = hub.name.partition("/")
    if Path(owner).is_dir():  # perhaps a path was meant
        return ModelError(
            f"There is no {name} in the folder {owner}, and no model {hub} of the hub on this"
            f" machine; check the path, or get the model with: {hub.pull_command}"
        )
    return ModelError(f"The model {hub} is not on this machine; get it with: {hub.pull_command}")
