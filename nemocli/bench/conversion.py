"""Whether a converted model says what its checkpoint says, heard on one stretch of sound."""

from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nemocli.bench.reference import run_once
from nemocli.errors import UsageError
from nemocli.models.resolve import resolve
from nemocli.models.spec import ModelSpec
from nemocli.network.checkpoint import AnyCheckpoint
from nemocli.runtimes.numpy.runtime import NumpyRuntime
from nemocli.transcript.token_decoder import TokenDecoder


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


def verify_folder(
    folder: Path, checkpoint: AnyCheckpoint, sound: NDArray[np.float32]
) -> ConversionCheck:
    """Run a model folder and its checkpoint on the same sound, at the folder's default lookahead.

    `sound` is float32 at 16 kHz. A model may stay silent on it, so the encoder's outputs are
    compared too. Raises UnsupportedError if this machine cannot run the folder, UsageError if
    the folder is another model's.
    """
    opened = resolve(ModelSpec(folder)).load()
    if opened.runtime.config != checkpoint.config:
        raise UsageError(f"{folder} was not converted from {checkpoint.path}.")
    reference = NumpyRuntime(checkpoint.parameters, opened.runtime.lookahead)
    pieces = TokenDecoder(checkpoint.tokenizer)
    results = [run_once(runtime, pieces, sound) for runtime in (opened.runtime, reference)]
    (tokens, encoded), (expected, exact) = results
    return ConversionCheck(
        runtime=opened.runtime.name,
        lookahead=opened.runtime.lookahead,
        agreeing=count_agreeing(tokens, expected),
        tokens=max(len(tokens), len(expected)),
        encoder_difference=float(np.abs(encoded - exact).max() / np.abs(exact).max()),
    )


def count_agreeing(tokens: list[int], expected: list[int]) -> int:
    """Tokens that both have in the same order."""
    blocks = SequenceMatcher(None, tokens, expected, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks)
