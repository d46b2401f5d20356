"""Check of a converted diarization model: does it find the speakers that its checkpoint does?"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nemocli.bench.conversion import MAX_DIFFERENCES, NOT_KEPT, ConversionCheck, check_conversion
from nemocli.bench.reference import read_bundled_sound
from nemocli.diarization.diarizer import Diarizer
from nemocli.diarization.modes import OFFLINE
from nemocli.engine.mel import MelStream
from nemocli.errors import NemocliError, UsageError
from nemocli.models.find import find_checkpoint
from nemocli.models.folder import parse_manifest
from nemocli.models.load_diarizer import load_diarizer
from nemocli.network.checkpoint import open_checkpoint
from nemocli.network.diarizer_checkpoint import is_diarizer_checkpoint

#: Seconds of sound: a few tens of frames, which a step of numpy encodes in seconds.
SOUND_S = 5.0

#: Fraction of decisions that must agree, in any precision.
MIN_AGREEMENT = 0.8


@dataclass(frozen=True)
class DiarizerCheck:
    """How far the folder of a diarization model agrees with the numpy reference."""

    runtime: str
    #: Fraction of the decisions, for each row and speaker, that are the same.
    agreement: float
    #: Largest difference of a logit, relative to the largest logit.
    difference: float

    def __str__(self) -> str:
        return (
            f"{self.agreement:.1%} of the decisions agree with the checkpoint ({self.runtime}); the"
            f" logits differ by {self.difference:.1e} of the largest"
        )


def check_any_conversion(folder: Path, checkpoint: str | Path) -> ConversionCheck | DiarizerCheck:
    """Verify a new model folder of either kind, as `check_conversion` does."""
    path = find_checkpoint(checkpoint)
    if is_diarizer_checkpoint(path):
        return check_diarizer_conversion(folder, path)
    return check_conversion(folder, open_checkpoint(path))


def check_diarizer_conversion(folder: Path, checkpoint: Path) -> DiarizerCheck:
    """Run the folder of a diarization model and its checkpoint on the bundled sound.

    Raises UnsupportedError if this machine cannot run the folder, UsageError if it was made from
    another model, NemocliError if the two differ.
    """
    with load_diarizer(checkpoint, "numpy") as reference, load_diarizer(folder) as new:
        if new.config != reference.config:
            raise UsageError(f"{folder} was not converted from {checkpoint}.")
        return compare_diarizers(new, reference, parse_manifest(folder).precision)


def compare_diarizers(new: Diarizer, reference: Diarizer, precision: str) -> DiarizerCheck:
    """Run a model of some precision and its reference on the bundled sound.

    Raises NemocliError if the two differ.
    """
    mel = MelStream(new.config.features)
    rows = np.concatenate([mel.push(read_bundled_sound(SOUND_S)), mel.finish()])
    expected, found = _compute_logits(reference, rows), _compute_logits(new, rows)
    check = DiarizerCheck(
        runtime=new.runtime,
        agreement=float(np.mean((found > 0) == (expected > 0))),
        difference=float(np.abs(found - expected).max() / np.abs(expected).max()),
    )
    allowed = MAX_DIFFERENCES.get(precision)
    differs = allowed is not None and check.difference > allowed
    if check.agreement < MIN_AGREEMENT or differs:
        raise NemocliError(
            f"The {check.runtime} model does not find the speakers that its checkpoint finds:"
            f" {check}. {NOT_KEPT}"
        )
    return check


def _compute_logits(diarizer: Diarizer, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    stream = diarizer.begin(OFFLINE, keep_logits=True)
    stream.feed(rows)
    stream.finish()
    assert stream.logits is not None
    return np.concatenate(stream.logits)
