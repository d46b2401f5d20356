"""Turn a checkpoint into a model folder: written beside the target and renamed when complete."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from nemocli.diarization.modes import list_fixed_sizes
from nemocli.errors import ModelError, NemocliError, UsageError
from nemocli.models.conversion_place import (
    Occupant,
    check_space,
    clear,
    explain_place,
    is_done,
    write_in_place,
)
from nemocli.models.find import find_checkpoint
from nemocli.models.folder import (
    FORMAT,
    MODEL_MANIFEST,
    AnyConfig,
    FileRecord,
    Manifest,
    holds_graph,
    is_written_by_conversion,
    read_manifest,
    record_files,
    write_manifest,
)
from nemocli.models.hub import describe_source
from nemocli.models.integrity import check_checkpoint, check_folder, explain_damage
from nemocli.models.measured_choices import has_choices, rank_measured
from nemocli.models.paths import find_models_folder
from nemocli.models.runtime_and_precision import (
    choose_folder_kind,
    choose_lookaheads,
    choose_precision,
    list_untrained,
)
from nemocli.models.spec import ModelSpec
from nemocli.network.checkpoint import TOKENIZER
from nemocli.network.diarizer_checkpoint import (
    DiarizerCheckpoint,
    SomeCheckpoint,
    is_diarizer_checkpoint,
    open_some_checkpoint,
)
from nemocli.network.small_file import read_text
from nemocli.runtimes.kind import FolderKind, GraphProgress
from nemocli.runtimes.kinds import AUTO_RUNTIME, list_folder_kinds
from nemocli.runtimes.system import System, read_system
from nemocli.version import __version__
from nemocli.whole_file import is_part


def choose_target(
    checkpoint: str | Path, to: str, precision: str | None, system: System | None = None
) -> tuple[str, str]:
    """Return the runtime and the precision that a checkpoint is converted for.

    For `auto`, they are what was measured to be the fastest for it on this machine, else what
    suits the machine. Raises UsageError for unknown names, and what opening the checkpoint raises.
    """
    system = system or read_system()
    found = find_checkpoint(checkpoint)
    if is_diarizer_checkpoint(found):
        kind = choose_folder_kind(to, precision, system, for_diarizer=True)
        return kind.name, choose_precision(kind, precision)
    if to == AUTO_RUNTIME and has_choices(system):  # only then its hash is needed
        with explain_damage(found):
            revision = open_some_checkpoint(found).sha256
        for variant in rank_measured(revision, ModelSpec(precision=precision), system):
            if variant.runtime in list_folder_kinds():
                return variant.runtime, variant.precision
    kind = choose_folder_kind(to, precision, system)
    return kind.name, choose_precision(kind, precision)


def choose_default_folder(checkpoint: str | Path, to: str, precision: str | None) -> Path:
    """Return the default folder of a conversion, one that `nemocli models` lists."""
    return name_folder(checkpoint, *choose_target(checkpoint, to, precision))


def name_folder(checkpoint: str | Path, form: str, precision: str) -> Path:
    """Return the folder in nemocli's own folder of models for a conversion of some form."""
    name = describe_source(find_checkpoint(checkpoint)).partition("@")[0].rpartition("/")[2]
    stem = name.removesuffix(".nemo")
    return find_models_folder() / f"{stem}-{form}-{precision}"


def convert(
    checkpoint: str | Path,
    out: Path,
    to: str = AUTO_RUNTIME,
    precision: str | None = None,
    lookaheads: Sequence[int] | None = None,
    progress: GraphProgress | None = None,
    force: bool = False,
    note: Callable[[str], None] | None = None,
    check: Callable[[Path], None] | None = None,
    untrained_lookaheads: bool = False,
) -> Manifest:
    """Write the model folder `out` from a checkpoint folder, a .nemo archive, or `owner/name`.

    The latter is a model of the hub that was downloaded before. `to` is `auto` or one of
    `list_folder_kinds` in nemocli.runtimes.kinds, and `precision` one of its precisions. Every
    lookahead the model knows is written by default; with `untrained_lookaheads`, others may be
    requested.
    If `out` already holds this very conversion in full, nothing is done, and if it is damaged or of
    another format, it is made again, which `note` is called with; `force` makes it again in any
    case. Another model folder is replaced only with `force`, any other existing folder never.
    `progress` is called before each graph, and `check` with the finished folder, before it comes to
    its place: if that raises, nothing is left, and what was there before stays.
    Raises ModelError for a bad checkpoint, UsageError for bad options, NemocliError if the disk
    is full or cannot be written.
    """
    to, precision = choose_target(checkpoint, to, precision)
    kind = choose_folder_kind(to)
    found = find_checkpoint(checkpoint)
    with explain_damage(found):
        source = open_some_checkpoint(found)
    check_checkpoint(source)
    config, chosen = _plan_lookaheads(source, lookaheads, untrained_lookaheads)
    planned = Manifest(
        format=FORMAT,
        kind=kind.name,
        precision=precision,
        lookaheads=chosen,
        source=describe_source(source.path),
        source_sha256=source.sha256,
        nemocli=__version__,
        config=config,
        files={},
    )
    if is_done(out, partial(_examine, planned), force, note):
        return read_manifest(out)
    if not isinstance(source, DiarizerCheckpoint):
        source.tokenizer  # noqa: B018  another model's is refused before the work
    check_space(source, out, kind.precisions[precision])
    try:
        return _write(source, planned, out, kind, progress or _show_nothing, check)
    except OSError as error:
        raise explain_place(out, error) from None
    except RuntimeError as error:  # how coremltools says that it could not write a file
        raise NemocliError(f"The model folder {out} cannot be written: {error}.") from None


