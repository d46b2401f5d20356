"""The mean of channels, or one of them where they cancel each other out.

In antiphase stereo, the right channel is the left one upside down, as a cable for balanced sound
makes it in a stereo socket: their mean is silence. It is told from ordinary stereo by the energy of
the mean. Of independent channels it is a part of theirs that grows small only with their number; in
antiphase, hardly anything is left of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from nemocli.audio.resample import mix_down

#: Seconds that are judged by themselves.
CELL = 0.02
#: Cells that are judged together: a second.
JUDGED = 50

#: Channels cancel out where the energy of their mean is less than this part of what independent
#: ones would leave, and do not any more where it is over the second.
CANCELLED, ADDED = 0.02, 0.1

#: Mean squares up to here are silence, which says nothing; so many cells of a window must not be.
SILENCE, LEAST_CELLS = 1e-9, 10

#: Cells with less than this part of their window's mean energy say nothing of where it begins.
QUIET_PART = 0.1

#: The first channel that has this part of the loudest one's energy is the one that is taken.
LOUD_PART = 0.5


@dataclass(slots=True)
class _Cell:
    samples: npt.NDArray[np.float32]
    #: Their mean.
    mono: npt.NDArray[np.float32]
    #: Mean squares: of the mean of the channels, of all channels, and of each channel.
    mean: float
    energy: float
    each: npt.NDArray[np.float32]
    #: The channel that is taken, from 0; None for the mean.
    taken: int | None = None

    def cancels(self, part: float) -> bool:
        return self.mean * len(self.each) < part * self.energy

    def made(self, taken: int | None) -> npt.NDArray[np.float32]:
        return self.mono if taken is None else self.samples[:, taken]


class Mixer:
    """The mean of the channels as they come, or one of them wherever they cancel out.

    Frames of ordinary sound come back as `mix_down` makes them, bit for bit. With `ahead`, they
    come back up to a second later, so that sound is judged before it is given out; without, it is
    only known afterwards. Memory is a second of sound.
    """

    def __init__(self, rate: int, *, ahead: bool) -> None:
        self._cell = max(1, round(CELL * rate))
        self._rate = rate
        self._ahead = ahead
        #: Seconds of the first cell of which one channel was taken, and its number from 0.
        self.cancelled_from: float | None = None
        self.taken: int | None = None
        self._rest: npt.NDArray[np.float32] | None = None
        self._window: deque[_Cell] = deque()
        # Cells of the window that were given out already, and all frames that were.
        self._given_cells = 0
        self._given = 0
        self._last: int | None = None

    def push(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The next frames, float32 [n, channels]; mono ones, float32 [m], that are certain now."""
        mixed: list[npt.NDArray[np.float32]] = []
        if self._channels not in (None, samples.shape[1]):
            mixed.append(self.finish())
        if samples.shape[1] == 1:
            self._given += len(samples)
            return np.concatenate([*mixed, samples[:, 0]]) if mixed else samples[:, 0]
        if self._rest is not None and len(self._rest):
            samples = np.concatenate([self._rest, samples])
        whole = len(samples) // self._cell * self._cell
        self._rest = samples[whole:].copy()
        for cell in _cut(samples[:whole], self._cell):
            mixed += self._judge(cell)
        return np.concatenate([np.zeros(0, np.float32), *mixed])

    def finish(self) -> npt.NDArray[np.float32]:
        """What was held back."""
        mixed: list[npt.NDArray[np.float32]] = []
        if self._rest is not None and len(self._rest):
            for cell in _cut(self._rest, len(self._rest)):
                mixed += self._judge(cell)
        while self._given_cells < len(self._window):
            mixed.append(self._give())
        self._window.clear()
        self._given_cells = 0
        self._rest = None
        return np.concatenate([np.zeros(0, np.float32), *mixed])

    @property
    def seconds(self) -> float:
        """Of what was given out."""
        return self._given / self._rate

    @property
    def _channels(self) -> int | None:
        """Of the frames that are held; None if none are."""
        return None if self._rest is None else self._rest.shape[1]

    def _judge(self, cell: _Cell) -> Iterator[npt.NDArray[np.float32]]:
        """Add a cell to the window, and give out what is old enough."""
        window = self._window
        cell.taken = window[-1].taken if window else self._last
        window.append(cell)
        self._judge_window()
        if not self._ahead:
            yield self._give()
        if len(window) > JUDGED + 1:  # one more, which may fade over to what follows
            if not self._given_cells:
                yield self._give()
            window.popleft()
            self._given_cells -= 1

    def _judge_window(self) -> None:
        """Take one channel, or the mean again, from where the sound of the window became so."""
        window = self._window
        latest = window[-1]
        if latest.energy <= SILENCE or latest.cancels(CANCELLED) == (latest.taken is not None):
            return  # nothing new, which is almost always so
        judged = islice(window, max(0, len(window) - JUDGED), None)
        active = [cell for cell in judged if cell.energy > SILENCE]
        if len(active) < LEAST_CELLS:
            return
        energy = sum(cell.energy for cell in active)
        each = sum((cell.each for cell in active), 0 * latest.each)
        whole = _Cell(latest.samples, latest.mono, sum(cell.mean for cell in active), energy, each)
        if latest.taken is None and whole.cancels(CANCELLED):
            taken, part = _loud_channel(whole.each), ADDED
        elif latest.taken is not None and not whole.cancels(ADDED):
            taken, part = None, CANCELLED
        else:
            return
        quiet = QUIET_PART * energy / len(active)
        for cell in reversed(list(window)[self._given_cells :]):
            if cell.energy > quiet and cell.cancels(part) != (taken is not None):
                break
            cell.taken = taken
        if not self._ahead:
            latest.taken = taken
        if taken is not None and self.taken is None:
            self.taken = taken

    def _give(self) -> npt.NDArray[np.float32]:
        """Mono frames of the next cell, faded over where what is taken changes.

        The fade is in a cell of ordinary sound, if it is known by then what follows: there, the
        mean and one channel are the same to the ear.
        """
        cell = self._window[self._given_cells]
        self._given_cells += 1
        following = cell
        if self._given_cells < len(self._window):
            following = self._window[self._given_cells]
        before, after = self._last, cell.taken
        if cell.taken is None and following.taken is not None:
            after = following.taken
        if after is not None and self.cancelled_from is None:
            self.cancelled_from = self._given / self._rate
        mono = cell.made(after)
        if before != after and self._given:
            fade = np.linspace(0.0, 1.0, len(mono), dtype=np.float32)
            mono = (1 - fade) * cell.made(before) + fade * mono
        self._last = after
        self._given += len(mono)
        return mono


def _cut(samples: npt.NDArray[np.float32], size: int) -> list[_Cell]:
    """Cells of `size` frames each, from whole ones: float32 [cells * size, channels]."""
    channels = samples.shape[1]
    mono = mix_down(samples).reshape(-1, size)
    parts = samples.reshape(-1, size, channels)
    # Sums of float32 are exact enough: the parts that they are compared by are far apart.
    of_mean = np.einsum("cf,cf->c", mono, mono) / size
    of_each = np.einsum("cfk,cfk->ck", parts, parts) / size
    energies = zip(of_mean.tolist(), of_each.mean(axis=1).tolist(), of_each, strict=True)
    return list(map(_Cell, parts, mono, *zip(*energies, strict=True))) if len(parts) else []


def _loud_channel(each: npt.NDArray[np.float32]) -> int:
    return int((each >= LOUD_PART * each.max()).argmax())
