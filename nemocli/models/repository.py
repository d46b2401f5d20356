"""Look up a model on the hub: which commit is meant, and which of its files are needed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nemocli.errors import ModelError
from nemocli.models.fetch import RemoteFile
from nemocli.models.hub import MAIN, PINS, HubModel, is_short_commit, write_pin_replacement
from nemocli.models.hub_hash import SHA1, SHA256
from nemocli.models.retries import PAUSES_S, retry
from nemocli.network.architectures import (
    DIARIZATION,
    ONLY_THESE,
    describe_other,
    refuse_other_architecture,
)
from nemocli.network.checkpoint import CONFIGS, TOKENIZER, WEIGHTS, WEIGHTS_INDEX
from nemocli.network.diarizer_checkpoint import DIARIZER_CONFIGS
from nemocli.runtimes.coreai.bundle import MACOS, PROGRAM, STREAM_GRAPHS, TYPES, Bundle

#: Files beside the weights that a checkpoint must have, and one that it may have.
_NEEDED, _USEFUL = (*CONFIGS, TOKENIZER), "tokenizer_config.json"

Note = Callable[[str], None]


@dataclass(frozen=True)
class RemoteRevision:
    """A revision of a repository as the hub has it."""

    revision: str
    commit: str
    #: Configurations, tokenizer and the index of the weights; empty for an archive.
    small: list[RemoteFile]
    #: The file of the weights, or all that their index may name, or the archive.
    weights: list[RemoteFile]
    #: Whether it is a bundle of Core AI graphs; otherwise, it is a checkpoint.
    is_bundle: bool = False


def find_remote_revision(
    model: HubModel, note: Note, pauses: tuple[int, ...] = PAUSES_S
) -> RemoteRevision:
    """Look up the revision to download: the requested one, or main instead of an unverified pin.

    `pauses` are those of `retry`. Raises ModelError if nemocli cannot run what the repository has,
    or if that differs from a verified pin, and what huggingface_hub raises.
    """
    return _Lookup(model, note, pauses).choose()


class _Lookup:
    """Requests to the hub about one model."""

    def __init__(self, model: HubModel, note: Note, pauses: tuple[int, ...]) -> None:
        from huggingface_hub import HfApi, constants

        self._model, self._note, self._pauses = model, note, pauses
        self._note_break = lambda what: note(f"Asking the hub: {what}")
        self._api = HfApi(endpoint=constants.ENDPOINT, library_name="nemocli")
        self._timeout = constants.HF_HUB_ETAG_TIMEOUT

    def choose(self) -> RemoteRevision:
        from huggingface_hub.errors import RevisionNotFoundError

        model = self._model
        try:
            remote = self._look_up(model.revision_to_pull)
        except RevisionNotFoundError:
            if commit := self._find_short(model.revision_to_pull):
                return self._look_up(commit)
            if model.pin is None or model.pin.is_verified:
                raise
            return self._take_main(f"the hub has no revision {model.revision_to_pull}")
        wrong = _find_unlike_pin(model, remote)
        pin = PINS.get(model.name)
        if wrong and pin and pin.is_verified:
            raise ModelError(
                f"The hub's {wrong.name} of {model} is not the one that nemocli knows: SHA-256"
                f" {wrong.etag} instead of {pin.sha256[wrong.name]}."
            )
        if wrong and model.pin:  # a commit that the user gave is never replaced
            return self._take_main(f"its {wrong.name} has another SHA-256 there")
        return remote

    def _look_up(self, revision: str) -> RemoteRevision:
        name = self._model.name

        def ask() -> Any:
            return self._api.model_info(
                name, revision=revision, files_metadata=True, timeout=self._timeout
            )

        info = retry(ask, self._note_break, pauses=self._pauses)
        commit = str(info.sha)
        if bundle := _choose_bundle(info, self._model):
            return RemoteRevision(revision, commit, *bundle, is_bundle=True)
        return RemoteRevision(revision, commit, *_choose_files(info, self._model))

    def _find_short(self, revision: str) -> str | None:
        """Return the only commit of the main branch whose hash begins like this, or None."""
        if not is_short_commit(revision):
            return None

        def ask() -> list[str]:
            return [each.commit_id for each in self._api.list_repo_commits(self._model.name)]

        commits = retry(ask, self._note_break, pauses=self._pauses)
        found = [commit for commit in commits if commit.startswith(revision)]
        return found[0] if len(found) == 1 else None

    def _take_main(self, why: str) -> RemoteRevision:
        """Return the main branch, instead of an unverified pin; call `note` and record it."""
        model = self._model
        main = self._look_up(MAIN)
        remote = replace(main, revision=main.commit)  # the branch may move on meanwhile
        hashes = {file.name: file.etag for file in remote.weights}
        self._note(
            f"The revision of {model} that nemocli expects is not available ({why}); its main"
            f" branch is taken instead, at commit {remote.commit}."
        )
        write_pin_replacement(model, remote.commit, why, hashes)
        return remote


def _find_unlike_pin(model: HubModel, remote: RemoteRevision) -> RemoteFile | None:
    """Return a file of the pinned commit that has another hash than the pin says, or None."""
    pin = PINS.get(model.name)
    if pin is None or remote.commit != pin.revision:
        return None
    known = pin.sha256
    return next((f for f in remote.weights if f.etag != known.get(f.name, f.etag)), None)


def _choose_bundle(info: Any, model: HubModel) -> tuple[list[RemoteFile], list[RemoteFile]] | None:
    """Return small files and programs of the half of a bundle that nemocli runs.

    None if the repository has none of its packages, or a checkpoint too, which is more.
    """
    entries = {entry.rfilename: entry for entry in info.siblings or []}
    if "config.json" in entries:
        return None
    for precision in TYPES:
        bundle = Bundle(Path(MACOS), precision)
        names = [path.as_posix() for path in bundle.files]
        packages = [f"{bundle.get_package_path(graph).as_posix()}/" for graph in STREAM_GRAPHS]
        if not any(name.startswith(tuple(packages)) for name in entries):
            continue
        if lacking := [name for name in names if name not in entries]:
            raise ModelError(
                f"The repository {model} is a bundle that nemocli cannot run: it lacks"
                f" {lacking[0]}; choose another model."
            )
        programs = [name for name in names if name.endswith(f"/{PROGRAM}")]
        small = [name for name in names if name not in programs]
        if f"{MACOS}/{_USEFUL}" in entries:
            small.append(f"{MACOS}/{_USEFUL}")
        return _describe_files(small, entries, model), _describe_files(programs, entries, model)
    return None


def _choose_files(info: Any, model: HubModel) -> tuple[list[RemoteFile], list[RemoteFile]]:
    """Return small files and weights of a checkpoint in the hub's layout, or the only archive."""
    entries = {e.rfilename: e for e in info.siblings or [] if "/" not in e.rfilename}
    needed = _list_needed(info, model)
    lacking = [name for name in needed if name not in entries]
    if WEIGHTS not in entries and WEIGHTS_INDEX not in entries:
        lacking.append(WEIGHTS)
    archives = [name for name in entries if name.endswith(".nemo")]
    if lacking and len(archives) == 1:
        # Only the name tells before the download. An archive of ours that is called otherwise is
        # seldom enough that the file itself may decide.
        if what := describe_other(model.name) or describe_other(archives[0]):
            raise ModelError(f"The repository {model} is not for nemocli: {what}; {ONLY_THESE}.")
        return [], _describe_files(archives, entries, model)
    if "config.json" in entries:
        _refuse_other(info, model)
    if len(lacking) == len(needed) + 1:
        raise ModelError(
            f"The repository {model} has neither a checkpoint in the layout of transformers nor one"
            " .nemo archive; choose another model."
        )
    if lacking:
        raise ModelError(
            f"The repository {model} is no checkpoint that nemocli can run: it lacks"
            f" {', '.join(lacking)}; choose another model."
        )
    small = [name for name in (*needed, _USEFUL) if name in entries]
    if WEIGHTS in entries:
        return _describe_files(small, entries, model), _describe_files([WEIGHTS], entries, model)
    shards = [name for name in entries if name.endswith(".safetensors")]
    return _describe_files([*small, WEIGHTS_INDEX], entries, model), _describe_files(
        shards, entries, model
    )