def _plan_lookaheads(
    source: SomeCheckpoint,
    lookaheads: Sequence[int] | None,
    untrained_lookaheads: bool,
) -> tuple[AnyConfig, tuple[int, ...]]:
    """Return the configuration of the folder, and the lookaheads that are written.

    Raises UsageError for lookaheads that the model does not have.
    """
    if isinstance(source, DiarizerCheckpoint):
        if lookaheads is not None:
            raise UsageError(
                f"{source.path} is a diarization model, which has modes and no lookaheads; leave"
                " the lookaheads out."
            )
        return source.config, ()
    known = source.config.lookaheads
    untrained = list_untrained(source.config, untrained_lookaheads)
    chosen = choose_lookaheads(known, lookaheads, untrained, list_untrained(source.config, True))
    added = tuple(lookahead for lookahead in chosen if lookahead not in known)
    return replace(source.config, lookaheads=known + added), chosen


def _examine(planned: Manifest, out: Path) -> Occupant:
    """Compare what is in a place with a planned model folder.

    Raises UsageError for what nemocli has not written, and OSError for what cannot be read.
    """
    try:
        manifest = read_manifest(out)
    except ModelError:
        return _examine_remains(planned, out)
    if not planned.describes_same(replace(manifest, nemocli=planned.nemocli)):
        return Occupant.OTHER
    if manifest.nemocli != planned.nemocli:
        return Occupant.OUTDATED
    try:
        check_folder(out, manifest)
    except ModelError:
        return Occupant.DAMAGED
    return Occupant.SAME


def _examine_remains(planned: Manifest, out: Path) -> Occupant:
    """Compare a folder that is damaged, outdated, or not nemocli's, with a planned one.

    Other programs write a manifest.json too: with nothing of a model beside it, it is theirs.
    """
    paths = list(out.iterdir()) if out.is_dir() else []
    names = [path.name for path in paths if not is_part(path)]
    if not any(map(holds_graph, names)) or not all(map(is_written_by_conversion, names)):
        raise UsageError(f"{out} exists and is not a model folder; choose another place.")
    try:
        data = json.loads(read_text(out / MODEL_MANIFEST))
        keys = ("kind", "precision", "source_sha256")
        same = all(data[key] == getattr(planned, key) for key in keys)
        is_outdated = data["format"] != FORMAT
    except (OSError, ValueError, LookupError, TypeError, RecursionError, ModelError):
        return Occupant.DAMAGED
    if not same:
        return Occupant.OTHER
    return Occupant.OUTDATED if is_outdated else Occupant.DAMAGED


def _show_nothing(name: str, number: int, total: int) -> None:
    """Show no progress."""


def _write(
    source: SomeCheckpoint,
    planned: Manifest,
    out: Path,
    kind: FolderKind,
    progress: GraphProgress,
    check: Callable[[Path], None] | None,
) -> Manifest:
    place = Path(os.path.realpath(out))  # the target of a link: the link stays
    place.parent.mkdir(parents=True, exist_ok=True)
    clear(place)
    with write_in_place(place) as part:
        part.mkdir()
        if isinstance(source, DiarizerCheckpoint):
            sizes = list_fixed_sizes(source.config)
            names = kind.write_diarizer(source.parameters, part, sizes, planned.precision, progress)
        else:
            names = kind.write_graphs(
                source.parameters, part, planned.lookaheads, planned.precision, progress
            )
            (part / TOKENIZER).write_text(source.tokenizer, encoding="utf-8")
            names.append(TOKENIZER)
        records: dict[str, FileRecord] = record_files(part, names)
        manifest = Manifest(**{**vars(planned), "files": records})
        write_manifest(part, manifest)
        if check:
            check(part)
    return manifest
