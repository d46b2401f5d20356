"""Find, convert and load a diarization model."""

from pathlib import Path

from nemocli.diarization.diarizer import Diarizer
from nemocli.errors import ModelError
from nemocli.models.bundle_manifest import read_any_manifest
from nemocli.models.choose import (
    check_runtime_on,
    choose_diarizer_kind,
    choose_precision,
)
from nemocli.models.conversion_cache import convert_into_cache
from nemocli.models.conversions import find_conversion
from nemocli.models.find import FoundModel, find_model
from nemocli.models.finite_outputs import FiniteOutputGraphs
from nemocli.models.integrity import check_checkpoint, check_folder
from nemocli.models.load import explain_not_finite, explain_untrained
from nemocli.models.paths import find_cache_folder
from nemocli.models.resolve import check_folder_options
from nemocli.models.spec import ModelSpec
from nemocli.network.architectures import DIARIZATION
from nemocli.network.diarizer_checkpoint import DiarizerCheckpoint
from nemocli.network.diarizer_config import DiarizerConfig
from nemocli.runtimes.kind import CheckpointKind, FolderKind, ModelFolder, Progress
from nemocli.runtimes.kinds import AUTO_RUNTIME, KINDS
from nemocli.runtimes.system import this_system

#: The model that is loaded if none is named.
DEFAULT_DIARIZER = DIARIZATION.repository


def load_diarizer(
    model: str | Path | None = None,
    runtime: str | None = None,
    precision: str | None = None,
    progress: Progress | None = None,
) -> Diarizer:
    """Load a diarization model: a folder, a checkpoint, or the name of either.

    Without a name, it is the released one. A checkpoint is converted into the cache, once, where
    its runtime needs that; `progress` is called with each step that takes long. Raises ModelError
    for a missing or damaged model or one of another kind, UsageError for options that do not exist
    or contradict the model, UnsupportedError for a runtime that is not on this machine.
    """
    spec = ModelSpec(
        DEFAULT_DIARIZER if model is None else model, runtime or AUTO_RUNTIME, precision
    )
    check_runtime_on(spec.runtime, this_system())
    found = find_model(spec.model, spec.runtime, precision)
    report = progress or (lambda sentence: None)
    if found.is_converted:
        return _load_folder(found, spec, report)
    return _load_checkpoint(found.path, spec, report)


def _load_checkpoint(path: Path, spec: ModelSpec, progress: Progress) -> Diarizer:
    checkpoint = DiarizerCheckpoint(path)
    system = this_system()
    kind = choose_diarizer_kind(spec.runtime, system, spec.precision)
    kind.check_machine(system)
    chosen = choose_precision(kind, spec.precision, system)
    if isinstance(kind, CheckpointKind):
        check_checkpoint(checkpoint, progress)
        checkpoint.parameters.check()
        opened = kind.open_diarizer_checkpoint(checkpoint.parameters)
        graphs = FiniteOutputGraphs(opened, lambda: explain_untrained(path))
        return Diarizer(graphs, checkpoint.config)
    folder = find_conversion(checkpoint.sha256, kind.name, chosen, None)
    if folder is None:
        folder = convert_into_cache(path, checkpoint.sha256, kind.name, chosen, progress)
    return _load_folder(FoundModel(str(folder), folder), spec, progress)


def _load_folder(found: FoundModel, spec: ModelSpec, progress: Progress) -> Diarizer:
    path, manifest = found.path, read_any_manifest(found.path)
    config = manifest.config
    if not isinstance(config, DiarizerConfig):
        raise ModelError(
            f"{path} is a model that transcribes; to find who speaks, give a diarization model,"
            f" such as {DEFAULT_DIARIZER}."
        )
    check_folder_options(spec, found)
    kind, system = KINDS[manifest.kind], this_system()
    kind.check_machine(system)
    assert isinstance(kind, FolderKind)
    check_folder(path, manifest, progress)
    folder = ModelFolder(
        path=path,
        config=config,
        precision=manifest.precision,
        hashes={name: record.sha256 for name, record in manifest.files.items()},
        cache=find_cache_folder,
    )
    opened = kind.open_diarizer(folder, kind.choose_units(spec.compute_units, system), progress)
    graphs = FiniteOutputGraphs(opened, lambda: explain_not_finite(path, manifest))
    return Diarizer(graphs, config)
