"""The tokens a model must emit on bundled sound: stored, not computed on the machine at hand."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nemocli.audio import open_sound
from nemocli.errors import ModelError
from nemocli.models.places import cache_folder, demo_folder
from nemocli.models.verify import SECONDS, bundled_sound, run_once
from nemocli.network.checkpoint import AnyCheckpoint
from nemocli.runtimes.numpy_runtime import NumpyRuntime
from nemocli.transcript.detokenizer import Pieces

SOUND = "all-languages.flac"
TOKENS = "all-languages.tokens.json"


@dataclass(frozen=True)
class Reference:
    """A sound (float32, 16 kHz) and the token ids it must give, by lookahead."""

    sound: NDArray[np.float32]
    tokens: dict[int, list[int]]
    #: Where the tokens come from, for a person.
    origin: str


def demo_reference() -> Reference:
    """The bundled clips in five languages, and what the demo says to them.

    The tokens were computed by numpy where transformers agreed: see scripts/store_tokens.py.
    """
    clips = demo_folder().parent / "clips"
    try:
        stored = json.loads((clips / TOKENS).read_text(encoding="utf-8"))
    except OSError:
        raise ModelError("The bundled clips are not part of this installation.") from None
    with open_sound(clips / SOUND) as sound:
        samples = np.concatenate(list(sound))
    tokens = {int(lookahead): ids for lookahead, ids in stored["tokens"].items()}
    return Reference(samples, tokens, "stored with nemocli")


def computed_reference(checkpoint: AnyCheckpoint, lookahead: int) -> Reference:
    """The beginning of that sound, and what numpy makes of it: computed once and kept in the cache.

    For models that do not come with nemocli, whose tokens it cannot carry.
    """
    kept = cache_folder() / "reference" / f"{checkpoint.sha256[:32]}-lookahead{lookahead}.json"
    sound = bundled_sound(SECONDS)
    if not kept.is_file():
        runtime = NumpyRuntime(checkpoint.parameters, lookahead)
        _keep(kept, run_once(runtime, Pieces(checkpoint.tokenizer), sound)[0])
    ids = json.loads(kept.read_text(encoding="utf-8"))
    return Reference(sound, {lookahead: ids}, "computed by numpy")


def _keep(path: Path, ids: list[int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(ids), encoding="utf-8")
    partial.replace(path)
