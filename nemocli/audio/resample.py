"""Resampling of any rate to 16 kHz, as a stream: no block waits for the end of the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import soxr

from nemocli.audio.decoder import Block
from nemocli.units import SAMPLE_RATE


def mix_down(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the mean of the channels: float32 [frames, channels] -> [frames].

    A single channel comes back bit for bit. The mean never exceeds the loudest channel, so nothing
    needs clipping.
    """
    if samples.shape[1] == 1:
        return samples[:, 0]
    return np.asarray(samples.mean(axis=1, dtype=np.float64), np.float32)


class Resampler:
    """Resampler of a stream to 16 kHz: float32 [n] if `channels` is 1, else [n, channels].

    n frames at rate r give n * 16000 / r samples in all, rounded; 16 kHz passes through unchanged.
    """

    def __init__(self, rate: int, channels: int = 1) -> None:
        self._nothing = np.zeros(0 if channels == 1 else (0, channels), np.float32)
        self._stream = (
            None
            if rate == SAMPLE_RATE
            else soxr.ResampleStream(rate, SAMPLE_RATE, channels, dtype="float32")
        )

    def push(self, frames: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Take the next frames, float32; return the samples that are certain already."""
        return frames if self._stream is None else self._stream.resample_chunk(frames)

    def finish(self) -> npt.NDArray[np.float32]:
        """Return the last samples, which depended on frames that might have followed."""
        if self._stream is None:
            return self._nothing
        last: npt.NDArray[np.float32] = self._stream.resample_chunk(self._nothing, last=True)
        return last


def resample(blocks: Iterable[Block], channels: int = 1) -> Iterator[npt.NDArray[np.float32]]:
    """Resample blocks of any rate to 16 kHz: float32 [n], the mean of their channels.

    If `channels` is more than 1, every block has that many, and they stay separate: float32
    [n, channels]. A change of the rate ends one resampler, tail included, and starts the next.
    """
    rate = SAMPLE_RATE
    resampler = Resampler(rate, channels)
    for block in blocks:
        if block.rate != rate:
            yield resampler.finish()
            rate = block.rate
            resampler = Resampler(rate, channels)
        yield resampler.push(mix_down(block.samples) if channels == 1 else block.samples)
    yield resampler.finish()


def repack(
    pieces: Iterable[npt.NDArray[np.float32]], size: int
) -> Iterator[npt.NDArray[np.float32]]:
    """Repack samples in packets of `size`; only the last may be shorter, and none is empty."""
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
