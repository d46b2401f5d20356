"""Any sampling rate to 16 kHz mono, as a stream: no block waits for the end of the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from nemocli.audio.decoder import Block
from nemocli.units import SAMPLE_RATE

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def mix_down(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The mean of the channels: float32 [frames, channels] -> [frames].

    One channel comes back bit for bit. The mean never exceeds the loudest channel, so nothing
    needs clipping.
    """
    import numpy as np

    if samples.shape[1] == 1:
        return samples[:, 0]
    return np.asarray(samples.mean(axis=1, dtype=np.float64), np.float32)


class Resampler:
    """Mono sound at one rate -> float32 [n], 16 kHz mono, as it comes.

    n frames at rate r give n * 16000 / r samples in all, rounded; 16 kHz passes through untouched.
    """

    def __init__(self, rate: int) -> None:
        import soxr

        self._stream = (
            None
            if rate == SAMPLE_RATE
            else soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32")
        )

    def push(self, mono: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The next frames, float32 [n]; what can be said of them already."""
        return mono if self._stream is None else self._stream.resample_chunk(mono)

    def finish(self) -> npt.NDArray[np.float32]:
        """The samples that were held back for what might have followed."""
        import numpy as np

        nothing = np.zeros(0, np.float32)
        return nothing if self._stream is None else self._stream.resample_chunk(nothing, last=True)


def resample(blocks: Iterable[Block]) -> Iterator[npt.NDArray[np.float32]]:
    """Blocks of any rate and channel count -> float32 [n], 16 kHz mono.

    A rate that changes within the file ends one resampler, tail included, and starts the next.
    """
    rate = SAMPLE_RATE
    resampler = Resampler(rate)
    for block in blocks:
        if block.rate != rate:
            yield resampler.finish()
            rate = block.rate
            resampler = Resampler(rate)
        yield resampler.push(mix_down(block.samples))
    yield resampler.finish()


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
