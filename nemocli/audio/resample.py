"""Any sampling rate to 16 kHz mono, as a stream: no block waits for the end of the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from nemocli.audio.decoder import Block

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SAMPLE_RATE = 16_000
"""Samples a second that the model hears."""


def mix_down(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The mean of the channels: float32 [frames, channels] -> [frames].

    One channel comes back bit for bit. The mean never exceeds the loudest channel, so nothing
    needs clipping.
    """
    import numpy as np

    if samples.shape[1] == 1:
        return samples[:, 0]
    return np.asarray(samples.mean(axis=1, dtype=np.float64), np.float32)


def resample(blocks: Iterable[Block]) -> Iterator[npt.NDArray[np.float32]]:
    """Blocks of any rate and channel count -> float32 [n], 16 kHz mono.

    n frames at rate r give n * 16000 / r samples, rounded; 16 kHz passes through untouched. A rate
    that changes within the file ends one resampler, tail included, and starts the next.
    """
    import numpy as np
    import soxr

    rate = SAMPLE_RATE
    stream: soxr.ResampleStream | None = None
    nothing = np.zeros(0, np.float32)
    for block in blocks:
        if block.rate != rate:
            if stream is not None:
                yield stream.resample_chunk(nothing, last=True)
            rate = block.rate
            stream = None
            if rate != SAMPLE_RATE:
                stream = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32")
        mono = mix_down(block.samples)
        yield mono if stream is None else stream.resample_chunk(mono)
    if stream is not None:
        yield stream.resample_chunk(nothing, last=True)


def repack(
    pieces: Iterable[npt.NDArray[np.float32]], size: int
) -> Iterator[npt.NDArray[np.float32]]:
    """The same samples in packets of `size`; only the last may be shorter, and none is empty."""
    import numpy as np

    held: list[npt.NDArray[np.float32]] = []
    missing = size
    for piece in pieces:
        while len(piece) >= missing:
            yield np.concatenate([*held, piece[:missing]])
            piece = piece[missing:]
            held, missing = [], size
        if len(piece):
            held.append(piece)
            missing -= len(piece)
    if held:
        yield np.concatenate(held)
