"""Reading of a sound file of any kind: open it, iterate over its packets."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nemocli.audio.channels import ChannelStage
from nemocli.audio.decode import open_decoder
from nemocli.audio.decoder import Block, Decoder
from nemocli.audio.float_scale import (
    MAX_FLOAT,
    MAX_INTEGER,
    find_full_scale,
    find_usual_peak,
    scale_down,
)
from nemocli.audio.gain import LoudestSeconds, RunningGain, to_factor
from nemocli.audio.level import PeakLevel
from nemocli.audio.options import AUTO_GAIN, DEFAULT_OPTIONS, SoundOptions
from nemocli.audio.resample import repack, resample
from nemocli.audio.tracks import describe_choice
from nemocli.closing import Closing
from nemocli.errors import AudioError
from nemocli.sound_warning import SoundWarning
from nemocli.units import SAMPLE_RATE

#: Seconds examined first when samples are floats.
FIRST_LOOK_S = 120.0


@dataclass(frozen=True)
class DecodedSound:
    """Which part of a file was decoded, and how its samples were changed."""

    #: The track's number from 1, the number of tracks, and the track's language if known.
    track: int
    tracks: int
    track_language: str | None
    #: `mix`, the name of the channel that was taken, or `separate`.
    channels: str
    #: dB, by channel if they are separate; None if the samples are unchanged.
    gain: float | tuple[float, ...] | None


def open_sound(
    path: str | os.PathLike[str],
    *,
    packet_seconds: float = 1.0,
    options: SoundOptions = DEFAULT_OPTIONS,
) -> Sound:
    """Open a sound file, or a sound track of a video, for streaming.

    The header is read at once, so that other files are refused here; samples are decoded while
    iterating. `packet_seconds` is the length of every packet but the last.

    Raises AudioError, one sentence that names the file, if nothing can be decoded, or not what
    `options` require.
    """
    if packet_seconds <= 0:
        raise ValueError(f"packet_seconds must be positive, not {packet_seconds}")
    packet_samples = max(1, round(packet_seconds * SAMPLE_RATE))
    decoder = open_decoder(Path(path), options)
    try:
        return Sound(Path(path), decoder, packet_samples, options)
    except AudioError:
        decoder.close()
        raise


class Sound(Closing):
    """Packets of one file: float32 [n], 16 kHz mono, full scale at 1.0, none of them empty.

    With separate channels they are float32 [n, channels].

    It is an iterator, to be read once, and a context manager that closes the file. It holds about
    one packet in memory, however long the file is. Samples are never clipped, and only scaled by a
    gain of the options, or where floats are in the range of integers; so a 16 kHz mono file comes
    through bit for bit.

    Sound that cannot be decoded, or is missing by the file's own clock, becomes silence, so that
    everything behind it keeps its time; `warnings` has a sentence for it. Iterating raises
    AudioError at the end if nothing at all could be decoded.
    """

    path: Path
    duration: float | None
    """Seconds that the header promises; None if it promises nothing. An estimate for some mp3."""

    channel_names: tuple[str, ...]
    """Names of the channels if they are separate; else empty."""

    def __init__(
        self, path: Path, decoder: Decoder, packet_samples: int, options: SoundOptions
    ) -> None:
        """Take over `decoder`. Raises AudioError for channels that the file does not have."""
        self.path = path
        self.duration = decoder.duration
        #: Level of the packets so far.
        self.level = PeakLevel()
        self._decoder = decoder
        self._options = options
        self._channels = ChannelStage(path, decoder.channels, options)
        self.channel_names = self._channels.names
        self._gain: tuple[float, ...] | None = None
        # Whether a few far too loud samples count as damage.
        self._finds_outliers = False
        self._packets = self._decode(packet_samples)

    @property
    def note(self) -> str | None:
        """Sentence on which of several tracks was chosen, to follow the file's name, or None."""
        return describe_choice(self._decoder.tracks, self._decoder.track)

    @property
    def decoded(self) -> DecodedSound:
        """What was decoded of the file so far."""
        gain: float | tuple[float, ...] | None = self._gain
        if self._gain is not None and not self.channel_names:
            gain = self._gain[0]
        track = self._decoder.track
        return DecodedSound(
            track.number, len(self._decoder.tracks), track.language, self._channels.made, gain
        )

    def __iter__(self) -> Iterator[npt.NDArray[np.float32]]:
        return self

    def __next__(self) -> npt.NDArray[np.float32]:
        packet = next(self._packets)
        self.level.add(packet)
        return packet

    def close(self) -> None:
        """Close the file; closing twice is harmless, and no packets follow."""
        self._packets.close()
        self._decoder.close()

    @property
    def warnings(self) -> tuple[SoundWarning, ...]:
        """Warnings about the sound that was read so far, by time."""
        return self._decoder.log.warnings

    def _decode(self, packet_samples: int) -> Generator[npt.NDArray[np.float32], None, None]:
        """Yield the packets. A failure is raised after the sound that was decoded before it."""
        failure: AudioError | None = None

        def read_good_blocks() -> Iterator[Block]:
            nonlocal failure
            try:
                yield from self._silence_bad_samples(self._decoder.read_blocks())
            except AudioError as error:
                failure = error

        blocks = read_good_blocks()
        if self._decoder.stores_floats:
            peak = self._measure_first_peak()
            if find_full_scale(peak) == 1.0:
                self._finds_outliers = True
            blocks = scale_down(blocks, peak, self._decoder.log.add)
        blocks = self._channels.convert(blocks, self._decoder.log.add)
        packets = repack(resample(blocks, self._channels.channels), packet_samples)
        yield from self._amplify(packets)
        if failure is not None:
            raise failure

    def _measure_first_peak(self) -> float:
        """Measure the peak of the first minutes; return 0 for a pipe, which is read only once."""
        if not self.path.is_file():
            return 0.0
        peak = seconds = 0.0
        decoder = open_decoder(self.path, self._options)
        try:
            for block in decoder.read_blocks():
                peak = max(peak, find_usual_peak(block.samples))
                seconds += len(block.samples) / block.rate
                if seconds >= FIRST_LOOK_S:
                    break
        except AudioError:  # raised again when the sound itself is decoded
            pass
        finally:
            decoder.close()
        return peak

    def _amplify(
        self, packets: Iterator[npt.NDArray[np.float32]]
    ) -> Iterator[npt.NDArray[np.float32]]:
        """Yield the packets with the gain of the options."""
        if self._options.gain is None:
            yield from packets
        elif self._options.gain == AUTO_GAIN and not self.path.is_file():
            running = RunningGain(AUTO_GAIN)
            for packet in packets:
                yield running.apply(packet)
                self._gain = (round(running.gain, 1),)
        else:
            self._gain = self._choose_constant_gain()
            factors = np.array([to_factor(gain) for gain in self._gain], np.float32)
            for packet in packets:
                yield packet * (factors if packet.ndim == 2 else factors[0])

    def _choose_constant_gain(self) -> tuple[float, ...]:
        """Return the gain in dB, by channel; for `auto`, the whole file is read for it."""
        count = self._channels.channels
        if isinstance(self._options.gain, float):
            return (self._options.gain,) * count
        loudest = [LoudestSeconds() for _ in range(count)]
        with open_sound(self.path, options=replace(self._options, gain=None)) as sound:
            try:
                for second in sound:
                    for channel, its in zip(loudest, second.reshape(-1, count).T, strict=True):
                        channel.add(its)
            except AudioError:  # raised again when the sound itself is decoded
                pass
        return tuple(its.gain for its in loudest)

    def _silence_bad_samples(self, blocks: Iterator[Block]) -> Iterator[Block]:
        """Replace NaN and infinity in the blocks by silence: one would spoil all behind it.

        Raises AudioError at the end if there were no numbers at all.
        """
        seconds = 0.0
        any_numbers = is_spoiled = False
        for block in blocks:
            samples = block.samples
            if not samples.size:
                continue
            largest = MAX_INTEGER
            if self._finds_outliers and find_full_scale(find_usual_peak(samples)) == 1.0:
                largest = MAX_FLOAT
            if samples.min() >= -largest and samples.max() <= largest:  # neither for NaN
                any_numbers = True
            else:
                numbers = np.all(np.abs(samples) <= largest, axis=1)
                any_numbers, is_spoiled = any_numbers or bool(numbers.any()), True
                first = seconds + int(numbers.argmin()) / block.rate
                count = len(numbers) - int(np.count_nonzero(numbers))
                self._decoder.log.note("not numbers", first, count / block.rate)
                block = Block(block.rate, np.where(numbers[:, None], samples, np.float32(0)))
            seconds += len(samples) / block.rate
            yield block
        if is_spoiled and not any_numbers:
            raise AudioError("holds samples that are not numbers: export it again.", self.path)
