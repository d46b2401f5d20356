"""Find, convert and load a diarization model."""

from dataclasses import dataclass, replace
from pathlib import Path

from nemocli.diarization.diarizer import Diarizer
from nemocli.models.bundle_manifest import read_any_manifest
from nemocli.models.conversion_cache import convert_into_cache
from nemocli.models.conversions import find_conversion
from nemocli.models.find import FoundModel, find_model, refuse_recognizer_name
from nemocli.models.finite_outputs import FiniteOutputGraphs
from nemocli.models.folder import Manifest
from nemocli.models.hub import DEFAULT_DIARIZER
from nemocli.models.integrity import check_checkpoint, check_folder, explain_damage
from nemocli.models.load import explain_not_finite, explain_untrained
from nemocli.models.paths import DEMO, DIARIZATION_DEMO, find_cache_folder
from nemocli.models.resolve import check_folder_options
from nemocli.models.runtime_and_precision import (
    check_runtime_on,
    choose_diarizer_kind,
    choose_precision,
)
from nemocli.models.spec import ModelSpec
from nemocli.network.architectures import explain_recognizer
from nemocli.network.diarizer_checkpoint import open_diarizer_checkpoint
from nemocli.network.diarizer_config import DiarizerConfig
from nemocli.runtimes.kind import CheckpointKind, FolderKind, ModelFolder, Progress
from nemocli.runtimes.kinds import AUTO_RUNTIME, KINDS
from nemocli.runtimes.system import read_system


@dataclass(frozen=True)
class ResolvedDiarizer:
    """What will run: plain data, which may be sent to another process."""

    #: The name that the user gave: `owner/name`, or a path; for the demo, `diarization-demo`.
    name: str
    #: The model folder; or the checkpoint, if that `needs_conversion` or the runtime opens it.
    path: Path
    runtime: str
    #: Precision of the weights, such as `int8`.
    precision: str
    #: SHA-256 of the checkpoint that the weights come from, hexadecimal.
    revision: str
    #: Whether the checkpoint must be converted into the cache folder before it is loaded.
    needs_conversion: bool

    def load(self, progress: Progress | None = None) -> Diarizer:
        """Convert the model if necessary, and load it; `progress` is called with each slow step.

        Raises ModelError for damaged files, and what `convert_into_cache` raises.
        """
        report = progress or (lambda sentence: None)
        if self.needs_conversion:
            folder = convert_into_cache(
                *(self.path, self.revision, self.runtime, self.precision, self.name), progress
            )
            return replace(self, path=folder, needs_conversion=False).load(progress)
        if isinstance(KINDS[self.runtime], CheckpointKind):
            return _load_checkpoint(self.path, self.runtime, report)
        return _load_folder(self.path, report)


def load_diarizer(
    model: str | Path | None = None,
    runtime: str | None = None,
    precision: str | None = None,
    progress: Progress | None = None,
) -> Diarizer:
    """Load a diarization model: a folder, a checkpoint, or the name of either.

    Without a name, it is the released one; `demo` is the one that comes with nemocli. A checkpoint
    is converted into the cache, once, where its runtime needs that; `progress` is called with each
    step that takes long. Raises ModelError for a missing or damaged model or one of another kind,
    UsageError for options that do not exist or contradict the model, UnsupportedError for a runtime
    that is not on this machine.
    """
    return resolve_diarizer(model, runtime, precision).load(progress)


def resolve_diarizer(
    model: str | Path | None = None, runtime: str | None = None, precision: str | None = None
) -> ResolvedDiarizer:
    """Decide what `load_diarizer` loads, without loading it. Raises what that raises."""
    spec = ModelSpec(
        DEFAULT_DIARIZER if model is None else model, runtime or AUTO_RUNTIME, precision
    )
    system = read_system()
    check_runtime_on(spec.runtime, system)
    found = _find(spec)
    if found.is_converted:
        return _resolve_folder(found, spec)
    with explain_damage(found.path):
        checkpoint = open_diarizer_checkpoint(found.path)
    kind = choose_diarizer_kind(spec.runtime, system, spec.precision)
    kind.check_machine(system)
    chosen = choose_precision(kind, spec.precision, system)
    resolved = ResolvedDiarizer(
        found.name, found.path, kind.name, chosen, checkpoint.sha256, needs_conversion=False
    )
    if isinstance(kind, CheckpointKind):
        return resolved
    if folder := find_conversion(resolved.revision, kind.name, chosen, None):
        return replace(resolved, path=folder)
    return replace(resolved, needs_conversion=True)


def _find(spec: ModelSpec) -> FoundModel:
    assert spec.model is not None
    if str(spec.model) == DEMO:
        return find_model(DIARIZATION_DEMO)
    refuse_recognizer_name(spec.model)
    return find_model(spec.model, spec.runtime, spec.precision)


def _resolve_folder(found: FoundModel, spec: ModelSpec) -> ResolvedDiarizer:
    manifest, _ = _read_manifest(found.path)
    check_folder_options(spec, found)
    KINDS[manifest.kind].check_machine(read_system())
    return ResolvedDiarizer(
        *(found.name, found.path, manifest.kind, manifest.precision, manifest.source_sha256),
        needs_conversion=False,
    )


def _read_manifest(path: Path) -> tuple[Manifest, DiarizerConfig]:
    """Return the manifest of a model folder, with its configuration.

    Raises ModelError for that of a recognizer.
    """
    manifest = read_any_manifest(path)
    if not isinstance(manifest.config, DiarizerConfig):
        raise explain_recognizer(path)
    return manifest, manifest.config


def _load_checkpoint(path: Path, runtime: str, progress: Progress) -> Diarizer:
    kind = KINDS[runtime]
    assert isinstance(kind, CheckpointKind)
    with explain_damage(path):
        checkpoint = open_diarizer_checkpoint(path)
    check_checkpoint(checkpoint, progress)
    checkpoint.parameters.check()
    opened = kind.open_diarizer_checkpoint(checkpoint.parameters)
    return Diarizer(FiniteOutputGraphs(opened, lambda: explain_untrained(path)), checkpoint.config)


def _load_folder(path: Path, progress: Progress) -> Diarizer:
    manifest, config = _read_manifest(path)
    kind, system = KINDS[manifest.kind], read_system()
    assert isinstance(kind, FolderKind)
    check_folder(path, manifest, progress)
    folder = ModelFolder(
        path=path,
        config=config,
        precision=manifest.precision,
        hashes={name: record.sha256 for name, record in manifest.files.items()},
        cache=find_cache_folder,
    )
    opened = kind.open_diarizer(folder, kind.choose_units(None, system), progress)
    graphs = FiniteOutputGraphs(opened, lambda: explain_not_finite(path, manifest))
    return Diarizer(graphs, config)
