"""Transcripts with speakers."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nemocli.diarization.capping import cap_speakers
from nemocli.diarization.turns import find_turns
from nemocli.diarization.words import WordSpeakers
from nemocli.transcript.speakers import make_speakers
from nemocli.transcript.types import Transcript


def add_speakers(
    transcript: Transcript,
    probabilities: NDArray[np.float32],
    *,
    most: int | None = None,
    names: tuple[str, ...] = (),
    delay_s: float = 0.0,
) -> Transcript:
    """Return a whole transcript with turns, and with the speakers of its words.

    `probabilities` are the rows [rows, speakers] of its sound. There are at most `most` speakers,
    and the first ones have `names`. Words were said `delay_s` before their times, unless they are
    aligned.
    """
    if most is not None:
        probabilities = cap_speakers(probabilities, most)
    speakers = make_speakers(probabilities.shape[1], names)
    assigned = WordSpeakers(speakers, delay_s)
    words = assigned.assign(transcript.words, probabilities)
    turns = find_turns(probabilities[:, assigned.columns], names)
    return replace(transcript, words=words, turns=turns)
