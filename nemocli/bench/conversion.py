"""Check of a converted model: whether it transcribes a sound as its checkpoint does.

Damaged weights make both wrong in the same way. So the output of each must also be plausible for a
trained model, and where the text of the sound is known, it must be that text.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nemocli.bench.reference import CHECK_SOUND_S, find_known_text, read_bundled_sound, run_once
from nemocli.bench.variants import is_large
from nemocli.errors import ModelError, NemocliError, UsageError, quote
from nemocli.models.bundle import is_bundle
from nemocli.models.resolve import resolve
from nemocli.models.spec import ModelSpec
from nemocli.network.checkpoint import AnyCheckpoint
from nemocli.network.config import ModelConfig
from nemocli.network.graphs import count_chunk_rows
from nemocli.runtimes.numpy.runtime import NumpyRuntime
from nemocli.transcript.token_decoder import TokenDecoder

#: Seconds of sound for a large model (`is_large`): the numpy reference is slow.
LARGE_MODEL_SOUND_S = 1.5

#: Fraction of tokens that must agree, in any precision.
MIN_AGREEMENT = 0.5

#: Largest allowed difference of the encoder's outputs by precision, relative to their largest
#: value; many times what was measured. The text is compared in these precisions only.
MAX_DIFFERENCES = {"fp32": 0.01, "fp16": 0.1}

#: Ends the sentence about a model that differs from its checkpoint.
NOT_KEPT = "It is not kept: report this, please, and try another precision."

#: Fewer tokens than this are plausible even if they are all the same.
MIN_TOKENS = 8


@dataclass(frozen=True)
class ConversionCheck:
    """How far a model folder agrees with the numpy reference of its checkpoint."""

    runtime: str
    lookahead: int
    #: Tokens that both emit in the same order, and the number of tokens of the one with more.
    agreeing: int
    tokens: int
    #: Largest difference of the encoder's outputs, relative to their largest value.
    encoder_difference: float

    @property
    def agreement(self) -> float:
        """Fraction of tokens that agree; 1 if neither emits any."""
        return self.agreeing / self.tokens if self.tokens else 1.0

    def __str__(self) -> str:
        tokens = f"{self.agreeing} of {self.tokens} tokens agree with the checkpoint"
        if not self.tokens:
            tokens = "neither the model nor its checkpoint emits any token on the bundled sound"
        return (
            f"{tokens} ({self.runtime}, lookahead {self.lookahead}); the encoder differs by"
            f" {self.encoder_difference:.1e} of its largest output"
        )


def check_conversion(folder: Path, checkpoint: AnyCheckpoint) -> ConversionCheck:
    """Verify a new model folder on the bundled sound.

    For the demo, the text must be the stored one. Raises as `verify_folder` does.
    """
    large = is_large(checkpoint.config)
    sound = read_bundled_sound(LARGE_MODEL_SOUND_S if large else CHECK_SOUND_S)
    return verify_folder(folder, checkpoint, sound, None if large else find_known_text)


def verify_folder(
    folder: Path,
    checkpoint: AnyCheckpoint,
    sound: NDArray[np.float32],
    find_text: Callable[[AnyCheckpoint, int], str | None] | None = None,
) -> ConversionCheck:
    """Run a model folder and its checkpoint on the same sound, at the folder's default lookahead.

    `sound` is float32 at 16 kHz. `find_text` returns its known text for a checkpoint and a
    lookahead, or None; it is not called for a bundle, of which only whole chunks are compared. A
    model may emit no tokens for the sound, so the encoder's outputs are
    compared too. Raises UnsupportedError if this machine cannot run the folder, UsageError if the
    folder was made from another model, ModelError if the output of the checkpoint is implausible,
    and NemocliError if that of the folder is, or if the two differ.
    """
    loaded = resolve(ModelSpec(folder)).load()
    expected_config = checkpoint.config
    if is_bundle(folder):
        from nemocli.runtimes.coreai.bundle_sizes import fit_config_to_bundle

        expected_config, find_text = fit_config_to_bundle(expected_config), None
        sound = _cut_to_chunks(sound, expected_config, loaded.runtime.lookahead + 1)
    # A folder also lists the lookaheads without training that it was converted for.
    found = loaded.runtime.config
    if replace(found, lookaheads=expected_config.lookaheads) != expected_config:
        raise UsageError(f"{folder} was not converted from {checkpoint.path}.")
    lookahead, subject = loaded.runtime.lookahead, f"The {loaded.runtime.name} model"
    reference = NumpyRuntime(checkpoint.parameters, lookahead)
    expected, exact = run_once(reference, TokenDecoder(checkpoint.tokenizer), sound)
    if wrong := _find_implausible(expected, exact, checkpoint.config):
        raise ModelError(
            f"The checkpoint {checkpoint.path} is not a trained model: on sound it gives {wrong};"
            " get it again."
        )
    decoder = TokenDecoder(loaded.tokenizer_json)
    tokens, encoded = run_once(loaded.runtime, decoder, sound)
    if wrong := _find_implausible(tokens, encoded, checkpoint.config):
        raise NemocliError(f"{subject} gives {wrong}, which its checkpoint does not. {NOT_KEPT}")
    check = ConversionCheck(
        runtime=loaded.runtime.name,
        lookahead=lookahead,
        agreeing=count_agreeing(tokens, expected),
        tokens=max(len(tokens), len(expected)),
        encoder_difference=float(np.abs(encoded - exact).max() / np.abs(exact).max()),
    )
    allowed = MAX_DIFFERENCES.get(loaded.resolved.precision)
    differs = allowed is not None and check.encoder_difference > allowed
    if check.agreement < MIN_AGREEMENT or differs:
        raise NemocliError(f"{subject} does not say what its checkpoint says: {check}. {NOT_KEPT}")
    known, text = (
        find_text(checkpoint, lookahead) if find_text else None,
        decoder.decode_text(tokens),
    )
    if allowed is not None and known not in (None, text):
        raise NemocliError(f"{subject} says {quote(text)} where {quote(known)} is said. {NOT_KEPT}")
    return check


def _cut_to_chunks(
    sound: NDArray[np.float32], config: ModelConfig, frames: int
) -> NDArray[np.float32]:
    """Cut off the last, partial chunk: a bundle has no graphs for it, and computes it otherwise."""
    hop = config.features.hop_length
    first, rows = (count_chunk_rows(frames, first=is_first) for is_first in (True, False))
    whole = (len(sound) // hop - first) // rows
    return sound[: hop * (first + whole * rows)]


def _find_implausible(
    tokens: list[int], encoded: NDArray[np.float32], config: ModelConfig
) -> str | None:
    """Describe what in a model's output on speech no trained model gives; None if all is well."""
    if not np.isfinite(encoded).all():
        return "numbers that are infinite or none at all"
    if np.ptp(encoded, axis=0).max() <= np.abs(encoded).max() * np.finfo(np.float32).eps:
        return "the same for every moment"
    if len(tokens) >= MIN_TOKENS and len(set(tokens)) == 1:
        return f"the same token {len(tokens)} times"
    most = max(MIN_TOKENS, config.max_symbols * len(encoded) // 2)
    if config.max_symbols > 1 and len(tokens) >= most:
        return f"{len(tokens)} tokens in {len(encoded)} moments"
    return None


def count_agreeing(tokens: list[int], expected: list[int]) -> int:
    """Count the tokens that both have in the same order."""
    blocks = SequenceMatcher(None, tokens, expected, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks)
