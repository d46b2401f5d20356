"""The tokens a model must emit on bundled sound: stored, not computed on the machine at hand."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nemocli.audio import open_sound
from nemocli.errors import AudioError, ModelError
from nemocli.models.paths import cache_folder, demo_folder
from nemocli.network.checkpoint import AnyCheckpoint
from nemocli.runtimes.base import Runtime
from nemocli.runtimes.numpy.runtime import NumpyRuntime
from nemocli.transcriber import Transcriber
from nemocli.transcript.token_decoder import TokenDecoder
from nemocli.units import SAMPLE_RATE
from nemocli.whole_file import write_whole_file

SOUND = "all-languages.flac"
TOKENS = "all-languages.tokens.json"

#: Seconds of sound: enough that every cache has been filled and shifted, little to wait for.
SECONDS = 6.0


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
    try:
        stored = json.loads((_clips() / TOKENS).read_text(encoding="utf-8"))
    except OSError:
        raise ModelError("The bundled clips are not part of this installation.") from None
    samples = bundled_sound()
    tokens = {int(lookahead): ids for lookahead, ids in stored["tokens"].items()}
    return Reference(samples, tokens, "stored with nemocli")


def computed_reference(checkpoint: AnyCheckpoint, lookahead: int) -> Reference:
    """The beginning of that sound, and what numpy makes of it: computed once and kept in the cache.

    For models that do not come with nemocli, whose tokens it cannot carry.
    """
    kept = cache_folder() / "reference" / f"{checkpoint.sha256[:32]}-lookahead{lookahead}.json"
    sound = bundled_sound(SECONDS)
    try:
        ids = json.loads(kept.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        runtime = NumpyRuntime(checkpoint.parameters, lookahead)
        ids, _ = run_once(runtime, TokenDecoder(checkpoint.tokenizer), sound)
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_whole_file(kept, json.dumps(ids))
    return Reference(sound, {lookahead: ids}, "computed by numpy")


def run_once(
    runtime: Runtime, pieces: TokenDecoder, sound: NDArray[np.float32]
) -> tuple[list[int], NDArray[np.float32]]:
    """Token ids of a sound, and the encoder's frames [n, decoder size]."""
    session = Transcriber(runtime, pieces, "verification").session(keep_encoder=True)
    session.feed(sound)
    tokens = [token.id for token in session.finish().tokens]
    return tokens, np.concatenate(session.enc_proj or [])


def bundled_sound(seconds: float | None = None) -> NDArray[np.float32]:
    """The bundled clips, or their beginning; ModelError if they are not installed."""
    try:
        with open_sound(_clips() / SOUND) as sound:
            samples = np.concatenate(list(sound))
    except AudioError as error:
        raise ModelError(f"The bundled clips are not here: {error}") from None
    return samples if seconds is None else samples[: int(seconds * SAMPLE_RATE)]


def _clips() -> Path:
    return demo_folder().parent / "clips"
