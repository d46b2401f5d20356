"""From what a person names as a model to a runtime that has it loaded."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from nemocli.errors import ModelError, NemocliError, UnsupportedError, UsageError
from nemocli.models.convert import convert
from nemocli.models.folder import FORMAT, MANIFEST, read_manifest
from nemocli.network.checkpoint import TOKENIZER, Checkpoint
from nemocli.network.config import ModelConfig
from nemocli.runtimes.base import Runtime

DEMO = "demo"
RUNTIMES = ("auto", "numpy", "onnx")


@dataclass(frozen=True)
class OpenModel:
    """A model that is ready to run."""

    name: str
    runtime: Runtime
    tokenizer_path: Path


def open_model(
    model: str | Path,
    runtime: str,
    lookahead: int | None,
    progress: Callable[[str], None] | None = None,
) -> OpenModel:
    """Open `demo`, a model folder written by `nemocli convert`, or a checkpoint folder.

    A checkpoint is run by onnxruntime unless `runtime` is `numpy`: it is converted once, into the
    cache folder, by its content. Raises ModelError if the model is missing or damaged,
    UsageError for an unknown runtime or lookahead.
    """
    if runtime not in RUNTIMES:
        raise UsageError(f"There is no runtime {runtime!r}; choose one of {', '.join(RUNTIMES)}.")
    folder = demo_folder() if str(model) == DEMO else Path(model).expanduser()
    name = DEMO if str(model) == DEMO else str(folder)
    if (folder / MANIFEST).is_file():
        return _open_folder(folder, name, runtime, lookahead)
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"There is no model in {folder}: give a checkpoint folder (with config.json),"
            f" a folder written by 'nemocli convert', or '{DEMO}'."
        )
    checkpoint = Checkpoint(folder)
    if runtime == "numpy":
        from nemocli.runtimes.numpy_runtime import NumpyRuntime

        chosen = choose_lookahead(checkpoint.config, checkpoint.config.lookaheads, lookahead)
        opened = NumpyRuntime(checkpoint.parameters, chosen)
        return OpenModel(name, opened, checkpoint.tokenizer_path)
    return _open_folder(_converted(checkpoint, progress), name, runtime, lookahead)


def demo_folder() -> Path:
    """The demo checkpoint that comes with nemocli, installed or in a clone."""
    package = Path(__file__).parents[1]
    for assets in (package / "assets", package.parent / "assets"):
        if (assets / DEMO / "config.json").is_file():
            return assets / DEMO
    raise ModelError("The demo checkpoint is not part of this installation; reinstall nemocli.")


def cache_folder() -> Path:
    """Where nemocli keeps what it can make again: NEMOCLI_CACHE_DIR, or the platform's folder."""
    chosen = os.environ.get("NEMOCLI_CACHE_DIR")
    return Path(chosen) if chosen else platformdirs.user_cache_path("nemocli")


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


def _open_folder(folder: Path, name: str, runtime: str, lookahead: int | None) -> OpenModel:
    if runtime == "numpy":
        raise UsageError(
            f"{folder} is converted for onnx; the numpy runtime runs the checkpoint itself."
        )
    from nemocli.runtimes.onnx.runtime import OnnxRuntime

    manifest = read_manifest(folder)
    chosen = choose_lookahead(manifest.config, manifest.lookaheads, lookahead)
    return OpenModel(name, OnnxRuntime(folder, manifest.config, chosen), folder / TOKENIZER)


def _converted(checkpoint: Checkpoint, progress: Callable[[str], None] | None) -> Path:
    """The cached conversion of a checkpoint, made now if it is not there."""
    cache = cache_folder() / "converted"
    target = cache / f"onnx-fp32-v{FORMAT}-{checkpoint.sha256[:32]}"
    if (target / MANIFEST).is_file():
        try:
            read_manifest(target)
        except ModelError:
            pass  # damaged: made again below
        else:
            return target
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnsupportedError(
            f"The cache folder {cache} cannot be made ({error.strerror});"
            " set NEMOCLI_CACHE_DIR to a folder that can be written."
        ) from None
    try:
        convert(checkpoint.folder, target, progress=progress, force=True)
    except NemocliError:
        if not (target / MANIFEST).is_file():  # unless another process has just made it
            raise
    return target
