"""Mixing of channels: their mean, or one of them where they cancel each other out.

In antiphase stereo, the right channel is the left one upside down, as a cable for balanced sound
makes it in a stereo socket: their mean is silence. The energy of the mean distinguishes it from
ordinary stereo. Independent channels keep a share of their energy; in antiphase almost none is
left.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from nemocli.audio.resample import mix_down

#: Seconds of a cell, whose energies are measured together.
CELL_S = 0.02
#: Cells of the window by which antiphase is recognised: a second.
WINDOW_CELLS = 50

#: Channels cancel out where the energy of their mean is below this share of what independent
#: channels would leave. They stop cancelling above the second value.
CANCELLED, ADDED = 0.02, 0.1

#: Mean squares up to the first value are silence, which shows nothing; a window needs this many
#: cells with sound.
SILENT_ENERGY, MIN_CELLS = 1e-9, 10

#: Cells with less than this share of their window's mean energy do not show where antiphase begins.
QUIET_SHARE = 0.1

#: The first channel with this share of the loudest channel's energy is taken.
LOUD_SHARE = 0.5


@dataclass(slots=True)
class _Cell:
    #: float32 [frames, channels].
    samples: npt.NDArray[np.float32]
    #: Mean of the channels, float32 [frames].
    mono: npt.NDArray[np.float32]
    #: Mean squares: of the mean of the channels, of all channels, and of each channel.
    mean: float
    energy: float
    each: npt.NDArray[np.float32]
    #: The channel that is taken, from 0; None for the mean.
    taken: int | None = None

    def cancels(self, part: float) -> bool:
        return self.mean * len(self.each) < part * self.energy

    def select(self, taken: int | None) -> npt.NDArray[np.float32]:
        return self.mono if taken is None else self.samples[:, taken]


class Mixer:
    """Mixer of channels as they come: their mean, or one of them wherever they cancel out.

    Frames of ordinary sound come back as `mix_down` makes them, bit for bit. With `ahead`, they
    come back up to a second later, so that antiphase is recognised before they are returned;
    without, only afterwards. Memory is a second of sound.
    """

    def __init__(self, rate: int, *, ahead: bool) -> None:
        self._cell = max(1, round(CELL_S * rate))
        self._rate = rate
        self._ahead = ahead
        #: Where one channel was taken first, in seconds, and the channel's number from 0.
        self.cancelled_from: float | None = None
        self.taken: int | None = None
        self._rest: npt.NDArray[np.float32] | None = None
        self._window: deque[_Cell] = deque()
        # Cells of the window that were returned already, and all frames that were.
        self._given_cells = 0
        self._given = 0
        self._last: int | None = None

    def push(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Take the next frames, float32 [n, channels]; return finished mono ones, float32 [m]."""
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
        """Return the mono frames that were held back, float32 [n]."""
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
        """Seconds of sound returned so far."""
        return self._given / self._rate

    @property
    def _channels(self) -> int | None:
        """Number of channels of the frames that are held; None before the first frames."""
        return None if self._rest is None else self._rest.shape[1]

    def _judge(self, cell: _Cell) -> Iterator[npt.NDArray[np.float32]]:
        """Add a cell to the window, and yield the cells that are old enough."""
        window = self._window
        cell.taken = window[-1].taken if window else self._last
        window.append(cell)
        self._judge_window()
        if not self._ahead:
            yield self._give()
        if len(window) > WINDOW_CELLS + 1:  # one more, which may fade over to what follows
            if not self._given_cells:
                yield self._give()
            window.popleft()
            self._given_cells -= 1

    def _judge_window(self) -> None:
        """Switch to one channel, or back to the mean, from where the window's sound changed."""
        window = self._window
        latest = window[-1]
        if latest.energy <= SILENT_ENERGY or latest.cancels(CANCELLED) == (
            latest.taken is not None
        ):
            return  # no change, which is by far the most frequent case
        judged = islice(window, max(0, len(window) - WINDOW_CELLS), None)
        active = [cell for cell in judged if cell.energy > SILENT_ENERGY]
        if len(active) < MIN_CELLS:
            return
        energy = sum(cell.energy for cell in active)
        each = sum((cell.each for cell in active), 0 * latest.each)
        whole = _Cell(latest.samples, latest.mono, sum(cell.mean for cell in active), energy, each)
        if latest.taken is None and whole.cancels(CANCELLED):
            taken, part = _find_loud_channel(whole.each), ADDED
        elif latest.taken is not None and not whole.cancels(ADDED):
            taken, part = None, CANCELLED
        else:
            return
        quiet = QUIET_SHARE * energy / len(active)
        for cell in reversed(list(window)[self._given_cells :]):
            if cell.energy > quiet and cell.cancels(part) != (taken is not None):
                break
            cell.taken = taken
        if not self._ahead:
            latest.taken = taken
        if taken is not None and self.taken is None:
            self.taken = taken

    def _give(self) -> npt.NDArray[np.float32]:
        """Return the mono frames of the next cell, with a fade where the taken channel changes.

        The fade lies in a cell of ordinary sound if the following cell is known: there, the mean
        and one channel sound the same.
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
        mono = cell.select(after)
        if before != after and self._given:
            fade = np.linspace(0.0, 1.0, len(mono), dtype=np.float32)
            mono = (1 - fade) * cell.select(before) + fade * mono
        self._last = after
        self._given += len(mono)
        return mono


def _cut(samples: npt.NDArray[np.float32], size: int) -> list[_Cell]:
    """Cut float32 [cells * size, channels] into cells of `size` frames."""
    channels = samples.shape[1]
    mono = mix_down(samples).reshape(-1, size)
    parts = samples.reshape(-1, size, channels)
    # Sums in float32 are exact enough: the thresholds that they are compared with are far apart.
    of_mean = np.einsum("cf,cf->c", mono, mono) / size
    of_each = np.einsum("cfk,cfk->ck", parts, parts) / size
    energies = zip(of_mean.tolist(), of_each.mean(axis=1).tolist(), of_each, strict=True)
    return list(map(_Cell, parts, mono, *zip(*energies, strict=True))) if len(parts) else []


def _find_loud_channel(each: npt.NDArray[np.float32]) -> int:
    return int((each >= LOUD_SHARE * each.max()).argmax())
