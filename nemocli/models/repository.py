"""What the hub has of a model: which commit is meant, and which of its files are needed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nemocli.errors import ModelError
from nemocli.models.fetch import RemoteFile
from nemocli.models.hub import MAIN, PINS, HubModel, is_short_commit, write_taken
from nemocli.models.hub_hash import SHA1, SHA256
from nemocli.models.retries import PAUSES_S, retry
from nemocli.network.checkpoint import CONFIGS, TOKENIZER, WEIGHTS, WEIGHTS_INDEX
from nemocli.network.config import refuse_other_architecture

#: Files beside the weights that a checkpoint must have, and one that it may have.
_NEEDED, _USEFUL = (*CONFIGS, TOKENIZER), "tokenizer_config.json"

Note = Callable[[str], None]


@dataclass(frozen=True)
class RemoteCheckpoint:
    """A revision of a repository as the hub has it."""

    revision: str
    commit: str
    #: Configurations, tokenizer and the index of the weights; none beside an archive.
    small: list[RemoteFile]
    #: The file of the weights, or all that may be meant by their index, or the archive.
    weights: list[RemoteFile]


def look_up_checkpoint(
    model: HubModel, note: Note, pauses: tuple[int, ...] = PAUSES_S
) -> RemoteCheckpoint:
    """Look up what is to be downloaded: the revision wanted, or main for an unverified pin.

    `pauses` are those of `retry`. ModelError for a repository without a model that nemocli runs, or
    of other content than a verified pin says; and what huggingface_hub raises.
    """
    return _Lookup(model, note, pauses).choose()


class _Lookup:
    """Requests for what the hub has of a model."""

    def __init__(self, model: HubModel, note: Note, pauses: tuple[int, ...]) -> None:
        from huggingface_hub import HfApi, constants

        self._model, self._note, self._pauses = model, note, pauses
        self._note_break = lambda what: note(f"Asking the hub: {what}")
        self._api = HfApi(endpoint=constants.ENDPOINT, library_name="nemocli")
        self._timeout = constants.HF_HUB_ETAG_TIMEOUT

    def choose(self) -> RemoteCheckpoint:
        from huggingface_hub.errors import RevisionNotFoundError

        model = self._model
        try:
            source = self._look_up(model.wanted_revision)
        except RevisionNotFoundError:
            if commit := self._find_short(model.wanted_revision):
                return self._look_up(commit)
            if model.pin is None or model.pin.is_verified:
                raise
            return self._take_main(f"the hub has no revision {model.wanted_revision}")
        wrong = _unlike_pin(model, source)
        pin = PINS.get(model.name)
        if wrong and pin and pin.is_verified:
            raise ModelError(
                f"The hub's {wrong.name} of {model} is not the one that nemocli knows: SHA-256"
                f" {wrong.etag} instead of {pin.sha256[wrong.name]}."
            )
        if wrong and model.pin:  # and not a commit that was asked for, which is what it is
            return self._take_main(f"its {wrong.name} has another SHA-256 there")
        return source

    def _look_up(self, revision: str) -> RemoteCheckpoint:
        name = self._model.name

        def ask() -> Any:
            return self._api.model_info(
                name, revision=revision, files_metadata=True, timeout=self._timeout
            )

        info = retry(ask, self._note_break, pauses=self._pauses)
        small, weights = _choose_files(info, self._model)
        return RemoteCheckpoint(revision, str(info.sha), small, weights)

    def _find_short(self, revision: str) -> str | None:
        """The one commit of the main branch whose hash begins so."""
        if not is_short_commit(revision):
            return None

        def ask() -> list[str]:
            return [each.commit_id for each in self._api.list_repo_commits(self._model.name)]

        commits = retry(ask, self._note_break, pauses=self._pauses)
        found = [commit for commit in commits if commit.startswith(revision)]
        return found[0] if len(found) == 1 else None

    def _take_main(self, why: str) -> RemoteCheckpoint:
        """Take the main branch in place of a pin that nobody verified; say and record it."""
        model = self._model
        main = self._look_up(MAIN)
        source = replace(main, revision=main.commit)  # the branch may move on meanwhile
        hashes = {file.name: file.etag for file in source.weights}
        self._note(
            f"The revision of {model} that nemocli expects is not to be had ({why}); its main"
            f" branch is taken instead, at commit {source.commit}."
        )
        write_taken(model, source.commit, why, hashes)
        return source


def _unlike_pin(model: HubModel, source: RemoteCheckpoint) -> RemoteFile | None:
    """A file of the pinned commit that has another hash than the pin says."""
    pin = PINS.get(model.name)
    if pin is None or source.commit != pin.revision:
        return None
    known = pin.sha256
    return next((f for f in source.weights if f.etag != known.get(f.name, f.etag)), None)


def _choose_files(info: Any, model: HubModel) -> tuple[list[RemoteFile], list[RemoteFile]]:
    """The small files and the weights of a checkpoint in the hub's layout, or the only archive."""
    entries = {e.rfilename: e for e in info.siblings or [] if "/" not in e.rfilename}
    lacking = [name for name in _NEEDED if name not in entries]
    if WEIGHTS not in entries and WEIGHTS_INDEX not in entries:
        lacking.append(WEIGHTS)
    archives = [name for name in entries if name.endswith(".nemo")]
    if lacking and len(archives) == 1:
        return [], _describe(archives, entries, model)
    if "config.json" in entries:
        _refuse_other(info, model)
    if len(lacking) == len(_NEEDED) + 1:
        raise ModelError(
            f"The repository {model} has neither a checkpoint in the layout of transformers nor one"
            " .nemo archive; choose another model."
        )
    if lacking:
        raise ModelError(
            f"The repository {model} is no checkpoint that nemocli can run: it lacks"
            f" {', '.join(lacking)}; choose another model."
        )
    small = [name for name in (*_NEEDED, _USEFUL) if name in entries]
    if WEIGHTS in entries:
        return _describe(small, entries, model), _describe([WEIGHTS], entries, model)
    shards = [name for name in entries if name.endswith(".safetensors")]
    return _describe([*small, WEIGHTS_INDEX], entries, model), _describe(shards, entries, model)


def _refuse_other(info: Any, model: HubModel) -> None:
    """ModelError for another architecture, if the hub says which it is."""
    config = getattr(info, "config", None)
    if isinstance(config, dict) and "model_type" in config:
        try:
            refuse_other_architecture(config)
        except ModelError as error:
            raise ModelError(f"The repository {model} is not for nemocli: {error}") from None


def _describe(names: Sequence[str], entries: dict[str, Any], model: HubModel) -> list[RemoteFile]:
    """Sizes and hashes as the hub announces them; ModelError for what could not be checked."""
    found = []
    for name in names:
        entry = entries[name]
        etag = entry.lfs.sha256 if entry.lfs else entry.blob_id
        kind = SHA256 if entry.lfs else SHA1
        if not (isinstance(etag, str) and kind.fullmatch(etag) and isinstance(entry.size, int)):
            raise ModelError(f"The hub describes the files of {model} in a way nobody understands.")
        found.append(RemoteFile(name, entry.size, etag))
    return found
