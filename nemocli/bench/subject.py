"""The model that is measured: found, converted if need be, and told by its hash."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nemocli.bench.run_config import RunConfig
from nemocli.bench.variants import check_runs_here
from nemocli.errors import UsageError
from nemocli.models.folder import read_manifest
from nemocli.models.listing import folder_bytes
from nemocli.models.named import find_model
from nemocli.models.opening import RUNTIMES, choose_lookahead, converted_in_cache, precision_here
from nemocli.network.checkpoint import AnyCheckpoint, open_checkpoint
from nemocli.runtimes.kinds import KINDS


@dataclass(frozen=True)
class Subject:
    """A model in one form, ready to be loaded by processes of their own."""

    name: str
    setting: RunConfig
    #: SHA-256 over the checkpoint that the weights come from, in hexadecimal.
    revision: str
    #: Of all files of the model on disk.
    bytes: int

    @property
    def form(self) -> str:
        """Such as `onnx int8 on cpu, lookahead 3`."""
        setting = self.setting
        on = f" on {setting.compute_units}" if setting.compute_units else ""
        return f"{setting.runtime} {setting.precision}{on}, lookahead {setting.lookahead}"


def prepare(
    model: str,
    runtime: str,
    precision: str | None,
    lookahead: int | None,
    compute_units: str | None,
    tell: Callable[[str], None],
) -> Subject:
    """Find what `model` names; a checkpoint is converted into the cache in the precision asked for.

    Raises as `nemocli.load` does, and UsageError for a precision that the model is not in.
    """
    check_runtime(runtime)
    found = find_model(model, runtime)
    if found.is_converted:
        return _of_folder(found.path, found.name, runtime, precision, lookahead, compute_units)
    checkpoint = open_checkpoint(found.path)
    kind = "onnx" if runtime == "auto" else runtime
    chosen = choose_lookahead(checkpoint.config, checkpoint.config.lookaheads, lookahead)
    if kind == "numpy":
        _check_precision("numpy", precision, ("fp32",))
        _check_cpu("numpy", compute_units)
        return in_numpy(checkpoint, found.name, chosen)
    _check_precision(kind, precision, tuple(KINDS[kind].precisions))
    return in_form(
        checkpoint, found.name, kind, precision or precision_here(kind), chosen, compute_units, tell
    )


def check_runtime(runtime: str) -> None:
    """UsageError for a runtime that nemocli does not have."""
    if runtime not in RUNTIMES:
        raise UsageError(f"There is no runtime {runtime!r}; choose one of {', '.join(RUNTIMES)}.")


def in_numpy(checkpoint: AnyCheckpoint, name: str, lookahead: int) -> Subject:
    """A checkpoint as numpy runs it: as it is."""
    path = checkpoint.path
    size = path.stat().st_size if path.is_file() else folder_bytes(path)
    setting = RunConfig(path, "numpy", "fp32", None, lookahead)
    return Subject(name, setting, checkpoint.sha256, size)


def in_form(
    checkpoint: AnyCheckpoint,
    name: str,
    kind: str,
    precision: str,
    lookahead: int,
    compute_units: str | None,
    tell: Callable[[str], None],
) -> Subject:
    """A checkpoint converted into the cache; UnsupportedError if this machine cannot run that."""
    check_runs_here(kind)
    folder = converted_in_cache(checkpoint, kind, precision, tell)
    return _of_folder(folder, name, kind, precision, lookahead, compute_units)


def _of_folder(
    folder: Path,
    name: str,
    runtime: str,
    precision: str | None,
    lookahead: int | None,
    compute_units: str | None,
) -> Subject:
    manifest = read_manifest(folder)
    if runtime not in ("auto", manifest.kind):
        raise UsageError(
            f"{folder} is converted for {manifest.kind}, not for {runtime}; give the checkpoint."
        )
    if precision not in (None, manifest.precision):
        raise UsageError(
            f"{folder} is converted in {manifest.precision}, not in {precision};"
            " give the checkpoint, or leave out --precision."
        )
    if manifest.kind == "onnx":
        _check_cpu("onnx", compute_units)
    chosen = choose_lookahead(manifest.config, manifest.lookaheads, lookahead)
    units = None if manifest.kind == "onnx" else compute_units
    setting = RunConfig(folder, manifest.kind, manifest.precision, units, chosen)
    return Subject(name, setting, manifest.source_sha256, folder_bytes(folder))


def _check_precision(kind: str, precision: str | None, known: tuple[str, ...]) -> None:
    if precision is not None and precision not in known:
        raise UsageError(
            f"There is no precision {precision!r} for {kind}; choose one of {', '.join(known)}."
        )


def _check_cpu(runtime: str, compute_units: str | None) -> None:
    if compute_units not in (None, "cpu"):
        raise UsageError(f"The {runtime} runtime computes on the cpu; leave out --compute-units.")
