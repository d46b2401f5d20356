"""Sounds that a model is unsure of, so that phrases change what it writes, whatever model it is."""

from dataclasses import replace

import numpy as np
import soundfile

from tests.sounds import RATE


def muddle(clips, folder):
    """Return clips in which two people speak at once, each also a file in the folder."""
    found = []
    for number, (one, other) in enumerate(zip(clips, [*clips[1:], clips[0]], strict=True)):
        samples = np.zeros(max(len(one.samples), len(other.samples)), np.float32)
        samples[: len(one.samples)] += one.samples
        samples[: len(other.samples)] += other.samples
        path = folder / f"{number}.wav"
        soundfile.write(path, samples, RATE, subtype="FLOAT")
        found.append(replace(one, path=path, samples=samples))
    return found
