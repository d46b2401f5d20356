"""Load a resolved model: its runtime, and the text of its tokenizer."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nemocli.errors import ModelError
from nemocli.models.bundle import advise_on, read_bundle_tokenizer
from nemocli.models.bundle_manifest import read_any_manifest
from nemocli.models.finite_outputs import FiniteOutputRuntime
from nemocli.models.folder import MODEL_MANIFEST, Manifest, require_recognizer
from nemocli.models.integrity import check_checkpoint, check_folder, explain_damage, find_damage
from nemocli.models.paths import find_cache_folder
from nemocli.network.checkpoint import TOKENIZER, open_checkpoint
from nemocli.network.config import ModelConfig
from nemocli.network.small_file import read_text
from nemocli.runtimes.base import Runtime
from nemocli.runtimes.kind import CheckpointKind, FolderKind, ModelFolder, Progress
from nemocli.runtimes.kinds import KINDS

if TYPE_CHECKING:
    from nemocli.models.resolve import ResolvedModel


@dataclass(frozen=True)
class LoadedModel:
    """A model that is ready to run."""

    resolved: "ResolvedModel"
    runtime: Runtime
    tokenizer_json: str


def load_model(resolved: "ResolvedModel", progress: Progress | None = None) -> LoadedModel:
    """Load a model that needs no conversion; `progress` is called with each step that takes long.

    Raises ModelError for damaged files, UnsupportedError if the runtime is not on this machine.
    """
    kind = KINDS[resolved.runtime]
    if isinstance(kind, CheckpointKind):
        with explain_damage(resolved.path):
            checkpoint = open_checkpoint(resolved.path)
        check_checkpoint(checkpoint, progress)
        checkpoint.parameters.check()
        opened = FiniteOutputRuntime(
            kind.open_checkpoint(checkpoint, resolved.lookahead),
            lambda: explain_untrained(resolved.path),
        )
        return LoadedModel(resolved, opened, checkpoint.tokenizer)
    assert isinstance(kind, FolderKind)
    return _load_folder(resolved, kind, progress or (lambda sentence: None))


def _load_folder(resolved: "ResolvedModel", kind: FolderKind, progress: Progress) -> LoadedModel:
    path = resolved.path
    manifest = read_any_manifest(path)
    check_folder(path, manifest, progress)
    config = require_recognizer(manifest.config, path)
    tokenizer = _read_folder_tokenizer(path, config)
    folder = ModelFolder(
        path=path,
        config=config,
        precision=manifest.precision,
        hashes={name: record.sha256 for name, record in manifest.files.items()},
        cache=find_cache_folder,
        transfer=resolved.transfer,
    )
    opened = FiniteOutputRuntime(
        kind.open_folder(folder, resolved.lookahead, resolved.compute_units, progress),
        lambda: explain_not_finite(path, manifest),
    )
    return LoadedModel(resolved, opened, tokenizer)


def read_tokenizer(resolved: "ResolvedModel") -> str:
    """Return the text of a model's tokenizer, without loading or converting the model.

    Raises ModelError if it is damaged or missing.
    """
    if resolved.needs_conversion or isinstance(KINDS[resolved.runtime], CheckpointKind):
        with explain_damage(resolved.path):
            return open_checkpoint(resolved.path).tokenizer
    return _read_folder_tokenizer(resolved.path, resolved.config)


def _read_folder_tokenizer(path: Path, config: ModelConfig) -> str:
    if not (path / MODEL_MANIFEST).is_file():
        return read_bundle_tokenizer(path, config)
    try:
        return read_text(path / TOKENIZER)
    except (OSError, ValueError):
        raise ModelError(f"{path / TOKENIZER} is damaged; {advise_on(path)}") from None


def explain_not_finite(folder: Path, manifest: Manifest) -> ModelError:
    """Return the error for NaN output: a file is damaged, or the model is untrained."""
    damage = next(find_damage(folder, manifest.files), None)
    if damage is None:
        return explain_untrained(folder)
    return ModelError(f"{damage}; {advise_on(folder)}")


def explain_untrained(model: Path) -> ModelError:
    """Return the error for NaN output of a model whose files are whole."""
    return ModelError(
        f"{model} computes numbers that are infinite or none at all, though its files are those"
        " that were written: it is not a trained model."
    )
