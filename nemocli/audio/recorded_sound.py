"""The sound that a recording keeps: that of one source, or of two as the channels of stereo."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr

from nemocli.audio.antiphase import Mixer
from nemocli.audio.common_clock import CommonClock
from nemocli.audio.source import LiveSource, Silence

#: Seconds by which a channel may be off the common clock before sound is left out or silence put
#: in; less than that is made up for slowly, by MAX_STRETCH of the sound.
MAX_OFFSET_S, MAX_STRETCH = 0.05, 0.002

#: Seconds by which one source may be behind the other before silence is written in its place.
MAX_BEHIND_S = 30.0

Frames = npt.NDArray[np.float32]


class OneSource:
    """The sound of a source as it comes: its rate, its channels, and silence for its gaps."""

    def __init__(self, source: LiveSource) -> None:
        self._source = source
        self.rate, self.channels = source.rate, source.channels

    def begin(self, put: Callable[[Any], None]) -> None:
        """Have `put` called with each block, in the source's thread."""
        self._source.tap = put

    def end(self) -> None:
        """Have it called no more."""
        self._source.tap = None

    def split(self, block: Any) -> Iterator[Frames]:
        """Yield the frames of a block, float32 [n, channels]; of a silence, a second at a time."""
        yield from _split(self._source, block)

    def finish(self) -> Frames:
        """Return what was held back, float32 [n, channels]."""
        return np.zeros((0, self.channels), np.float32)


class TwoSources:
    """The sound of two sources, mixed to mono each: the first one left, the second one right.

    Both are placed by the clock that `LiveSource.began_at` is measured with, as the texts of
    `MergedListeners` are. Where one gives nothing for long, silence stands for it.
    """

    channels = 2

    def __init__(self, sources: Sequence[LiveSource]) -> None:
        left, right = sources
        self.rate = max(left.rate, right.rate)
        self._lanes = (_Lane(left, self.rate), _Lane(right, self.rate))
        self._clock = CommonClock([lane.source for lane in self._lanes])
        # Frames that were given out.
        self._given = 0

    def begin(self, put: Callable[[Any], None]) -> None:
        """Have `put` called with each block of both, in their threads."""
        for index, lane in enumerate(self._lanes):
            lane.source.tap = partial(_put_numbered, put, index)

    def end(self) -> None:
        """Have it called no more."""
        for lane in self._lanes:
            lane.source.tap = None

    def split(self, block: Any) -> Iterator[Frames]:
        """Yield the frames, float32 [n, 2], that are complete with a block of one source."""
        index, data = block
        lane, other = self._lanes[index], self._lanes[1 - index]
        for frames in _split(lane.source, data):
            lane.add(frames, self._clock.find_offset(lane.source))
            other.fill(lane.end - round(MAX_BEHIND_S * self.rate))
            yield self._take()

    def finish(self) -> Frames:
        """Return what is left; the channel that is shorter ends with silence."""
        for lane in self._lanes:
            lane.finish()
        for lane in self._lanes:
            lane.fill(max(each.end for each in self._lanes))
        return self._take()

    def _take(self) -> Frames:
        until = min(lane.end for lane in self._lanes)
        count, self._given = until - self._given, until
        return np.stack([lane.take(count) for lane in self._lanes], axis=1)


class _Lane:
    """One of two sources: its sound, mono, at the recording's rate, which waits for the other's."""

    def __init__(self, source: LiveSource, rate: int) -> None:
        self.source = source
        self._rate = rate
        self._mixer = Mixer(source.rate, ahead=False)
        self._resampler = None
        if source.rate != rate:
            self._resampler = soxr.ResampleStream(source.rate, rate, 1, dtype="float32")
        # Frames of the source so far, at the recording's rate.
        self._count = 0
        self._waiting: list[Frames] = []
        #: Frames of the recording up to which this channel is complete.
        self.end = 0

    def add(self, frames: Frames, offset_s: float) -> None:
        """Add the next frames, [n, channels], of a source that began at `offset_s`."""
        mono = self._mixer.push(frames)
        if self._resampler is not None:
            mono = self._resampler.resample_chunk(mono)
        late = round(offset_s * self._rate) + self._count - self.end
        self._count += len(mono)
        if abs(late) > MAX_OFFSET_S * self._rate:
            self.fill(self.end + late)
            mono = mono[max(0, -late) :]
        else:
            most = int(MAX_STRETCH * len(mono))
            mono = _stretch(mono, min(most, max(-most, late)))
        self._append(mono)

    def finish(self) -> None:
        """Add what was held back for what might have followed."""
        mono = self._mixer.finish()
        if self._resampler is not None:
            mono = self._resampler.resample_chunk(mono, last=True)
        self._append(mono)

    def fill(self, until: int) -> None:
        """Add silence until the channel has so many frames."""
        if until > self.end:
            self._append(np.zeros(until - self.end, np.float32))

    def take(self, count: int) -> Frames:
        """Return the first `count` frames that wait, float32 [count]."""
        sound = np.concatenate([np.zeros(0, np.float32), *self._waiting])
        self._waiting = [sound[count:]]
        return sound[:count]

    def _append(self, mono: Frames) -> None:
        self._waiting.append(mono)
        self.end += len(mono)


def _put_numbered(put: Callable[[Any], None], index: int, data: Any) -> None:
    put((index, data))


def _split(source: LiveSource, block: Any) -> Iterator[Frames]:
    if not isinstance(block, Silence):
        yield source.to_frames(block)
        return
    for begin in range(0, block.frames, source.rate):
        count = min(source.rate, block.frames - begin)
        yield np.zeros((count, source.channels), np.float32)


def _stretch(mono: Frames, more: int) -> Frames:
    """Return the sound with so many frames more (or less), spread evenly."""
    if not more or not len(mono):
        return mono
    places = np.linspace(0, len(mono) - 1, len(mono) + more)
    return mono[np.rint(places).astype(np.intp)]
