"""Download a model from the Hugging Face hub into the hub's own cache.

Not tried against the hub itself: the tests run it against a server on this machine that answers as
the hub's documentation and huggingface_hub's code say, and misbehaves as servers and lines do.
huggingface_hub does names, tokens, requests and locks; the files are fetched here, because what has
come is to be kept at every break, and nothing is to be fetched that nemocli cannot run.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from nemocli.disk import free_bytes, nearest_existing
from nemocli.errors import ModelError, NemocliError, UsageError
from nemocli.models.downloads import Place, remove_new
from nemocli.models.fetch import RemoteFile, WrongHashError, fetch, hub_utilities, size_of
from nemocli.models.folder import FileRecord
from nemocli.models.hub import (
    PINS,
    HubModel,
    checkpoint_in,
    checkpoint_of,
    find_pulled,
    is_whole_commit,
    list_commits,
)
from nemocli.models.hub_errors import explain, explain_hash
from nemocli.models.integrity import find_changed, hub_records
from nemocli.models.repository import RemoteCheckpoint, look_up_checkpoint
from nemocli.models.retries import PAUSES_S, may_pass
from nemocli.network.checkpoint import CONFIGS, WEIGHTS, list_weight_files, read_json
from nemocli.network.config import read_config

#: Called with the name of a file of weights, the bytes of it that are here, and its size in bytes.
Progress = Callable[[str, int, int], None]
Note = Callable[[str], None]


def pull(model: HubModel, progress: Progress, note: Note) -> Path:
    """Download what is missing or damaged of a model; its checkpoint folder, or its .nemo file.

    Where the hub does not have what an unverified pin says, the main branch is downloaded instead,
    and that is recorded. A commit that is here in full is not asked for. `note` is called with a
    sentence where something else happens than expected, such as a break of the connection.
    Raises ModelError if the hub has no such model, if it is none that nemocli runs, or if what came
    is not what was announced; NemocliError if the hub cannot be reached or the disk is full.
    """
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return _find_offline(model)
    # What it warns of is tried again here, and the addresses that it quotes are secret.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    here = _find_wanted(model)
    if here and is_whole_commit(model.wanted_revision) and _is_known_whole(model, here):
        return here
    try:
        _check_token()
        # Without a connection there is something to go on with, and no reason to wait for one.
        source = look_up_checkpoint(model, note, () if here else PAUSES_S)
        return _download(model, source, progress, note)
    except NemocliError:
        raise
    except Exception as error:  # huggingface_hub's and its HTTP client's, which change by version
        if here and may_pass(error) and not _find_damage(here):
            note(f"The hub cannot be reached now; {model} is used as it is here.")
            return here
        raise explain(error, model) from None


def _find_offline(model: HubModel) -> Path:
    found = find_pulled(model)
    if found is None:
        raise ModelError(
            f"The model {model} is not in the cache {model.folder.parent}, and HF_HUB_OFFLINE is"
            f" set; unset it and run: {model.pull_command}"
        )
    return found


def _find_wanted(model: HubModel) -> Path | None:
    """What is here of exactly the revision that would be downloaded, as far as it is known."""
    commits = list_commits(HubModel(model.name, model.wanted_revision))
    return checkpoint_of(model, commits[0]) if commits else None


def _is_known_whole(model: HubModel, checkpoint: Path) -> bool:
    """Whether the cache tells every file's hash, all are right, and none differs from the pin's."""
    records = hub_records(checkpoint)
    if not checkpoint.is_dir() and not records:
        return False
    if checkpoint.is_dir() and not {path.name for path in checkpoint.iterdir()} <= set(records):
        return False
    pin = PINS.get(model.name)
    if pin and pin.is_verified and model.wanted_revision == pin.revision:
        known = pin.sha256
        if any(record.sha256 != known.get(name, record.sha256) for name, record in records.items()):
            return False
    return not _find_damage(checkpoint)


def _find_damage(checkpoint: Path) -> set[str]:
    """The names of files that are not what the cache calls them by."""
    folder = checkpoint if checkpoint.is_dir() else checkpoint.parent
    return find_changed(folder, hub_records(checkpoint))


def _check_token() -> None:
    """UsageError for a token that no request could carry."""
    from huggingface_hub import get_token

    token = get_token() or ""
    if not (token.isascii() and token.isprintable()):
        raise UsageError(
            "The token for the hub has letters that no token has: set HF_TOKEN again, or log in"
            " with: hf auth login"
        )


def _download(model: HubModel, source: RemoteCheckpoint, progress: Progress, note: Note) -> Path:
    """Get the small files, look whether nemocli runs that model, and then get its weights."""
    place = Place(model, source.commit)
    missing = _find_missing(place, source.small, note)
    with _nothing_left_of(place, missing):
        _get(place, missing, lambda *_: None, note)
        weights = _choose_weights(place, source)
    missing = _find_missing(place, weights, note)
    _get(place, missing, progress, note)
    if not is_whole_commit(source.revision):
        with suppress(OSError):  # a cache that may only be read serves as well
            place.remember(source.revision)
    found = checkpoint_in(place.snapshot)
    assert found is not None
    return found


def _find_missing(place: Place, files: Sequence[RemoteFile], note: Note) -> list[RemoteFile]:
    """The files that are not here as the hub announces them."""
    here = {f.name: FileRecord(f.size, f.etag) for f in files if place.path(f).exists()}
    changed = find_changed(place.snapshot, here)
    for file in files:
        if file.name in changed:
            note(f"{place.path(file)} is damaged and is downloaded again.")
            place.discard(file)
    return [file for file in files if file.name not in here or file.name in changed]


def _choose_weights(place: Place, source: RemoteCheckpoint) -> list[RemoteFile]:
    """The files of the weights that are needed; ModelError for what nemocli does not run."""
    if not source.small:
        return source.weights
    try:
        read_config(*(read_json(place.snapshot / name) for name in CONFIGS))
        if [file.name for file in source.weights] == [WEIGHTS]:
            return source.weights
        wanted = [path.name for path in list_weight_files(place.snapshot)]
    except ModelError as error:
        raise ModelError(f"The repository {place.model} is not for nemocli: {error}") from None
    known = {file.name: file for file in source.weights}
    if lacking := [name for name in wanted if name not in known]:
        raise ModelError(
            f"The repository {place.model} lacks {lacking[0]}, which its index of weights names;"
            " choose another model."
        )
    return [known[name] for name in wanted]


@contextmanager
def _nothing_left_of(place: Place, files: Sequence[RemoteFile]) -> Iterator[None]:
    """Remove what was fetched of a model that is then refused."""
    try:
        yield
    except ModelError:
        remove_new(place, files)
        raise


def _get(place: Place, files: Sequence[RemoteFile], progress: Progress, note: Note) -> None:
    """Put files in place, fetched or from another commit."""
    if not files:
        return
    _check_space(place, files)
    place.prepare()
    for file in files:
        _get_one(place, file, progress, note)


def _get_one(place: Place, file: RemoteFile, progress: Progress, note: Note) -> None:
    from huggingface_hub import constants, hf_hub_url

    utils = hub_utilities()
    lock = place.lock(file)
    lock.parent.mkdir(parents=True, exist_ok=True)
    with utils.WeakFileLock(lock):
        if place.path(file).exists() or place.find(file):
            return
        url = hf_hub_url(
            place.model.name, file.name, revision=place.commit, endpoint=constants.ENDPOINT
        )
        try:
            fetch(
                url,
                utils.build_hf_headers(library_name="nemocli"),
                file,
                place.partial(file),
                note,
                lambda here: progress(file.name, here, file.size),
            )
        except WrongHashError as error:
            raise explain_hash(error, file.name, file.etag, place.model) from None
        place.add(file)


def _check_space(place: Place, files: Sequence[RemoteFile]) -> None:
    """NemocliError if there is no room for what is missing. Nothing is stored twice."""
    missing = sum(file.size - size_of(place.partial(file)) for file in files)
    existing = nearest_existing(place.blobs)
    free = free_bytes(existing)
    if free < missing:
        raise NemocliError(
            f"The download needs {missing / 1e9:.2f} GB in {existing}, where only"
            f" {free / 1e9:.2f} GB are free; make room, or set HF_HOME to a folder elsewhere."
        )
