"""The conversions in nemocli's own folder of models, and which of a model's suits a request."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from nemocli.errors import ModelError, UnsupportedError
from nemocli.models.folder import MODEL_MANIFEST, Manifest, read_manifest
from nemocli.models.measured_choices import rank_measured
from nemocli.models.paths import find_models_folder
from nemocli.models.spec import ModelSpec
from nemocli.runtimes.kinds import AUTO_RUNTIME, KINDS, choose_runtime
from nemocli.runtimes.system import System
from nemocli.whole_file import is_part


@dataclass(frozen=True)
class Conversion:
    """A complete model folder that was converted from a checkpoint."""

    folder: Path
    manifest: Manifest


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
            if not is_part(path) and (path / MODEL_MANIFEST).is_file():
                yield path, read_manifest(path)


def list_conversions() -> list[Conversion]:
    """Return the conversions in nemocli's own folder of models, the newest first."""
    made = [Conversion(*found) for found in list_converted(find_models_folder())]
    made.sort(key=lambda one: (one.folder / MODEL_MANIFEST).stat().st_mtime_ns, reverse=True)
    return made


def suits(made: Conversion, spec: ModelSpec) -> bool:
    """Tell whether a conversion has the requested runtime, precision and lookahead."""
    has_runtime = spec.runtime in (AUTO_RUNTIME, made.manifest.kind)
    if spec.lookahead not in (None, *made.manifest.lookaheads):
        return False
    return has_runtime and spec.precision in (None, made.manifest.precision)


def choose_conversion(
    made: Sequence[Conversion], spec: ModelSpec, system: System
) -> Conversion | None:
    """Return the one of a checkpoint's conversions that runs here, or None if none does.

    It is the one that was measured to be the fastest; without a measurement, the newest of those
    for the runtime that `auto` stands for. `made` has those that suit the spec, the newest first.
    """
    usable = [one for one in made if KINDS[one.manifest.kind].runs_on(system)]
    if not usable:
        return None
    for variant in rank_measured(usable[0].manifest.source_sha256, spec, system):
        for one in usable:
            if (one.manifest.kind, one.manifest.precision) == (variant.runtime, variant.precision):
                return one
    kinds = list(dict.fromkeys(one.manifest.kind for one in usable))
    kind = choose_runtime(kinds, system, compute_units=spec.compute_units)
    return next(one for one in usable if one.manifest.kind == kind)


def find_conversion(
    revision: str, kind: str, precision: str | None, lookahead: int | None
) -> Path | None:
    """Return the newest conversion of a checkpoint for a runtime; None if there is none.

    `revision` is the checkpoint's hash. It has the given precision and lookahead; None for any.
    """
    try:
        made = list_conversions()
    except UnsupportedError:  # a user without a home folder has none
        return None
    for one in made:
        manifest = one.manifest
        if (manifest.source_sha256, manifest.kind) != (revision, kind):
            continue
        if precision in (None, manifest.precision) and lookahead in (None, *manifest.lookaheads):
            return one.folder
    return None
