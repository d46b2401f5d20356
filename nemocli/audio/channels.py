"""Which channels of a file are transcribed: mixed, one that was chosen, or each by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nemocli.audio.antiphase import Mixer
from nemocli.audio.decoder import Block
from nemocli.audio.options import MIX, MOST_SEPARATE, SoundOptions, channel_name
from nemocli.errors import AudioError


def check_channels(path: Path, channels: int, options: SoundOptions) -> None:
    """AudioError if a file has not the channel that is asked for, or too many to separate."""
    count = "1 channel" if channels == 1 else f"{channels} channels"
    if isinstance(options.channels, int) and options.channels > channels:
        raise AudioError(
            f"has {count}, and --channels asks for number {options.channels}: choose one that it"
            " has, or mix.",
            path,
        )
    if options.is_separate and channels > MOST_SEPARATE:
        raise AudioError(
            f"has {count}, and --channels separate takes {MOST_SEPARATE} at most: choose one of"
            " them by its number.",
            path,
        )


class ChannelStage:
    """Blocks of any channels -> blocks of those that are transcribed.

    They are mono, or with `separate` have as many channels as the file's header says. A silence
    that a decoder puts into a gap, of one channel, is in all.
    """

    def __init__(self, path: Path, channels: int, options: SoundOptions) -> None:
        check_channels(path, channels, options)
        self._path = path
        self._options = options
        #: Of what comes out.
        self.channels = channels if options.is_separate else 1
        #: By channel; empty if they are not told apart.
        self.names: tuple[str, ...] = ()
        if options.is_separate and channels > 1:
            self.names = tuple(channel_name(n, channels) for n in range(channels))
        #: What was made of the channels: `mix`, a channel's name, or `separate`.
        self.made = "mix"
        if isinstance(options.channels, int):
            self.made = channel_name(options.channels - 1, channels)
        elif self.names:
            self.made = str(options.channels)

    def blocks(
        self, blocks: Iterator[Block], warn: Callable[[str, float, str], None]
    ) -> Iterator[Block]:
        """The blocks; `warn` is called with a kind, seconds and a sentence."""
        if self._options.channels == MIX:
            yield from self._mixed(blocks, warn)
            return
        for block in blocks:
            if self._options.is_separate:
                samples = spread_channels(block.samples, self.channels)
            else:
                samples = pick_channel(block.samples, int(self._options.channels))[:, None]
            yield Block(block.rate, samples)

    def _mixed(
        self, blocks: Iterator[Block], warn: Callable[[str, float, str], None]
    ) -> Iterator[Block]:
        mixer: Mixer | None = None
        rate = channels = 0
        ended = 0.0  # seconds of the mixers before
        for block in blocks:
            if mixer is None or block.rate != rate:
                if mixer is not None:
                    yield from _block(rate, mixer.finish())
                    ended += mixer.seconds
                rate = block.rate
                mixer = Mixer(rate, ahead=True)
            channels = block.samples.shape[1]
            yield from _block(rate, mixer.push(block.samples))
            self._tell(mixer, channels, ended, warn)
        if mixer is not None:
            yield from _block(rate, mixer.finish())
            self._tell(mixer, channels, ended, warn)

    def _tell(
        self,
        mixer: Mixer,
        channels: int,
        before: float,
        warn: Callable[[str, float, str], None],
    ) -> None:
        """Say once that channels cancel each other out."""
        if mixer.cancelled_from is None or mixer.taken is None or self.made != "mix":
            return
        self.made = channel_name(mixer.taken, channels)
        at = before + mixer.cancelled_from
        warn("channels", at, antiphase_sentence(at, self.made))


def antiphase_sentence(at: float, channel: str) -> str:
    """What to say of channels that cancel each other out from a second on."""
    name = channel if channel.startswith("channel") else f"the {channel} channel"
    return (
        f"The channels cancel each other out (antiphase), from {at:.1f} s on: {name} alone is"
        " transcribed there."
    )


def _block(rate: int, mono: npt.NDArray[np.float32]) -> Iterator[Block]:
    if len(mono):
        yield Block(rate, mono[:, None])


def pick_channel(samples: npt.NDArray[np.float32], number: int) -> npt.NDArray[np.float32]:
    """Channel `number`, from 1, of float32 [frames, channels]; the only one if there is one.

    Where a file has fewer channels for a while, it is the last of them.
    """
    return samples[:, min(number, samples.shape[1]) - 1]


def spread_channels(samples: npt.NDArray[np.float32], channels: int) -> npt.NDArray[np.float32]:
    """float32 [frames, any] -> [frames, channels]: a single one is in all, missing ones are 0."""
    if samples.shape[1] == channels:
        return samples
    if samples.shape[1] == 1:
        return np.repeat(samples, channels, axis=1)
    spread = np.zeros((len(samples), channels), np.float32)
    shared = min(channels, samples.shape[1])
    spread[:, :shared] = samples[:, :shared]
    return spread
