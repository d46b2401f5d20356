"""Load a model that was resolved: its runtime, and the text of its tokenizer."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nemocli.errors import ModelError
from nemocli.models.folder import check_content, read_manifest
from nemocli.models.paths import cache_folder
from nemocli.network.checkpoint import TOKENIZER, open_checkpoint
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
    """Load a model that needs no conversion any more; `progress` is called with what takes long.

    Raises ModelError for damaged files, UnsupportedError if the runtime is not on this machine.
    """
    kind = KINDS[resolved.runtime]
    if isinstance(kind, CheckpointKind):
        checkpoint = open_checkpoint(resolved.path)
        opened = kind.open_checkpoint(checkpoint, resolved.lookahead)
        return LoadedModel(resolved, opened, checkpoint.tokenizer)
    assert isinstance(kind, FolderKind)
    return _load_folder(resolved, kind, progress or (lambda sentence: None))


def _load_folder(resolved: "ResolvedModel", kind: FolderKind, progress: Progress) -> LoadedModel:
    path = resolved.path
    manifest = read_manifest(path)
    check_content(path, manifest)
    folder = ModelFolder(
        path=path,
        config=manifest.config,
        precision=manifest.precision,
        hashes={name: record.sha256 for name, record in manifest.files.items()},
        cache=cache_folder,
    )
    opened = kind.open_folder(folder, resolved.lookahead, resolved.compute_units, progress)
    try:
        tokenizer = read_text(path / TOKENIZER)
    except (OSError, ValueError):
        raise ModelError(f"{path / TOKENIZER} is damaged; convert the checkpoint again.") from None
    return LoadedModel(resolved, opened, tokenizer)
