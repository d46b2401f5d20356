"""Download a model from the Hugging Face hub into the hub's own cache.

Not tried against the hub itself: the tests run it against a server on this machine that answers as
the hub's documentation and huggingface_hub's code say, and fails as servers and connections do.
huggingface_hub does names, tokens, requests and locks. The files are fetched here, to keep at every
break what has come, and to fetch nothing that nemocli cannot run.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from nemocli.disk import count_free_bytes, find_nearest_existing
from nemocli.errors import ModelError, NemocliError, UsageError, quote
from nemocli.models.downloads import CachedCommit, remove_new
from nemocli.models.fetch import (
    RemoteFile,
    WrongHashError,
    fetch,
    import_hub_utilities,
    measure_file,
)
from nemocli.models.folder import FileRecord
from nemocli.models.hub import (
    PINS,
    HubModel,
    find_pulled,
    find_pulled_commit,
    find_snapshot_checkpoint,
    is_whole_commit,
    list_commits,
)
from nemocli.models.hub_errors import explain, explain_hash
from nemocli.models.hub_records import list_model_files, read_hub_records
from nemocli.models.integrity import find_changed
from nemocli.models.repository import Note, RemoteRevision, find_remote_revision
from nemocli.models.retries import PAUSES_S, may_pass
from nemocli.network.checkpoint import CONFIGS, WEIGHTS, list_weight_files, read_json
from nemocli.network.config import read_config
from nemocli.network.diarizer_checkpoint import DIARIZER_CONFIGS, is_diarizer_checkpoint
from nemocli.network.diarizer_config import read_diarizer_config

#: Called with the name of a file of weights, its bytes that are here, and its size in bytes.
DownloadProgress = Callable[[str, int, int], None]


def pull(model: HubModel, progress: DownloadProgress, note: Note) -> Path:
    """Download missing and damaged files of a model; return its checkpoint folder or .nemo file.

    If the hub does not have what an unverified pin says, the main branch is downloaded instead,
    and that is recorded. A commit that is here in full causes no request. `note` is called with a
    sentence for everything unexpected, such as a break of the connection. Raises ModelError if the
    hub has no such model, if nemocli cannot run it, or if a file is not the announced one;
    NemocliError if the hub cannot be reached or the disk is full.
    """
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return _find_offline(model)
    # Its warnings are about requests that are retried here, and they quote secret addresses.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    here = _find_cached(model)
    if here and is_whole_commit(model.revision_to_pull) and _is_known_whole(model, here):
        return here
    try:
        _check_endpoint()
        _check_token()
        # With a model here, there is no reason to wait for a connection.
        remote = find_remote_revision(model, note, () if here else PAUSES_S)
        return _download(model, remote, progress, note)
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


def _find_cached(model: HubModel) -> Path | None:
    """Return the checkpoint that is here of the revision to download, or None."""
    commits = list_commits(HubModel(model.name, model.revision_to_pull))
    return find_pulled_commit(model, commits[0]) if commits else None


def _is_known_whole(model: HubModel, checkpoint: Path) -> bool:
    """Return whether all hashes are known to the cache, right, and equal to those of the pin."""
    records = read_hub_records(checkpoint)
    if not checkpoint.is_dir() and not records:
        return False
    folder = checkpoint if checkpoint.is_dir() else checkpoint.parent
    names = {path.relative_to(folder).as_posix() for path in list_model_files(checkpoint)}
    if checkpoint.is_dir() and not names <= set(records):
        return False
    pin = PINS.get(model.name)
    if pin and pin.is_verified and model.revision_to_pull == pin.revision:
        known = pin.sha256
        if any(record.sha256 != known.get(name, record.sha256) for name, record in records.items()):
            return False
    return not _find_damage(checkpoint)


def _find_damage(checkpoint: Path) -> set[str]:
    """Return the names of files whose hashes differ from those in the cache."""
    folder = checkpoint if checkpoint.is_dir() else checkpoint.parent
    return find_changed(folder, read_hub_records(checkpoint))


def _check_endpoint() -> None:
    """Raise UsageError if HF_ENDPOINT is not the address of a server."""
    from huggingface_hub import constants

    try:
        parts = urlsplit(constants.ENDPOINT)
        is_address = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # such as a port of letters
        is_address = False
    if not is_address or any(sign.isspace() for sign in constants.ENDPOINT):
        raise UsageError(
            f"HF_ENDPOINT is not the address of a hub: {quote(constants.ENDPOINT)}; write"
            " https://HOST, or unset it."
        )


def _check_token() -> None:
    """Raise UsageError for a token that cannot be part of a request."""
    from huggingface_hub import get_token

    token = get_token() or ""
    if not (token.isascii() and token.isprintable()):
        raise UsageError(
            "The token for the hub has letters that no token has: set HF_TOKEN again, or log in"
            " with: hf auth login"
        )


def _download(
    model: HubModel, remote: RemoteRevision, progress: DownloadProgress, note: Note
) -> Path:
    """Get the small files, check that nemocli can run the model, and then get its weights."""
    cached = CachedCommit(model, remote.commit)
    missing = _find_missing(cached, remote.small, note)
    with _remove_if_refused(cached, missing):
        _get_files(cached, missing, lambda *_: None, note)
        weights = _choose_weights(cached, remote)
    missing = _find_missing(cached, weights, note)
    _get_files(cached, missing, progress, note)
    with suppress(OSError):  # a read-only cache can be used as well
        cached.keep_records([*remote.small, *weights])
    if not is_whole_commit(remote.revision):
        with suppress(OSError):
            cached.remember(remote.revision)
    found = find_snapshot_checkpoint(cached.snapshot)
    assert found is not None
    return found


def _find_missing(
    cached: CachedCommit, files: Sequence[RemoteFile], note: Note
) -> list[RemoteFile]:
    """Return the files that are missing here, or damaged; damaged ones are removed."""
    here = {f.name: FileRecord(f.size, f.etag) for f in files if cached.locate(f).exists()}
    changed = find_changed(cached.snapshot, here)
    for file in files:
        if file.name in changed:
            note(f"{cached.locate(file)} is damaged and is downloaded again.")
            cached.discard(file)
    return [file for file in files if file.name not in here or file.name in changed]


def _choose_weights(cached: CachedCommit, remote: RemoteRevision) -> list[RemoteFile]:
    """Return the needed files of weights; ModelError if nemocli cannot run the model."""
    if remote.is_bundle or not remote.small:
        return remote.weights
    try:
        if is_diarizer_checkpoint(cached.snapshot):
            read_diarizer_config(*(read_json(cached.snapshot / name) for name in DIARIZER_CONFIGS))
        else:
            read_config(*(read_json(cached.snapshot / name) for name in CONFIGS))
        if [file.name for file in remote.weights] == [WEIGHTS]:
            return remote.weights
        names = [path.name for path in list_weight_files(cached.snapshot)]
    except ModelError as error:
        raise ModelError(f"The repository {cached.model} is not for nemocli: {error}") from None
    known = {file.name: file for file in remote.weights}
    if lacking := [name for name in names if name not in known]:
        raise ModelError(
            f"The repository {cached.model} lacks {lacking[0]}, which its index of weights names;"
            " choose another model."
        )
    return [known[name] for name in names]


@contextmanager
def _remove_if_refused(cached: CachedCommit, files: Sequence[RemoteFile]) -> Iterator[None]:
    """Remove the fetched files if the block refuses the model with a ModelError."""
    try:
        yield
    except ModelError:
        remove_new(cached, files)
        raise


def _get_files(
    cached: CachedCommit, files: Sequence[RemoteFile], progress: DownloadProgress, note: Note
) -> None:
    """Put files in place, fetched or from another commit."""
    if not files:
        return
    _check_space(cached, files)
    cached.prepare()
    for file in files:
        _get_file(cached, file, progress, note)


def _get_file(
    cached: CachedCommit, file: RemoteFile, progress: DownloadProgress, note: Note
) -> None:
    from huggingface_hub import constants, hf_hub_url

    utils = import_hub_utilities()
    lock = cached.locate_lock(file)
    lock.parent.mkdir(parents=True, exist_ok=True)
    with utils.WeakFileLock(lock):
        if cached.locate(file).exists() or cached.reuse(file):
            return
        url = hf_hub_url(
            cached.model.name, file.name, revision=cached.commit, endpoint=constants.ENDPOINT
        )
        try:
            fetch(
                url,
                utils.build_hf_headers(library_name="nemocli"),
                file,
                cached.locate_partial(file),
                note,
                lambda here: progress(file.name, here, file.size),
            )
        except WrongHashError as error:
            raise explain_hash(error, file.name, file.etag, cached.model) from None
        cached.add(file)


def _check_space(cached: CachedCommit, files: Sequence[RemoteFile]) -> None:
    """Raise NemocliError if the disk has no room for the missing files; nothing is stored twice."""
    missing = sum(file.size - measure_file(cached.locate_partial(file)) for file in files)
    existing = find_nearest_existing(cached.blobs)
    free = count_free_bytes(existing)
    if free < missing:
        raise NemocliError(
            f"The download needs {missing / 1e9:.2f} GB in {existing}, where only"
            f" {free / 1e9:.2f} GB are free; make room, or set HF_HOME to a folder elsewhere."
        )