def _list_needed(info: Any, model: HubModel) -> tuple[str, ...]:
    """Return the names of the small files that a checkpoint of the repository's kind must have.

    The hub says of which kind it is, or else the repository's name.
    """
    kind = _read_architecture(info)
    is_diarizer = model.name == DIARIZATION.repository if kind is None else kind == DIARIZATION.name
    return DIARIZER_CONFIGS if is_diarizer else _NEEDED


def _read_architecture(info: Any) -> Any:
    """Return the `model_type` that the hub says a repository's config.json has, or None."""
    config = getattr(info, "config", None)
    return config.get("model_type") if isinstance(config, dict) else None


def _refuse_other(info: Any, model: HubModel) -> None:
    """Raise ModelError for another architecture, if the hub says which it is."""
    config = getattr(info, "config", None)
    if isinstance(config, dict) and config.get("model_type") not in (None, DIARIZATION.name):
        try:
            refuse_other_architecture(config)
        except ModelError as error:
            raise ModelError(f"The repository {model} is not for nemocli: {error}") from None


def _describe_files(
    names: Sequence[str], entries: dict[str, Any], model: HubModel
) -> list[RemoteFile]:
    """Return files with the sizes and hashes that the hub announces; ModelError if it lacks one."""
    found = []
    for name in names:
        entry = entries[name]
        etag = entry.lfs.sha256 if entry.lfs else entry.blob_id
        kind = SHA256 if entry.lfs else SHA1
        if not (isinstance(etag, str) and kind.fullmatch(etag) and isinstance(entry.size, int)):
            raise ModelError(f"The hub describes the files of {model} in an unknown form.")
        found.append(RemoteFile(name, entry.size, etag))
    return found
