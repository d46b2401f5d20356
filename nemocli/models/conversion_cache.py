"""Conversions made in passing, kept in the cache folder by the content of their checkpoints."""

from contextlib import suppress
from pathlib import Path

from nemocli.errors import ModelError, NemocliError, UnsupportedError
from nemocli.models.convert import convert
from nemocli.models.folder import FORMAT, MANIFEST, read_manifest
from nemocli.models.paths import cache_folder, demo_folder
from nemocli.models.temporary_cache import make_writable, use_temporary_cache
from nemocli.runtimes.kind import Progress


def convert_into_cache(
    checkpoint: Path, revision: str, kind: str, precision: str, progress: Progress | None = None
) -> Path:
    """Return a checkpoint's model folder in the cache folder, made now if it is not there.

    `revision` is the checkpoint's hash, by which it is kept; `progress` is called with a sentence
    for each graph. The demo, which is small, is converted into a temporary folder where there is no
    cache. Raises UnsupportedError if the cache folder cannot be made, and as `convert`.
    """
    name = f"{kind}-{precision}-v{FORMAT}-{revision[:32]}"
    try:
        cache = cache_folder() / "converted"
        if _is_intact(cache / name):
            return cache / name
        make_writable(cache)
    except UnsupportedError as error:
        if checkpoint != demo_folder():
            raise
        cache = use_temporary_cache(error, progress)
        if _is_intact(cache / name):
            return cache / name
    target = cache / name

    def describe(graph: str, number: int, total: int) -> None:
        if progress:
            progress(f"converting it for {kind}, once: {graph}, {number} of {total}")

    try:
        convert(checkpoint, target, kind, precision, progress=describe, force=True)
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
