"""The one way in: open a sound file, iterate over its packets."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from nemocli.audio.decode import open_decoder
from nemocli.audio.decoder import Block, Decoder
from nemocli.audio.resample import repack, resample
from nemocli.audio.sound_warnings import SoundWarning
from nemocli.closing import Closing
from nemocli.errors import AudioError
from nemocli.units import SAMPLE_RATE

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def open_sound(path: str | os.PathLike[str], *, packet_seconds: float = 1.0) -> Sound:
    """Open a sound file, or the first sound track of a video, for streaming.

    The header is read at once, so that what is no sound is refused here; samples are decoded while
    iterating. `packet_seconds` is the length of every packet but the last.

    Raises AudioError, one sentence that names the file, if there is nothing to decode.
    """
    if packet_seconds <= 0:
        raise ValueError(f"packet_seconds must be positive, not {packet_seconds}")
    packet_samples = max(1, round(packet_seconds * SAMPLE_RATE))
    return Sound(Path(path), open_decoder(Path(path)), packet_samples)


# The largest integer that a float of full scale may stand for.
LOUDEST = 2.0**32


class Sound(Closing):
    """The packets of one file: float32 [n], 16 kHz mono, full scale at 1.0, none of them empty.

    An iterator, to be read once, and a context manager that closes the file. It holds about one
    packet in memory, however long the file is. Samples are never scaled or clipped, and a 16 kHz
    mono file comes through bit for bit.

    What cannot be decoded, or is missing by the file's own clock, is silence, so that everything
    behind it keeps its time; `warnings` says so. Iterating raises AudioError at the end if nothing
    at all could be decoded.
    """

    path: Path
    duration: float | None
    """Seconds that the header promises; None if it promises nothing. An estimate for some mp3."""

    def __init__(self, path: Path, decoder: Decoder, packet_samples: int) -> None:
        self.path = path
        self.duration = decoder.duration
        self._decoder = decoder
        self._packets = self._decode(packet_samples)

    def __iter__(self) -> Iterator[npt.NDArray[np.float32]]:
        return self

    def __next__(self) -> npt.NDArray[np.float32]:
        return next(self._packets)

    def close(self) -> None:
        """Close the file; closing twice is harmless, and no packets follow."""
        self._packets.close()
        self._decoder.close()

    @property
    def warnings(self) -> tuple[SoundWarning, ...]:
        """Give what is wrong with the sound that was read so far, by time."""
        return self._decoder.log.warnings

    def _decode(self, packet_samples: int) -> Generator[npt.NDArray[np.float32], None, None]:
        """The packets. A failure waits until the resampler gave out what it held before it."""
        failure: AudioError | None = None

        def good_blocks() -> Iterator[Block]:
            nonlocal failure
            try:
                yield from self._numbers_only(self._decoder.blocks())
            except AudioError as error:
                failure = error

        yield from repack(resample(good_blocks()), packet_samples)
        if failure is not None:
            raise failure

    def _numbers_only(self, blocks: Iterator[Block]) -> Iterator[Block]:
        """Pass the blocks on with silence for NaN and infinity: one would spoil all behind it.

        Raises AudioError at the end if there were no numbers at all.
        """
        import numpy as np

        seconds = 0.0
        any_numbers = is_spoiled = False
        for block in blocks:
            # Nothing but damage is louder than the integers that some write as floats.
            samples = block.samples
            if not samples.size:
                continue
            if samples.min() >= -LOUDEST and samples.max() <= LOUDEST:  # neither for NaN
                any_numbers = True
            else:
                numbers = np.all(np.abs(samples) <= LOUDEST, axis=1)
                any_numbers, is_spoiled = any_numbers or bool(numbers.any()), True
                first = seconds + int(numbers.argmin()) / block.rate
                count = len(numbers) - int(np.count_nonzero(numbers))
                self._decoder.log.note("not numbers", first, count / block.rate)
                block = Block(block.rate, np.where(numbers[:, None], samples, np.float32(0)))
            seconds += len(samples) / block.rate
            yield block
        if is_spoiled and not any_numbers:
            raise AudioError("holds samples that are not numbers: export it again.", self.path)
