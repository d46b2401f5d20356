"""Whether a converted model says what its checkpoint says, heard on one stretch of sound."""

from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nemocli.audio import open_sound
from nemocli.errors import ModelError, UsageError
from nemocli.models.opening import open_folder
from nemocli.models.places import demo_folder
from nemocli.network.checkpoint import AnyCheckpoint
from nemocli.runtimes.base import Runtime
from nemocli.runtimes.numpy_runtime import NumpyRuntime
from nemocli.transcriber import Transcriber
from nemocli.transcript.detokenizer import Pieces
from nemocli.units import SAMPLE_RATE

#: Seconds of sound: enough that every cache has been filled and shifted, little to wait for.
SECONDS = 6.0


@dataclass(frozen=True)
class Report:
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
    folder: Path, checkpoint: AnyCheckpoint, sound: NDArray[np.float32] | None = None
) -> Report:
    """Run a model folder and its checkpoint on the same sound, at the folder's default lookahead.

    `sound` is float32 at 16 kHz; by default some seconds of the bundled clips, or a synthetic
    signal where they are not installed. A model may stay silent on either, so the encoder's outputs
    are compared too. Raises UnsupportedError if this machine cannot run the folder, UsageError if
    the folder is another model's.
    """
    opened = open_folder(folder)
    if opened.runtime.config != checkpoint.config:
        raise UsageError(f"{folder} was not converted from {checkpoint.path}.")
    reference = NumpyRuntime(checkpoint.parameters, opened.runtime.lookahead)
    pieces = Pieces(checkpoint.tokenizer)
    heard = bundled_sound(SECONDS) if sound is None else sound
    results = [run_once(runtime, pieces, heard) for runtime in (opened.runtime, reference)]
    (tokens, encoded), (expected, exact) = results
    return Report(
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


def run_once(
    runtime: Runtime, pieces: Pieces, sound: NDArray[np.float32]
) -> tuple[list[int], NDArray[np.float32]]:
    """Token ids of a sound, and the encoder's frames [n, decoder size]."""
    session = Transcriber(runtime, pieces, "verification").session(keep_encoder=True)
    session.feed(sound)
    tokens = [token.id for token in session.finish().tokens]
    return tokens, np.concatenate(session.enc_proj or [])


def bundled_sound(seconds: float) -> NDArray[np.float32]:
    """The beginning of the bundled clips, or a synthetic signal if they are not installed."""
    try:
        path = demo_folder().parent / "clips" / "all-languages.flac"
    except ModelError:
        return synthetic_sound(seconds)
    if not path.is_file():
        return synthetic_sound(seconds)
    with open_sound(path) as sound:
        return np.concatenate(list(sound))[: int(seconds * SAMPLE_RATE)]


def synthetic_sound(seconds: float) -> NDArray[np.float32]:
    """A voice-like signal at 16 kHz: gliding harmonics under three formants, in syllables."""
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    pitch = 120 + 30 * np.sin(2 * np.pi * 0.6 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    sound = np.zeros_like(time)
    for harmonic in range(1, 30):
        frequency = harmonic * 120
        strength = sum(
            np.exp(-(((frequency - centre - swing * np.sin(2 * np.pi * rate * time)) / 150) ** 2))
            for centre, swing, rate in ((500, 250, 1.3), (1500, 500, 0.8), (2500, 200, 1.9))
        )
        sound += strength * np.sin(harmonic * phase)
    syllables = np.clip(np.sin(2 * np.pi * 2.7 * time), 0, None)
    noise = np.random.default_rng(0).normal(0, 0.002, len(time))
    voiced = sound * syllables
    sound = 0.4 * voiced / np.abs(voiced).max() + noise
    return np.asarray(sound, np.float32)
