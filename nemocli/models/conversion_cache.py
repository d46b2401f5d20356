"""Conversions made in passing, kept in the cache folder by the content of their checkpoints."""

from contextlib import suppress
from pathlib import Path

from nemocli.errors import ModelError, NemocliError, UnsupportedError
from nemocli.models.convert import convert
from nemocli.models.folder import FORMAT, MANIFEST, read_manifest
from nemocli.models.paths import cache_folder
from nemocli.runtimes.kind import Progress


def convert_into_cache(
    checkpoint: Path, revision: str, kind: str, precision: str, progress: Progress | None = None
) -> Path:
    """Return a checkpoint's model folder in the cache folder, made now if it is not there.

    `revision` is the checkpoint's hash, by which it is kept; `progress` is called with a sentence
    for each graph. Raises UnsupportedError if the cache folder cannot be made, and as `convert`.
    """
    cache = cache_folder() / "converted"
    target = cache / f"{kind}-{precision}-v{FORMAT}-{revision[:32]}"
    try:
        if (target / MANIFEST).is_file():
            with suppress(ModelError):  # damaged: made again below
                read_manifest(target)
                return target
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnsupportedError(
            f"The cache folder {cache} cannot be used ({error.strerror});"
            " set NEMOCLI_CACHE_DIR to a folder that can be written."
        ) from None

    def describe(name: str, number: int, total: int) -> None:
        if progress:
            progress(f"converting it for {kind}, once: {name}, {number} of {total}")

    try:
        convert(checkpoint, target, kind, precision, progress=describe, force=True)
    except NemocliError:
        if not (target / MANIFEST).is_file():  # unless another process has just made it
            raise
    return target
