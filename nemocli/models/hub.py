"""Models of the Hugging Face hub: their names, and where its cache on this machine has them.

Nothing here goes to the network. The cache is the hub's own, shared with other programs, in
HF_HUB_CACHE, or in the folder hub of HF_HOME: models--OWNER--NAME holds `refs` with the commit of
each branch, and `snapshots` with a folder for each commit.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nemocli.models.paths import no_home
from nemocli.network.checkpoint import CONFIGS, TOKENIZER, WEIGHTS, WEIGHTS_INDEX
from nemocli.whole_file import write_whole_file

#: Ends the name of a file whose download by nemocli was interrupted.
INCOMPLETE = ".nemocli.incomplete"

#: The model nemocli is for.
DEFAULT_MODEL = "nvidia/nemotron-3.5-asr-streaming-0.6b"

#: The branch that is taken where nothing else is said.
MAIN = "main"

#: In a model's folder of the hub's cache: what was downloaded in place of an unverified pin.
TAKEN_FILE = "nemocli-taken.json"


@dataclass(frozen=True)
class Pin:
    """The commit that a model's name stands for, and SHA-256 of its files as far as they are known.

    What `is_verified` was compared with the hub itself: nothing else is taken. Of any other pin the
    main branch takes the place, if the hub does not have it so; see `pull`.
    """

    revision: str
    sha256: Mapping[str, str]
    is_verified: bool


# Taken from third parties' model cards: at the first real download, compare it, and set the flag.
PINS = {
    DEFAULT_MODEL: Pin(
        revision="1c8deaecc64b91f034d73e08dd8b64625eb3395d",
        sha256={WEIGHTS: "9eebdd6590289cb3030f310858f3df93256600a800a3e8200c5993d5f967e174"},
        is_verified=False,
    )
}

_COMMIT = re.compile(r"[0-9a-f]{40}")
_ID = re.compile(r"(?P<name>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?")
_SNAPSHOT = re.compile(r".*/models--([^/]+?)--([^/]+)/snapshots/([^/]+)")


@dataclass(frozen=True)
class HubModel:
    """A model of the hub: `owner/name`, and a branch, tag or commit if one was asked for."""

    name: str
    revision: str | None = None

    def __str__(self) -> str:
        return self.name if self.revision is None else f"{self.name}@{self.revision}"

    @property
    def pin(self) -> Pin | None:
        """What its name stands for; None where a revision was asked for, or there is no pin."""
        return None if self.revision else PINS.get(self.name)

    @property
    def wanted_revision(self) -> str:
        """The revision asked for, else what was taken for the pin, else the pin, else main."""
        if self.pin is None:
            return self.revision or MAIN
        return read_taken(self) or self.pin.revision

    @property
    def folder(self) -> Path:
        """The model's folder in the hub's cache, whether it is there or not."""
        return hub_cache() / f"models--{self.name.replace('/', '--')}"

    @property
    def pull_command(self) -> str:
        return f"nemocli models pull {self}"


def read_taken(model: HubModel) -> str | None:
    """The commit that was downloaded in place of a model's pin; None if there is no such record."""
    pin = model.pin
    if pin is None or pin.is_verified:
        return None
    try:
        taken = json.loads((model.folder / TAKEN_FILE).read_text(encoding="utf-8"))
        revision, instead_of = taken["revision"], taken["instead_of"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    is_commit = isinstance(revision, str) and _COMMIT.fullmatch(revision)
    return revision if is_commit and instead_of == pin.revision else None


def write_taken(model: HubModel, commit: str, why: str, sha256: Mapping[str, str]) -> None:
    """Record which commit takes the place of a model's pin, why, and the hashes of its files."""
    assert model.pin is not None
    taken = {
        "revision": commit,
        "instead_of": model.pin.revision,
        "why": why,
        "sha256": dict(sha256),
    }
    model.folder.mkdir(parents=True, exist_ok=True)
    write_whole_file(model.folder / TAKEN_FILE, json.dumps(taken, indent=1) + "\n")


def parse_hub_model(text: str) -> HubModel | None:
    """The model that `owner/name` or `owner/name@revision` names; None for anything else.

    What is written as a path is, `./name`, `../name` or `folder/name.nemo`, names none.
    """
    match = _ID.fullmatch(text)
    if match is None or text.startswith(".") or text.endswith(".nemo"):
        return None
    return HubModel(match["name"], match["revision"])


def hub_cache() -> Path:
    """The hub's cache folder, by HF_HUB_CACHE, HF_HOME, or the default.

    UnsupportedError for a user without a home folder.
    """
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE)
    if folder.parts[:1] == ("~",):
        raise no_home("HF_HOME")
    return folder


def incomplete_files(model: HubModel) -> list[Path]:
    """What interrupted downloads of a model left, to be gone on with."""
    return sorted(model.folder.glob(f"blobs/*{INCOMPLETE}"))


def find_pulled(model: HubModel) -> Path | None:
    """The checkpoint folder or .nemo file of a model that was downloaded in full, or None."""
    commit = model.wanted_revision
    if not _COMMIT.fullmatch(commit):
        reference = model.folder / "refs" / commit
        if not reference.is_file():
            return None
        commit = reference.read_text().strip()
    return checkpoint_in(model.folder / "snapshots" / commit)


def checkpoint_in(snapshot: Path) -> Path | None:
    """The folder itself if it has all files of a checkpoint, or its .nemo file, or None."""
    weights = WEIGHTS_INDEX if (snapshot / WEIGHTS_INDEX).exists() else WEIGHTS
    if all((snapshot / name).exists() for name in (*CONFIGS, TOKENIZER, weights)):
        return snapshot
    archives = [path for path in snapshot.glob("*.nemo") if path.exists()]
    return archives[0] if len(archives) == 1 else None


def list_pulled() -> list[tuple[HubModel, Path]]:
    """Every model in the hub's cache that nemocli could open, with its checkpoint."""
    found = []
    for snapshot in sorted(hub_cache().glob("models--*--*/snapshots/*")):
        checkpoint = checkpoint_in(snapshot)
        name = source_name(snapshot)
        if checkpoint and _is_ours(checkpoint):
            model = parse_hub_model(name)
            if model:
                found.append((model, checkpoint))
    return found


def _is_ours(checkpoint: Path) -> bool:
    from nemocli.network.config import ARCHITECTURE

    if checkpoint.is_file():  # a .nemo archive may hold anything, but its file name tells enough
        return "nemotron" in checkpoint.name
    text = (checkpoint / "config.json").read_text(encoding="utf-8", errors="replace")
    return f'"{ARCHITECTURE}"' in text


def source_name(path: Path) -> str:
    """What a checkpoint is called: `owner/name@commit` in the hub's cache, else its file name."""
    absolute = path.expanduser().absolute()
    match = _SNAPSHOT.match(absolute.as_posix())
    if match:
        return f"{match[1]}/{match[2]}@{match[3]}"
    return absolute.name or absolute.resolve().name
