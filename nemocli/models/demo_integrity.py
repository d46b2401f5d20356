"""Check that the demos are those that come with nemocli, by their hashes."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from nemocli.errors import ModelError
from nemocli.models.paths import find_demo_folder, find_diarization_demo_folder
from nemocli.network.diarizer_checkpoint import SomeCheckpoint

#: File in the folder of the diarization demo with the hash of its checkpoint.
DEMO_HASH = "checkpoint.sha256"


def is_demo(path: Path) -> bool:
    """Return whether a path is that of one of the demos."""
    return _find_hash_reader(path) is not None


def is_damaged_demo(checkpoint: SomeCheckpoint) -> bool:
    """Return whether it is a demo, but not the one whose hash comes with nemocli."""
    with suppress(OSError, ModelError, ValueError, LookupError):
        read_hash = _find_hash_reader(checkpoint.path)
        return read_hash is not None and read_hash(checkpoint.path) != checkpoint.sha256
    return False


def explain_damaged_demo(path: Path) -> ModelError:
    """Return the error for a demo that is not as it was installed."""
    return ModelError(f"The demo in {path} is damaged; install nemocli again.")


def _find_hash_reader(path: Path) -> Callable[[Path], object] | None:
    """Return what reads the hash of the demo in a folder; None for another folder.

    The hash is beside the tokens of the demo that transcribes, and in the folder of the other one.
    """
    for find, read_hash in (
        (find_demo_folder, _read_demo_hash),
        (find_diarization_demo_folder, _read_diarization_demo_hash),
    ):
        with suppress(OSError, ModelError):
            if path.resolve() == find().resolve():
                return read_hash
    return None


def _read_demo_hash(folder: Path) -> object:
    stored = (folder.parent / "clips" / "all-languages.tokens.json").read_text(encoding="utf-8")
    return json.loads(stored)["checkpoint_sha256"]


def _read_diarization_demo_hash(folder: Path) -> object:
    return (folder / DEMO_HASH).read_text(encoding="utf-8").strip()
