"""Tokens that a model must emit on the bundled sound; those of the demo are stored."""

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nemocli.audio.sound import open_sound
from nemocli.errors import AudioError, ModelError
from nemocli.models.paths import find_cache_folder, find_demo_folder
from nemocli.network.checkpoint import AnyCheckpoint
from nemocli.runtimes.base import Runtime
from nemocli.runtimes.numpy.runtime import NumpyRuntime
from nemocli.transcriber import Transcriber
from nemocli.transcript.token_decoder import TokenDecoder
from nemocli.units import SAMPLE_RATE
from nemocli.whole_file import write_whole_file

SOUND = "all-languages.flac"
TOKENS = "all-languages.tokens.json"

#: Seconds of sound that are enough to fill and shift every cache, and quick to compute.
CHECK_SOUND_S = 6.0


@dataclass(frozen=True)
class Reference:
    """A sound (float32, 16 kHz) and the token ids that it must give, by lookahead."""

    sound: NDArray[np.float32]
    tokens: dict[int, list[int]]
    #: Where the tokens come from, as shown to the user.
    origin: str


def load_demo_reference() -> Reference:
    """Return the bundled clips in five languages, and the demo's tokens for them.

    The tokens were computed by numpy and agree with transformers: see scripts/store_tokens.py.
    Raises ModelError if the clips are not installed.
    """
    try:
        stored = json.loads((_find_clips() / TOKENS).read_text(encoding="utf-8"))
    except OSError:
        raise ModelError("The bundled clips are not part of this installation.") from None
    samples = read_bundled_sound()
    tokens = {int(lookahead): ids for lookahead, ids in stored["tokens"].items()}
    return Reference(samples, tokens, "stored with nemocli")


def find_known_text(checkpoint: AnyCheckpoint, lookahead: int) -> str | None:
    """Return the demo's stored text for the first `CHECK_SOUND_S`; None for another checkpoint."""
    if checkpoint.path != find_demo_folder():
        return None
    stored = json.loads((_find_clips() / TOKENS).read_text(encoding="utf-8"))
    text: str | None = stored["texts_of_beginning"].get(str(lookahead))
    return text


def compute_reference(checkpoint: AnyCheckpoint, lookahead: int) -> Reference:
    """Return the first `CHECK_SOUND_S` of the bundled clips, and numpy's tokens for them.

    For checkpoints other than the demo. The tokens are computed once and kept in the cache.
    """
    cached = (
        find_cache_folder() / "reference" / f"{checkpoint.sha256[:32]}-lookahead{lookahead}.json"
    )
    sound = read_bundled_sound(CHECK_SOUND_S)
    ids = _read_ids(cached)
    if ids is None:
        runtime = NumpyRuntime(checkpoint.parameters, lookahead)
        ids, _ = run_once(runtime, TokenDecoder(checkpoint.tokenizer), sound)
        with suppress(OSError):  # then they are computed again the next time
            cached.parent.mkdir(parents=True, exist_ok=True)
            write_whole_file(cached, json.dumps(ids))
    return Reference(sound, {lookahead: ids}, "computed by numpy")


def _read_ids(path: Path) -> list[int] | None:
    """Return the token ids in a file; None if it is missing, damaged, or cannot be read."""
    try:
        ids = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    is_list = isinstance(ids, list) and all(type(token) is int for token in ids)
    return ids if is_list else None


def run_once(
    runtime: Runtime, decoder: TokenDecoder, sound: NDArray[np.float32]
) -> tuple[list[int], NDArray[np.float32]]:
    """Return the token ids of a sound, and the encoder's frames [n, decoder size]."""
    session = Transcriber(runtime, decoder, "verification").session(keep_encoder=True)
    session.feed(sound)
    tokens = [token.id for token in session.finish().tokens]
    return tokens, np.concatenate(session.enc_proj or [])


def read_bundled_sound(seconds: float | None = None) -> NDArray[np.float32]:
    """Return the bundled clips, or their first `seconds`; ModelError if not installed."""
    try:
        with open_sound(_find_clips() / SOUND) as sound:
            samples = np.concatenate(list(sound))
    except AudioError as error:
        raise ModelError(f"The bundled clips are not here: {error}") from None
    return samples if seconds is None else samples[: int(seconds * SAMPLE_RATE)]


def _find_clips() -> Path:
    return find_demo_folder().parent / "clips"
