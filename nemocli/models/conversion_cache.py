"""Conversions made in passing, kept in the cache folder by the content of their checkpoints."""

from contextlib import suppress
from pathlib import Path

from nemocli.errors import ModelError, NemocliError, UnsupportedError
from nemocli.models.convert import convert
from nemocli.models.folder import FORMAT, MODEL_MANIFEST, read_manifest
from nemocli.models.integrity import check_folder
from nemocli.models.paths import (
    find_cache_folder,
    find_demo_folder,
    find_diarization_demo_folder,
)
from nemocli.models.temporary_cache import make_writable, use_temporary_cache
from nemocli.remark import Remark
from nemocli.runtimes.kind import Progress


def convert_into_cache(
    checkpoint: Path,
    revision: str,
    kind: str,
    precision: str,
    name: str,
    progress: Progress | None = None,
    untrained_lookahead: int | None = None,
) -> Path:
    """Return a checkpoint's model folder in the cache folder; convert it now if it is not there.

    `revision` is the checkpoint's hash, which names the folder. `progress` is called with a
    sentence for each graph, which has the model's `name`, and with a Remark if a damaged folder is
    converted again. A demo, which is small, is converted into a temporary folder if the cache
    cannot be written. A lookahead that the model was not trained for has a folder of its own, for
    it alone. Raises UnsupportedError if the cache folder cannot be made, and what `convert` raises.
    """
    folder = f"{kind}-{precision}-v{FORMAT}-{revision[:32]}"
    lookaheads = None if untrained_lookahead is None else [untrained_lookahead]
    if lookaheads:
        folder += f"-lookahead{untrained_lookahead}"
    try:
        cache = find_cache_folder() / "converted"
        if _is_intact(cache / folder, progress):
            return cache / folder
        make_writable(cache)
    except UnsupportedError as error:
        if not _is_demo(checkpoint):
            raise
        cache = use_temporary_cache(error, progress)
        if _is_intact(cache / folder, progress):
            return cache / folder
    target = cache / folder
    is_damaged = target.is_dir()
    if is_damaged and progress:
        progress(Remark(f"{target} is damaged and is converted again."))

    def describe(graph: str, number: int, total: int) -> None:
        if progress:
            progress(f"converting {name} for {kind}, once: {graph}, {number} of {total}")

    try:
        convert(
            *(checkpoint, target, kind, precision, lookaheads, describe, is_damaged),
            untrained_lookaheads=bool(lookaheads),
        )
    except NemocliError:
        if not (target / MODEL_MANIFEST).is_file():  # unless another process has just made it
            raise
    return target


def _is_demo(checkpoint: Path) -> bool:
    for find in (find_demo_folder, find_diarization_demo_folder):
        with suppress(ModelError):
            if checkpoint == find():
                return True
    return False


def _is_intact(folder: Path, progress: Progress | None) -> bool:
    """Return whether a model folder exists with every file as it was written."""
    with suppress(OSError, ModelError):
        if folder.is_dir():
            check_folder(folder, read_manifest(folder), progress)
            return True
    return False
