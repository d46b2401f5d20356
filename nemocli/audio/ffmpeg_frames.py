"""Conversion of FFmpeg's frames to blocks of float32 samples, and silence in blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from nemocli.audio.decoder import Block

#: FFmpeg's sample formats; a "p" at the end of the name would say planar.
NUMPY_TYPES = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}

#: Samples that are converted at once. A frame has as many as its file says, up to 2 GB of them.
MAX_SAMPLES = 1 << 20

#: A pause is below this root mean square of its samples: -40 dBFS.
QUIET_RMS = 0.01

#: Frames of sound in a block.
BLOCK_FRAMES = 8192


def to_float(frame: av.AudioFrame, first: int, most: int) -> npt.NDArray[np.float32]:
    """Convert any sample format, planar or packed, to float32 [frames, channels].

    Full scale is 1.0. Begins at the frame's sample number `first`, and takes at most `most`.
    """
    dtype = np.dtype(NUMPY_TYPES[frame.format.name.removesuffix("p")])
    channels = len(frame.layout.channels)
    count = min(most, frame.samples - first)
    offset = first * dtype.itemsize
    # Not frame.to_ndarray, which takes eight planar channels for nine.
    planes: Any = frame.planes
    if frame.format.is_planar and channels == 1:
        samples = np.frombuffer(planes[0], dtype, count, offset)[:, None]
    elif frame.format.is_planar:
        parts = [np.frombuffer(planes[i], dtype, count, offset) for i in range(channels)]
        samples = np.stack(parts, axis=1)
    else:
        packed = np.frombuffer(planes[0], dtype, count * channels, offset * channels)
        samples = packed.reshape(count, channels)
    if samples.dtype.kind == "f":
        return np.asarray(samples, np.float32)
    bits = 8 * samples.dtype.itemsize
    if samples.dtype.kind == "u":
        samples = samples.astype(np.float64) - 2 ** (bits - 1)
    # float64, because float32 cannot hold 32-bit integers; dividing by a power of two is exact.
    return np.asarray(samples.astype(np.float64) / 2 ** (bits - 1), np.float32)


def join_blocks(blocks: Iterator[Block]) -> Iterator[Block]:
    """Join blocks to about BLOCK_FRAMES frames, because each block has a fixed cost later."""
    held: list[npt.NDArray[np.float32]] = []
    count = rate = 0
    for block in blocks:
        samples = block.samples
        if held and (block.rate != rate or samples.shape[1] != held[0].shape[1]):
            yield Block(rate, np.concatenate(held))
            held, count = [], 0
        rate = block.rate
        held.append(samples)
        count += len(samples)
        if count >= BLOCK_FRAMES:
            yield Block(rate, np.concatenate(held) if len(held) > 1 else samples)
            held, count = [], 0
    if held:
        yield Block(rate, np.concatenate(held))


def make_silence(seconds: float, rate: int, channels: int) -> Iterator[Block]:
    """Yield blocks of zeros, each a second or less."""
    frames = round(seconds * rate)
    for first in range(0, frames, rate):
        yield Block(rate, np.zeros((min(rate, frames - first), channels), np.float32))


def is_quiet(frame: av.AudioFrame) -> bool:
    """Return whether a frame is as quiet as a pause."""
    samples = to_float(frame, 0, MAX_SAMPLES)
    return bool(np.sqrt(np.mean(np.square(samples))) < QUIET_RMS) if samples.size else True
