"""Models of the Hugging Face hub: their names, and where its cache on this machine has them.

Nothing here goes to the network. The cache is the hub's own, shared with other programs, in
HF_HUB_CACHE, or in the folder hub of HF_HOME: models--OWNER--NAME holds `refs` with the commit of
each branch, and `snapshots` with a folder for each commit.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from nemocli.models.paths import no_home
from nemocli.network.checkpoint import CONFIGS, TOKENIZER, WEIGHTS, WEIGHTS_INDEX

#: Ends the name of a file whose download by nemocli was interrupted.
INCOMPLETE = ".nemocli.incomplete"

#: The model nemocli is for.
DEFAULT_MODEL = "nvidia/nemotron-3.5-asr-streaming-0.6b"

# Taken from third parties' model cards and not compared with the hub itself: check at the first
# real download.
PINNED_REVISIONS = {DEFAULT_MODEL: "1c8deaecc64b91f034d73e08dd8b64625eb3395d"}
PINNED_SHA256 = {
    (PINNED_REVISIONS[DEFAULT_MODEL], WEIGHTS): (
        "9eebdd6590289cb3030f310858f3df93256600a800a3e8200c5993d5f967e174"
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
    def wanted_revision(self) -> str:
        """The revision asked for, or else the pinned one, or else the main branch."""
        return self.revision or PINNED_REVISIONS.get(self.name, "main")

    @property
    def folder(self) -> Path:
        """The model's folder in the hub's cache, whether it is there or not."""
        return hub_cache() / f"models--{self.name.replace('/', '--')}"

    @property
    def pull_command(self) -> str:
        return f"nemocli models pull {self}"


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
