"""Models of the Hugging Face hub: their names, and their places in its cache on this machine.

Nothing here uses the network. The cache is the hub's own, shared with other programs, in
HF_HUB_CACHE, or in the folder hub of HF_HOME: models--OWNER--NAME holds `refs` with the commit of
each branch and tag, and `snapshots` with a folder for each commit.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from nemocli.errors import ModelError
from nemocli.models.paths import explain_no_home
from nemocli.network.architectures import DIARIZATION, ENGLISH, MULTILINGUAL
from nemocli.network.checkpoint import CONFIGS, TOKENIZER, WEIGHTS, list_weight_files
from nemocli.network.diarizer_checkpoint import DIARIZER_CONFIGS, is_diarizer_checkpoint
from nemocli.runtimes.coreai.bundle import find_bundle
from nemocli.whole_file import write_whole_file

#: The model that nemocli is made for, which runs if none is named.
DEFAULT_MODEL = MULTILINGUAL.repository

#: Its sibling, for English alone.
ENGLISH_MODEL = ENGLISH.repository

#: The released models that transcribe.
RELEASED_MODELS = (DEFAULT_MODEL, ENGLISH_MODEL)

#: The model that finds who speaks.
DEFAULT_DIARIZER = DIARIZATION.repository

#: The default branch.
MAIN = "main"

#: File in a model's folder of the hub's cache: the commit that replaced an unverified pin.
PIN_REPLACEMENT_FILE = "nemocli-taken.json"


@dataclass(frozen=True)
class Pin:
    """The commit that a model's name stands for, and the SHA-256 of its files if known.

    If `is_verified`, both were compared with the hub itself, and nothing else is downloaded. Other
    pins are replaced by the main branch if the hub has something else; see `pull`.
    """

    revision: str
    sha256: Mapping[str, str]
    is_verified: bool


# Taken from third parties' model cards and programs: at the first real download, compare them, and
# set the flag.
PINS = {
    DEFAULT_MODEL: Pin(
        revision="1c8deaecc64b91f034d73e08dd8b64625eb3395d",
        sha256={WEIGHTS: "9eebdd6590289cb3030f310858f3df93256600a800a3e8200c5993d5f967e174"},
        is_verified=False,
    ),
    ENGLISH_MODEL: Pin(
        revision="ebe59e5a817142986528bbbee5dba8db7b38ed50",
        sha256={WEIGHTS: "bddd8a7300826efd19cf7e01f1c7db8402bed6786fc4c7739632894f69c71473"},
        is_verified=False,
    ),
    DEFAULT_DIARIZER: Pin(
        revision="f667ed73aee57d40cc39428eb768b4fd87a0a29e",
        sha256={},
        is_verified=False,
    ),
}

_COMMIT = re.compile(r"[0-9a-f]{40}")
#: The beginning of a commit, as git abbreviates it.
_SHORT = re.compile(r"[0-9a-f]{4,39}")
#: Names that the hub allows: none leads elsewhere as a path, or looks like two names.
_NAME = re.compile(r"(?!.*(?:--|\.\.))\w(?:[\w.-]*\w)?/\w(?:[\w.-]*\w)?", re.ASCII)
_REVISION = re.compile(r"(?!.*\.\.)\w[\w.+-]*(?:/\w[\w.+-]*)*", re.ASCII)
_SNAPSHOT = re.compile(r".*/models--([^/]+?)--([^/]+)/snapshots/([^/]+)")

#: The address of a model's page, as a browser shows it, or turned into a path by pathlib.
_PAGE = re.compile(
    r"(?:https?:/{1,2})?(?P<host>[\w.:-]+)/(?P<name>[^/?#@]+/[^/?#@]+)"
    r"(?:/(?:tree|blob|resolve|raw|commit)/"
    r"(?P<revision>refs/(?:pr|convert)/[^/?#]+|[^/?#]+))?(?:[/?#].*)?",
    re.IGNORECASE,
)
_HOSTS = ("huggingface.co", "www.huggingface.co", "hf.co")

#: First parts of addresses that are not owners of models.
_NO_OWNERS = (
    *("datasets", "spaces", "kernels", "buckets", "docs", "blog", "api", "papers", "collections"),
    *("models", "tasks", "learn", "posts", "organizations", "settings"),
)


@dataclass(frozen=True)
class HubModel:
    """A model of the hub: `owner/name`, and a branch, tag or commit if one was given."""

    name: str
    revision: str | None = None

    def __str__(self) -> str:
        return self.name if self.revision is None else f"{self.name}@{self.revision}"

    @property
    def pin(self) -> Pin | None:
        """The pin of its name; None if a revision was given, or the name has no pin."""
        return None if self.revision else PINS.get(self.name)

    @property
    def revision_to_pull(self) -> str:
        """The given revision, else the commit that replaced the pin, else the pin, else main."""
        if self.pin is None:
            return self.revision or MAIN
        return read_pin_replacement(self) or self.pin.revision

    @property
    def folder(self) -> Path:
        """The model's folder in the hub's cache, whether it is there or not."""
        return find_hub_cache() / f"models--{self.name.replace('/', '--')}"

    @property
    def pull_command(self) -> str:
        return f"nemocli models pull {self}"


def read_pin_replacement(model: HubModel) -> str | None:
    """Return the commit that was downloaded instead of a model's pin; None if none was."""
    pin = model.pin
    if pin is None or pin.is_verified:
        return None
    try:
        replacement = json.loads((model.folder / PIN_REPLACEMENT_FILE).read_text(encoding="utf-8"))
        revision, instead_of = replacement["revision"], replacement["instead_of"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return revision if _is_commit(revision) and instead_of == pin.revision else None


def write_pin_replacement(
    model: HubModel, commit: str, why: str, sha256: Mapping[str, str]
) -> None:
    """Record which commit replaces a model's pin, why, and the hashes of its files."""
    assert model.pin is not None
    replacement = {
        "revision": commit,
        "instead_of": model.pin.revision,
        "why": why,
        "sha256": dict(sha256),
    }
    model.folder.mkdir(parents=True, exist_ok=True)
    write_whole_file(model.folder / PIN_REPLACEMENT_FILE, json.dumps(replacement, indent=1) + "\n")


def parse_hub_model(text: str) -> HubModel | None:
    """Parse `owner/name`, `owner/name@revision` or the address of a model's page.

    Returns None for anything else: paths such as `./name`, `../name` or `folder/name.nemo`, and
    names and revisions that would lead out of a folder.
    """
    if page := _PAGE.fullmatch(text):
        if page["host"].lower() not in (*_HOSTS, _read_own_host()):
            page = None
        elif page["name"].partition("/")[0].lower() in _NO_OWNERS:
            return None
    if page:
        name, revision = page["name"], page["revision"] and unquote(page["revision"])
    else:
        name, at, revision = text.partition("@")
        if text.endswith(".nemo") or (at and not revision):
            return None
    if not _NAME.fullmatch(name) or (revision and not _REVISION.fullmatch(revision)):
        return None
    return HubModel(name, revision or None)


def _read_own_host() -> str:
    """Return the host of HF_ENDPOINT, or an empty text if that is not set."""
    return urlsplit(os.environ.get("HF_ENDPOINT", "")).netloc.lower()


def find_hub_cache() -> Path:
    """Return the hub's cache folder: HF_HUB_CACHE, below HF_HOME, or the default.

    Raises UnsupportedError for a user without a home folder.
    """
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE)
    if folder.parts[:1] == ("~",):
        raise explain_no_home("HF_HOME")
    return folder


