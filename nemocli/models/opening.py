"""From what a person names as a model to a runtime that has it loaded."""

import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from nemocli.errors import ModelError, NemocliError, UnsupportedError, UsageError
from nemocli.models.convert import convert
from nemocli.models.folder import FORMAT, MANIFEST, Manifest, check_content, read_manifest
from nemocli.models.named import find_model
from nemocli.models.paths import cache_folder, demo_folder
from nemocli.models.temporary_cache import make_writable, use_temporary_cache
from nemocli.network.checkpoint import TOKENIZER, AnyCheckpoint, open_checkpoint
from nemocli.network.config import ModelConfig
from nemocli.network.small_file import read_text
from nemocli.runtimes.base import Runtime
from nemocli.runtimes.kinds import KINDS

RUNTIMES = ("auto", "numpy", *KINDS)


@dataclass(frozen=True)
class OpenModel:
    """A model that is ready to run."""

    name: str
    runtime: Runtime
    tokenizer_json: str
    #: Of the encoder's weights.
    precision: str
    #: SHA-256 over the checkpoint they come from.
    revision: str


def open_model(
    model: str | Path,
    runtime: str,
    lookahead: int | None,
    compute_units: str | None = None,
    progress: Callable[[str], None] | None = None,
) -> OpenModel:
    """Open `demo`, a model folder, a checkpoint, a .nemo archive, or a model of the hub.

    A model folder is what `nemocli convert` writes; a model of the hub, `owner/name`, is what was
    converted from it or downloaded. A checkpoint is run by onnxruntime unless `runtime` names
    another: for all but numpy it is converted once, into the cache folder, by its content. Raises
    ModelError if the model is missing or damaged, UsageError for an unknown runtime or lookahead,
    UnsupportedError for a runtime that this machine has not.
    """
    check_runtime(runtime)
    found = find_model(model, runtime)
    name = found.name
    if found.is_converted:
        return _open_folder(found.path, name, runtime, lookahead, compute_units, progress)
    checkpoint = open_checkpoint(found.path)
    if runtime == "numpy":
        from nemocli.runtimes.numpy_runtime import NumpyRuntime

        _refuse_compute_units("numpy", compute_units)
        chosen = choose_lookahead(checkpoint.config, checkpoint.config.lookaheads, lookahead)
        opened = NumpyRuntime(checkpoint.parameters, chosen)
        return OpenModel(name, opened, checkpoint.tokenizer, "fp32", checkpoint.sha256)
    kind = "onnx" if runtime == "auto" else runtime
    converted = converted_in_cache(checkpoint, kind, precision_here(kind), progress)
    return _open_folder(converted, name, runtime, lookahead, compute_units, progress)


def check_runtime(runtime: str) -> None:
    """UsageError for an unknown runtime, UnsupportedError for one that this machine has not.

    For before a download or a conversion that this machine could not use.
    """
    if runtime not in RUNTIMES:
        raise UsageError(f"There is no runtime {runtime!r}; choose one of {', '.join(RUNTIMES)}.")
    if runtime == "coreml":
        from nemocli.runtimes.coreml.runtime import CoreML

        CoreML()
    if runtime == "coreai" and find_spec("coreai") is None:
        from nemocli.runtimes.coreai.runtime import MISSING

        raise UnsupportedError(MISSING)


def converted_in_cache(
    checkpoint: AnyCheckpoint,
    kind: str,
    precision: str,
    progress: Callable[[str], None] | None = None,
) -> Path:
    """The model folder of a checkpoint in the cache folder, made now if it is not there.

    The demo, which is small, is converted into a temporary folder where there is no cache. Raises
    UnsupportedError if the cache folder cannot be made, and as `convert` does.
    """
    name = f"{kind}-{precision}-v{FORMAT}-{checkpoint.sha256[:32]}"
    try:
        cache = cache_folder() / "converted"
        if _is_intact(cache / name):
            return cache / name
        make_writable(cache)
    except UnsupportedError as error:
        if checkpoint.path != demo_folder():
            raise
        cache = use_temporary_cache(error, progress)
        if _is_intact(cache / name):
            return cache / name
    target = cache / name

    def tell(name: str, number: int, total: int) -> None:
        if progress:
            progress(f"converting it for {kind}, once: {name}, {number} of {total}")

    try:
        convert(checkpoint.path, target, kind, precision, progress=tell, force=True)
    except NemocliError:
        if not (target / MANIFEST).is_file():  # unless another process has just made it
            raise
    return target


