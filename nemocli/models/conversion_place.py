"""The place of a conversion: what may be replaced there, and writing it whole or not at all."""

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto
from pathlib import Path

from nemocli.disk import count_free_bytes, find_nearest_existing
from nemocli.errors import NemocliError, UsageError
from nemocli.models.folder import MODEL_MANIFEST
from nemocli.models.paths import find_cache_folder, find_models_folder
from nemocli.network.diarizer_checkpoint import SomeCheckpoint
from nemocli.removal import discard_folder, remove_tree
from nemocli.whole_file import is_abandoned, is_part, name_part, remove_abandoned, write_whole


class Occupant(Enum):
    """What lies where a conversion is to be written."""

    SAME = auto()
    #: The same conversion, or something of nemocli's that is too damaged to say which.
    DAMAGED = auto()
    #: The same conversion in another format, or by another version of nemocli.
    OUTDATED = auto()
    OTHER = auto()


def is_done(
    out: Path,
    examine: Callable[[Path], Occupant],
    force: bool,
    note: Callable[[str], None] | None,
) -> bool:
    """Tell whether a conversion is in its place already, so that nothing is to be done.

    `examine` is called with a place that is not empty; it raises UsageError for what nemocli did
    not write. `note` is called if the conversion there is damaged or outdated. With `force`, the
    answer is no. Raises UsageError for another model unless `force` is set, and for a link to
    itself.
    """
    try:
        if os.path.islink(os.path.realpath(out)):
            raise UsageError(f"{out} is a link that leads back to itself; choose another place.")
        if not out.exists() or (out.is_dir() and all(map(is_part, out.iterdir()))):
            return False
        found = examine(out)
    except OSError as error:
        raise explain_place(out, error) from None
    if found is Occupant.OTHER and not force:
        raise UsageError(
            f"{out} holds another model; choose another place, or add --force to replace it."
        )
    if found is Occupant.DAMAGED and note:
        note(f"{out} is damaged and is converted again.")
    if found is Occupant.OUTDATED and note:
        note(f"{out} was written by another version of nemocli and is converted again.")
    return found is Occupant.SAME and not force


def explain_place(out: Path, error: OSError) -> NemocliError:
    """Return the error for a place where the system refuses to write."""
    variable = _find_variable(out)
    advice = f"; set {variable} to a folder that can be written" if variable else ""
    reason = error.strerror
    if isinstance(error, FileExistsError):  # a file where one of its folders is to be made
        reason = f"{error.filename} is not a folder"
    return NemocliError(f"The model folder {out} cannot be written: {reason}{advice}.")


def _find_variable(out: Path) -> str | None:
    """Return the variable that moves one of nemocli's own folders; None for another place."""
    with suppress(NemocliError):  # a user without a home folder has none
        if out.parent == find_models_folder():
            return "NEMOCLI_MODELS_DIR"
        if out.parent == find_cache_folder() / "converted":
            return "NEMOCLI_CACHE_DIR"
    return None


def check_space(source: SomeCheckpoint, out: Path, bytes_per_weight: float) -> None:
    """Raise NemocliError if the disk has no room for a conversion."""
    weights = sum(math.prod(shape) for shape in source.weights.shapes().values())
    needed = int(weights * bytes_per_weight)
    try:
        existing = find_nearest_existing(out.absolute().parent)
    except OSError as error:  # the current folder is gone, or the name too long
        raise explain_place(out, error) from None
    free = count_free_bytes(existing)
    if free < needed:
        variable = _find_variable(out)
        place = f"set {variable} to a folder elsewhere" if variable else "choose another place"
        raise NemocliError(
            f"The model needs about {needed / 1e9:.2f} GB in {existing}, where only"
            f" {free / 1e9:.2f} GB are free; make room or {place}."
        )


def clear(place: Path) -> None:
    """Remove what killed conversions left: those of this folder, and those in nemocli's own."""
    remove_abandoned(place)
    folders = [place] if place.is_dir() else []
    with suppress(NemocliError):  # a user without a home folder has none
        own = (find_models_folder(), find_cache_folder() / "converted")
        folders += [place.parent] if str(place.parent) in map(os.path.realpath, own) else []
    for folder in folders:
        for path in folder.iterdir():
            if is_abandoned(path):
                discard_folder(path)


@contextmanager
def write_in_place(place: Path) -> Iterator[Path]:
    """Yield a temporary folder that replaces `place`, or fills it if it is empty or must stay.

    The current folder and a mount point must stay. The manifest is moved last: until then, the
    folder is not a model. Parts that other processes are writing there stay too.
    """
    is_empty = place.is_dir() and all(map(is_part, place.iterdir()))
    if not is_empty and not (place.is_dir() and _must_stay(place)):
        with write_whole(place) as part:
            yield part
        return
    part = place / name_part(place).name
    try:
        yield part
        (place / MODEL_MANIFEST).unlink(missing_ok=True)
        for path in place.iterdir():
            if not is_part(path):
                remove_tree(path)
        for path in sorted(part.iterdir(), key=lambda path: path.name == MODEL_MANIFEST):
            path.rename(place / path.name)
    finally:
        discard_folder(part)


def _must_stay(place: Path) -> bool:
    return place == Path.cwd() or place.is_mount()
