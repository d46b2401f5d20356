"""Download a model from the Hugging Face hub into the hub's own cache.

Not tried against the hub itself: the tests run it against a server on this machine that answers as
the hub's documentation and huggingface_hub's code say. What is interrupted goes on where it
stopped, which huggingface_hub does no more since its version 1: the large files are fetched here,
and it does the rest.
"""

import errno
import hashlib
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nemocli.disk import free_bytes, nearest_existing
from nemocli.errors import ModelError, NemocliError, UnsupportedError, UsageError
from nemocli.models.hub import INCOMPLETE, MAIN, PINS, HubModel, find_pulled, write_taken
from nemocli.network.checkpoint import CONFIGS, TOKENIZER, WEIGHTS, WEIGHTS_INDEX

#: Files of a checkpoint; those that a repository lacks are missed when the checkpoint is opened.
_WANTED = (*CONFIGS, TOKENIZER, "tokenizer_config.json", WEIGHTS, WEIGHTS_INDEX)

#: What a disk says to a file that is open, without the file's name.
_DISK_FAILURES = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG)

#: Files are kept under their hashes, which must not lead elsewhere.
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class _File:
    """A file of the repository; the hash is known of large files only."""

    name: str
    size: int
    sha256: str | None


def pull(
    model: HubModel,
    progress: Callable[[str], None],
    note: Callable[[str], None],
    *,
    show_bars: bool = False,
) -> Path:
    """Download what is missing of a model; its checkpoint folder, or its .nemo file.

    Where the hub does not have what an unverified pin says, the main branch is downloaded instead,
    and that is recorded. `progress` is called with the name of each large file, `note` with a
    sentence where something else is downloaded than expected; `show_bars` draws bars on stderr.
    Raises ModelError if the hub has no such model, or what came is not what was announced,
    NemocliError if the hub cannot be reached or the disk is full.
    """
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        found = find_pulled(model)
        if found is None:
            raise ModelError(
                f"The model {model} is not in the cache {model.folder.parent}, and HF_HUB_OFFLINE"
                f" is set; unset it and run: {model.pull_command}"
            )
        return found
    # What it warns of is repeated, and said in one sentence if it ends the download.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    if not show_bars:
        _utils().disable_progress_bars()
    try:
        _download(model, progress, note)
    except NemocliError:
        raise
    except Exception as error:  # huggingface_hub's and its HTTP client's, which change by version
        raise _explained(error, model) from None
    found = find_pulled(model)
    if found is None:
        raise ModelError(
            f"The repository {model} has no checkpoint of this architecture: neither"
            f" {', '.join((*CONFIGS, TOKENIZER, WEIGHTS))}, nor one .nemo file."
        )
    return found


def _download(
    model: HubModel, progress: Callable[[str], None], note: Callable[[str], None]
) -> None:
    from huggingface_hub import constants, snapshot_download

    blobs = model.folder / "blobs"
    source = _choose_source(model, note)
    files = source.files
    _check_space(files, blobs)
    for file in files:
        if file.sha256:
            progress(file.name)
            _fetch(model, source.commit, file, blobs)
    snapshot_download(
        model.name,
        revision=source.revision,
        allow_patterns=[file.name for file in files],
        endpoint=constants.ENDPOINT,
        library_name="nemocli",
    )


@dataclass(frozen=True)
class _Source:
    """A revision of a repository as the hub has it, and the files of it that are needed."""

    revision: str
    commit: str
    files: list[_File]


def _choose_source(model: HubModel, note: Callable[[str], None]) -> _Source:
    """Look up what is to be downloaded: the revision wanted, or main for an unverified pin."""
    from huggingface_hub.errors import RevisionNotFoundError

    try:
        source = _look_up(model, model.wanted_revision)
    except RevisionNotFoundError:
        if model.pin is None or model.pin.is_verified:
            raise
        return _take_main(model, f"the hub has no revision {model.wanted_revision}", note)
    wrong = _unlike_pin(model, source)
    pin = PINS.get(model.name)
    if wrong and pin and pin.is_verified:
        raise ModelError(
            f"The hub's {wrong.name} of {model} is not the one that nemocli knows: SHA-256"
            f" {wrong.sha256} instead of {pin.sha256[wrong.name]}."
        )
    if wrong and model.pin:  # and not a commit that was asked for, which is what it is
        return _take_main(model, f"its {wrong.name} has another SHA-256 there", note)
    return source


def _unlike_pin(model: HubModel, source: _Source) -> _File | None:
    """A file of the pinned commit that has another hash than the pin says."""
    pin = PINS.get(model.name)
    if pin is None or source.commit != pin.revision:
        return None
    known = pin.sha256
    return next((f for f in source.files if f.sha256 != known.get(f.name, f.sha256)), None)


def _look_up(model: HubModel, revision: str) -> _Source:
    from huggingface_hub import HfApi

    api = HfApi(library_name="nemocli")
    info = api.model_info(model.name, revision=revision, files_metadata=True)
    return _Source(revision, str(info.sha), _needed(info.siblings or [], model))


def _take_main(model: HubModel, why: str, note: Callable[[str], None]) -> _Source:
    """Take the main branch in place of a pin that nobody verified; say and record it."""
    main = _look_up(model, MAIN)
    source = replace(main, revision=main.commit)  # the branch may move on while it is downloaded
    hashes = {file.name: file.sha256 for file in source.files if file.sha256}
    note(
        f"The revision of {model} that nemocli expects is not to be had ({why}); its main branch is"
        f" taken instead, at commit {source.commit}."
    )
    write_taken(model, source.commit, why, hashes)
    return source