def is_whole_commit(revision: str) -> bool:
    """Return whether a revision is a commit's whole hash, which never means another commit."""
    return _is_commit(revision)


def is_short_commit(revision: str) -> bool:
    """Return whether a revision may be the beginning of a commit's hash."""
    return _SHORT.fullmatch(revision) is not None


def list_commits(model: HubModel) -> list[str]:
    """Return the commits that a name may mean on this machine, the likeliest first.

    With a revision, that is one or none. Without, the pin or its replacement comes first, then the
    main branch as it was downloaded, then all other commits that are here, the newest first.
    """
    revision = model.revision
    if revision is None:
        pin = model.pin.revision if model.pin else None
        first = (read_pin_replacement(model), pin, _read_reference(model, MAIN))
        return list(dict.fromkeys([*filter(None, first), *_list_snapshots(model)]))
    if _is_commit(revision):
        return [revision]
    if commit := _read_reference(model, revision):
        return [commit]
    found = [name for name in _list_snapshots(model) if name.startswith(revision)]
    return found if is_short_commit(revision) and len(found) == 1 else []


def find_pulled(model: HubModel) -> Path | None:
    """Return the checkpoint folder or .nemo file of a fully downloaded model, or None.

    Without a revision, it is the first of `list_commits` that is here.
    """
    found = (find_pulled_commit(model, commit) for commit in list_commits(model))
    return next(filter(None, found), None)


def find_pulled_commit(model: HubModel, commit: str) -> Path | None:
    """Return the checkpoint folder or .nemo file of one commit, or None if it is incomplete."""
    return find_snapshot_checkpoint(model.folder / "snapshots" / commit)


def find_snapshot_checkpoint(snapshot: Path) -> Path | None:
    """Return the folder if it is a complete checkpoint or bundle, else its .nemo file, else None.

    Raises ModelError if the folder may not be read.
    """
    try:
        if _has_checkpoint(snapshot) or _has_bundle(snapshot):
            return snapshot
        archives = [path for path in snapshot.glob("*.nemo") if path.exists()]
    except OSError as error:
        raise ModelError(
            f"{error.filename or snapshot} cannot be read: {error.strerror}."
        ) from None
    return archives[0] if len(archives) == 1 else None


def _has_checkpoint(snapshot: Path) -> bool:
    is_diarizer = is_diarizer_checkpoint(snapshot)
    needed = DIARIZER_CONFIGS if is_diarizer else (*CONFIGS, TOKENIZER)
    if not all((snapshot / name).exists() for name in needed):
        return False
    try:
        return all(path.exists() for path in list_weight_files(snapshot))
    except ModelError:  # an index that lists none
        return False


def _has_bundle(snapshot: Path) -> bool:
    bundle = find_bundle(snapshot)
    return bundle is not None and bundle.missing is None


def _is_commit(text: object) -> bool:
    return isinstance(text, str) and _COMMIT.fullmatch(text) is not None


def _read_reference(model: HubModel, name: str) -> str | None:
    """Return the commit that a branch or tag had when it was downloaded, or None."""
    try:
        commit = (model.folder / "refs" / name).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    return commit if _is_commit(commit) else None


def _list_snapshots(model: HubModel) -> list[str]:
    """Return the commits that were downloaded, at least in part, the newest first."""
    try:
        with os.scandir(model.folder / "snapshots") as entries:
            found = [(entry.stat().st_mtime_ns, entry.name) for entry in entries if entry.is_dir()]
    except OSError:
        return []
    return [name for _, name in sorted(found, reverse=True) if _is_commit(name)]


def describe_source(path: Path) -> str:
    """Return a checkpoint's name: `owner/name@commit` in the hub's cache, else its file name."""
    absolute = path.expanduser().absolute()
    match = _SNAPSHOT.match(absolute.as_posix())
    if match:
        return f"{match[1]}/{match[2]}@{match[3]}"
    return absolute.name or absolute.resolve().name
