"""Whether a converted model says what its checkpoint says, on one stretch of sound.

Both may be wrong alike, as on damaged weights. So what each computes must be what a trained model
can compute, and where the text is known, it must be that.
"""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nemocli.bench.reference import SECONDS, bundled_sound, known_text, run_once
from nemocli.errors import ModelError, NemocliError, UsageError, shown
from nemocli.models.resolve import resolve
from nemocli.models.spec import ModelSpec
from nemocli.network.checkpoint import AnyCheckpoint
from nemocli.network.config import ModelConfig
from nemocli.network.parameters import count_weights
from nemocli.runtimes.numpy.runtime import NumpyRuntime
from nemocli.transcript.token_decoder import TokenDecoder

#: Weights above which the numpy reference is too slow for more than a few chunks, and the seconds
#: of sound that it gets then.
LARGE, SECONDS_OF_LARGE = 50_000_000, 1.5

#: Fraction of tokens that must agree, in any precision.
LEAST_AGREEMENT = 0.5

#: Largest difference of the encoder's outputs by precision, in parts of their largest value, and
#: many times what was measured. The text is compared in these precisions only.
DIFFERENCES = {"fp32": 0.01, "fp16": 0.1}

#: Ends the sentence about a model that differs from its checkpoint.
NOT_KEPT = "It is not kept: report this, please, and try another precision."

#: Tokens from which on it says something of a model if they are all the same.
MANY = 8


@dataclass(frozen=True)
class ConversionCheck:
    """How far a model folder agrees with the numpy reference of its checkpoint."""

    runtime: str
    lookahead: int
    #: Tokens that both emit in the same order, and the larger number of tokens of the two.
    agreeing: int
    tokens: int
    #: Largest difference of the encoder's outputs, in parts of their largest value.
    encoder_difference: float

    @property
    def agreement(self) -> float:
        """Fraction of tokens that agree; 1 if neither emits any."""
        return self.agreeing / self.tokens if self.tokens else 1.0

    def __str__(self) -> str:
        return (
            f"{self.agreeing} of {self.tokens} tokens agree with the checkpoint"
            f" ({self.runtime}, lookahead {self.lookahead}); the encoder differs by"
            f" {self.encoder_difference:.1e} of its largest output"
        )


def check_conversion(folder: Path, checkpoint: AnyCheckpoint) -> ConversionCheck:
    """Verify a new model folder on bundled sound, of which the demo's text is known.

    Raises ModelError if the checkpoint computes what no trained model does, NemocliError if the
    folder does not say what the checkpoint says, and as `verify_folder` does.
    """
    is_large = count_weights(checkpoint.config) > LARGE
    sound = bundled_sound(SECONDS_OF_LARGE if is_large else SECONDS)
    return verify_folder(folder, checkpoint, sound, None if is_large else known_text)


def verify_folder(
    folder: Path,
    checkpoint: AnyCheckpoint,
    sound: NDArray[np.float32],
    known: Callable[[AnyCheckpoint, int], str | None] | None = None,
) -> ConversionCheck:
    """Run a model folder and its checkpoint on the same sound, at the folder's default lookahead.

    `sound` is float32 at 16 kHz, and `known` gives the text that belongs to it by checkpoint and
    lookahead. A model may stay silent on it, so the encoder's outputs are compared too. Raises
    UnsupportedError if this machine cannot run the folder, UsageError if the folder is another
    model's, ModelError or NemocliError if one of the two computes what cannot be right, or if
    they differ.
    """
    opened = resolve(ModelSpec(folder)).load()
    if opened.runtime.config != checkpoint.config:
        raise UsageError(f"{folder} was not converted from {checkpoint.path}.")
    lookahead, made = opened.runtime.lookahead, f"The {opened.runtime.name} model"
    reference = NumpyRuntime(checkpoint.parameters, lookahead)
    expected, exact = run_once(reference, TokenDecoder(checkpoint.tokenizer), sound)
    if wrong := _find_implausible(expected, exact, checkpoint.config):
        raise ModelError(
            f"The checkpoint {checkpoint.path} is not a trained model: on sound it gives {wrong};"
            " get it again."
        )
    pieces = TokenDecoder(opened.tokenizer_json)
    tokens, encoded = run_once(opened.runtime, pieces, sound)
    if wrong := _find_implausible(tokens, encoded, checkpoint.config):
        raise NemocliError(f"{made} gives {wrong}, which its checkpoint does not. {NOT_KEPT}")
    report = ConversionCheck(
        runtime=opened.runtime.name,
        lookahead=lookahead,
        agreeing=count_agreeing(tokens, expected),
        tokens=max(len(tokens), len(expected)),
        encoder_difference=float(np.abs(encoded - exact).max() / np.abs(exact).max()),
    )
    allowed = DIFFERENCES.get(opened.resolved.precision)
    differs = allowed is not None and report.encoder_difference > allowed
    if report.agreement < LEAST_AGREEMENT or differs:
        raise NemocliError(f"{made} does not say what its checkpoint says: {report}. {NOT_KEPT}")
    text, said = known(checkpoint, lookahead) if known else None, pieces.text(tokens)
    if allowed is not None and text not in (None, said):
        raise NemocliError(f"{made} says {shown(said)} where {shown(text)} is said. {NOT_KEPT}")
    return report


def _find_implausible(
    tokens: list[int], encoded: NDArray[np.float32], config: ModelConfig
) -> str | None:
    """What of a model's output on speech no trained model gives; None if there is nothing."""
    if not np.isfinite(encoded).all():
        return "numbers that are infinite or none at all"
    if np.ptp(encoded, axis=0).max() <= np.abs(encoded).max() * np.finfo(np.float32).eps:
        return "the same for every moment"
    if len(tokens) >= MANY and len(set(tokens)) == 1:
        return f"the same token {len(tokens)} times"
    if config.max_symbols > 1 and len(tokens) >= max(MANY, config.max_symbols * len(encoded) // 2):
        return f"{len(tokens)} tokens in {len(encoded)} moments"
    return None


def count_agreeing(tokens: list[int], expected: list[int]) -> int:
    """Tokens that both have in the same order."""
    blocks = SequenceMatcher(None, tokens, expected, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks)