def _needed(siblings: Sequence[Any], model: HubModel) -> list[_File]:
    """The files of a checkpoint in the hub's layout, or else the only .nemo archive."""
    files = [
        _File(
            name=entry.rfilename,
            size=int(entry.size or 0),
            sha256=entry.lfs.sha256 if entry.lfs else None,
        )
        for entry in siblings
        if "/" not in entry.rfilename
    ]
    if not all(file.sha256 is None or _SHA256.fullmatch(file.sha256) for file in files):
        raise ModelError(f"The hub describes the files of {model} in a way nobody understands.")
    names = {file.name for file in files}
    if {"config.json", TOKENIZER} <= names:
        shards = WEIGHTS not in names
        return [
            file
            for file in files
            if file.name in _WANTED or (shards and file.name.endswith(".safetensors"))
        ]
    archives = [file for file in files if file.name.endswith(".nemo")]
    if len(archives) != 1:
        raise ModelError(
            f"The repository {model} has neither a checkpoint in the layout of transformers nor one"
            " .nemo archive; choose another model."
        )
    return archives


def _check_space(files: Sequence[_File], blobs: Path) -> None:
    missing = sum(
        file.size - _size(_partial(blobs, file))
        for file in files
        if not (file.sha256 and (blobs / file.sha256).exists())
    )
    existing = nearest_existing(blobs)
    free = free_bytes(existing)
    if free < missing:
        raise NemocliError(
            f"The download needs {missing / 1e9:.2f} GB in {existing}, where only"
            f" {free / 1e9:.2f} GB are free; make room, or set HF_HOME to a folder elsewhere."
        )


def _fetch(model: HubModel, commit: str, file: _File, blobs: Path) -> None:
    """Put a large file where huggingface_hub looks for it: under its hash, among the blobs."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import get_hf_file_metadata, http_get

    assert file.sha256
    blob, partial = blobs / file.sha256, _partial(blobs, file)
    blobs.mkdir(parents=True, exist_ok=True)
    with _utils().WeakFileLock(blobs / f"{file.sha256}.lock"):
        if blob.exists():
            return
        url = hf_hub_url(model.name, file.name, revision=commit)
        headers = _utils().build_hf_headers(library_name="nemocli")
        # A file elsewhere is addressed by a signed link, which must not be sent the hub's token.
        location = get_hf_file_metadata(url, headers=headers).location
        if location != url:
            headers = {}
        if _size(partial) > file.size:
            partial.unlink()
        with partial.open("ab") as target:
            http_get(
                location,
                target,
                resume_size=target.tell(),
                headers=headers,
                expected_size=file.size,
                displayed_filename=file.name,
            )
        with partial.open("rb") as done:
            digest = hashlib.file_digest(done, "sha256").hexdigest()
        if digest != file.sha256:
            partial.unlink()
            raise ModelError(
                f"The downloaded {file.name} is damaged (SHA-256 {digest} instead of"
                f" {file.sha256}); run again: {model.pull_command}"
            )
        partial.replace(blob)
    (blobs / f"{file.sha256}.lock").unlink(missing_ok=True)


def _utils() -> Any:
    """Documented, but exported in a way that type checkers do not see."""
    import huggingface_hub.utils

    return huggingface_hub.utils


def _partial(blobs: Path, file: _File) -> Path:
    return blobs / f"{file.sha256}{INCOMPLETE}"


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _explained(error: Exception, model: HubModel) -> NemocliError:
    from huggingface_hub import constants, errors

    if "proxy" in str(error) and isinstance(error, (ImportError, ValueError)):
        return _no_proxy(error)
    if isinstance(error, errors.GatedRepoError):
        return ModelError(
            f"The model {model} asks for agreement: agree on {constants.ENDPOINT}/{model.name}, and"
            " log in with: hf auth login"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return ModelError(f"The model {model.name} has no revision {model.wanted_revision!r}.")
    if isinstance(error, errors.RepositoryNotFoundError):
        return ModelError(
            f"The hub has no model {model.name}, or not for you; check the name, and for a private"
            " model log in with: hf auth login"
        )
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        return ModelError(
            f"The hub does not give {model} to you (HTTP status {status}); log in with:"
            " hf auth login"
        )
    if status is not None:
        return NemocliError(
            f"The hub at {constants.ENDPOINT} answered with HTTP status {status}; try again later:"
            f" {model.pull_command}"
        )
    if isinstance(error, OSError) and error.strerror and error.filename:
        return NemocliError(f"The file {error.filename} cannot be written: {error.strerror}.")
    if isinstance(error, OSError) and error.errno in _DISK_FAILURES:
        return NemocliError(
            f"The download cannot be written in {model.folder}: {error.strerror}; what has come is"
            f" kept, so when that is mended run again: {model.pull_command}"
        )
    return NemocliError(
        f"The download from {constants.ENDPOINT} failed ({type(error).__name__}); what has come is"
        f" kept, so when the connection is back run again: {model.pull_command}"
    )


def _no_proxy(error: Exception) -> NemocliError:
    """For what the HTTP client says of the proxy in the environment before it connects."""
    if isinstance(error, ImportError):
        return UnsupportedError(
            "The proxy of this environment (ALL_PROXY, HTTPS_PROXY) is a SOCKS proxy, for which a"
            " package is missing; add it beside nemocli with: pip install socksio"
        )
    return UsageError(
        "The proxy of this environment (ALL_PROXY, HTTPS_PROXY) is of a kind that is not known;"
        " write http://HOST:PORT or socks5://HOST:PORT."
    )