def _is_intact(folder: Path) -> bool:
    """Whether a model folder is there and can be read; one that is damaged is made again."""
    with suppress(OSError, ModelError):
        if (folder / MANIFEST).is_file():
            read_manifest(folder)
            return True
    return False


def open_folder(folder: Path) -> OpenModel:
    """Open a model folder by the runtime it was written for, at its default lookahead."""
    return _open_folder(folder, str(folder), "auto", None, None, None)


def choose_lookahead(config: ModelConfig, present: tuple[int, ...], wanted: int | None) -> int:
    """The lookahead asked for, or the model's default; UsageError if the model lacks it."""
    if wanted is None:
        return config.default_lookahead if config.default_lookahead in present else present[0]
    if wanted not in present:
        raise UsageError(
            f"The model has no lookahead {wanted};"
            f" choose from {', '.join(str(n) for n in sorted(present))}."
        )
    return wanted


def _open_folder(
    folder: Path,
    name: str,
    runtime: str,
    lookahead: int | None,
    compute_units: str | None,
    progress: Callable[[str], None] | None,
) -> OpenModel:
    manifest = read_manifest(folder)
    check_content(folder, manifest)
    if runtime not in ("auto", manifest.kind):
        raise UsageError(
            f"{folder} is converted for {manifest.kind}, not for {runtime};"
            " give the checkpoint itself, or convert it again."
        )
    chosen = choose_lookahead(manifest.config, manifest.lookaheads, lookahead)
    opened = _RUNTIMES[manifest.kind](folder, manifest, chosen, compute_units, progress)
    try:
        tokenizer = read_text(folder / TOKENIZER)
    except (OSError, ValueError):
        raise ModelError(
            f"{folder / TOKENIZER} is damaged; convert the checkpoint again."
        ) from None
    return OpenModel(name, opened, tokenizer, manifest.precision, manifest.source_sha256)


def _onnx(
    folder: Path,
    manifest: Manifest,
    lookahead: int,
    compute_units: str | None,
    progress: Callable[[str], None] | None,
) -> Runtime:
    from nemocli.runtimes.onnx.runtime import OnnxRuntime

    _refuse_compute_units("onnx", compute_units)
    return OnnxRuntime(folder, manifest.config, lookahead)


def _coreml(
    folder: Path,
    manifest: Manifest,
    lookahead: int,
    compute_units: str | None,
    progress: Callable[[str], None] | None,
) -> Runtime:
    from nemocli.runtimes.coreml.runtime import CoreMLRuntime

    return CoreMLRuntime(
        folder,
        manifest.config,
        lookahead,
        hashes={name: record.sha256 for name, record in manifest.files.items()},
        compiled=cache_folder() / "compiled",
        compute_units=compute_units or "ane",
        progress=progress,
        encoder_dtype="float32" if manifest.precision == "fp32" else "float16",
    )


def _coreai(
    folder: Path,
    manifest: Manifest,
    lookahead: int,
    compute_units: str | None,
    progress: Callable[[str], None] | None,
) -> Runtime:
    from nemocli.runtimes.coreai.runtime import CoreAIRuntime

    units = compute_units or "all"
    return CoreAIRuntime(folder, manifest.config, lookahead, manifest.precision, units)


_RUNTIMES = {"onnx": _onnx, "coreml": _coreml, "coreai": _coreai}


def _refuse_compute_units(runtime: str, compute_units: str | None) -> None:
    if compute_units not in (None, "cpu"):
        raise UsageError(f"The {runtime} runtime computes on the cpu; leave out --compute-units.")


def precision_here(kind: str) -> str:
    """The kind's own precision, but on a processor Core AI is quick enough only in float32."""
    if kind == "coreai" and sys.platform != "darwin":
        return "fp32"
    return KINDS[kind].default_precision
