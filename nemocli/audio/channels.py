"""Choice of channels: all mixed, one of them, or each separately."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nemocli.audio.antiphase import Mixer
from nemocli.audio.decoder import Block
from nemocli.audio.options import MAX_SEPARATE, MIX, SoundOptions, name_channel
from nemocli.counting import count_things
from nemocli.errors import AudioError


def check_channels(path: Path, channels: int, options: SoundOptions) -> None:
    """Raise AudioError if a file does not have the chosen channel, or too many to separate."""
    given = count_things(channels, "channel")
    if isinstance(options.channels, int) and options.channels > channels:
        raise AudioError(
            f"has {given}, and --channels asks for number {options.channels}: choose one that it"
            " has, or mix.",
            path,
        )
    if options.is_separate and channels > MAX_SEPARATE:
        raise AudioError(
            f"has {given}, and --channels separate takes {MAX_SEPARATE} at most: choose one of"
            " them by its number.",
            path,
        )


class ChannelStage:
    """Stage that turns blocks of any channels into blocks of the transcribed channels.

    These are mono, or with `separate` have as many channels as the file's header says. A decoder
    fills gaps with silence of one channel, which is copied to all.
    """

    def __init__(self, path: Path, channels: int, options: SoundOptions) -> None:
        check_channels(path, channels, options)
        self._path = path
        self._options = options
        #: Channels of the blocks that come out.
        self.channels = channels if options.is_separate else 1
        #: Names of the channels; empty if they are not separate.
        self.names: tuple[str, ...] = ()
        if options.is_separate and channels > 1:
            self.names = tuple(name_channel(n, channels) for n in range(channels))
        #: Which channels were transcribed: `mix`, a channel's name, or `separate`.
        self.made = "mix"
        if isinstance(options.channels, int):
            self.made = name_channel(options.channels - 1, channels)
        elif self.names:
            self.made = str(options.channels)

    def convert(
        self, blocks: Iterator[Block], warn: Callable[[str, float, str], None]
    ) -> Iterator[Block]:
        """Yield the blocks; `warn` is called with a kind, seconds and a sentence."""
        if self._options.channels == MIX:
            yield from self._mix(blocks, warn)
            return
        for block in blocks:
            if self._options.is_separate:
                samples = spread_channels(block.samples, self.channels)
            else:
                samples = pick_channel(block.samples, int(self._options.channels))[:, None]
            yield Block(block.rate, samples)

    def _mix(
        self, blocks: Iterator[Block], warn: Callable[[str, float, str], None]
    ) -> Iterator[Block]:
        mixer: Mixer | None = None
        rate = channels = 0
        ended = 0.0  # seconds of the mixers before
        for block in blocks:
            if mixer is None or block.rate != rate:
                if mixer is not None:
                    yield from _make_block(rate, mixer.finish())
                    ended += mixer.seconds
                rate = block.rate
                mixer = Mixer(rate, ahead=True)
            channels = block.samples.shape[1]
            yield from _make_block(rate, mixer.push(block.samples))
            self._report_antiphase(mixer, channels, ended, warn)
        if mixer is not None:
            yield from _make_block(rate, mixer.finish())
            self._report_antiphase(mixer, channels, ended, warn)

    def _report_antiphase(
        self,
        mixer: Mixer,
        channels: int,
        before: float,
        warn: Callable[[str, float, str], None],
    ) -> None:
        """Warn once that channels cancel each other out."""
        if mixer.cancelled_from is None or mixer.taken is None or self.made != "mix":
            return
        self.made = name_channel(mixer.taken, channels)
        at = before + mixer.cancelled_from
        warn("channels", at, describe_antiphase(at, self.made))


def describe_antiphase(at: float, channel: str) -> str:
    """Return the warning for channels that cancel each other out from `at` (seconds) on."""
    name = channel if channel.startswith("channel") else f"the {channel} channel"
    return (
        f"The channels cancel each other out (antiphase), from {at:.1f} s on: {name} alone is"
        " transcribed there."
    )


def _make_block(rate: int, mono: npt.NDArray[np.float32]) -> Iterator[Block]:
    if len(mono):
        yield Block(rate, mono[:, None])


def pick_channel(samples: npt.NDArray[np.float32], number: int) -> npt.NDArray[np.float32]:
    """Return channel `number`, from 1, of float32 [frames, channels]; the last if there are fewer.

    A file may have fewer channels for a while.
    """
    return samples[:, min(number, samples.shape[1]) - 1]


def spread_channels(samples: npt.NDArray[np.float32], channels: int) -> npt.NDArray[np.float32]:
    """Return float32 [frames, channels]: a single channel copied to all, missing ones as zeros."""
    if samples.shape[1] == channels:
        return samples
    if samples.shape[1] == 1:
        return np.repeat(samples, channels, axis=1)
    spread = np.zeros((len(samples), channels), np.float32)
    shared = min(channels, samples.shape[1])
    spread[:, :shared] = samples[:, :shared]
    return spread
