"""The caches of encoder frames that all streams of a model share, and whose each slot is."""

from collections.abc import Sequence
from weakref import WeakKeyDictionary, WeakSet

import numpy as np
from numpy.typing import NDArray

from nemocli.engine.encoder_stream import EncoderStream
from nemocli.errors import NemocliError, lacks_memory
from nemocli.network.graphs import count_kept_frames, list_slot_shapes
from nemocli.runtimes.base import Runtime, State, make_zeros

Slots = NDArray[np.int64]

#: The slot that is never written: it has the zeros that stand before the first frame.
ZERO_SLOT = 0

#: Caches are made smaller when they are this many times as large as needed.
MAX_EXCESS = 8


class FrameCaches:
    """Keeps the frames that streams need, each in a slot of caches that grow and shrink.

    A stream's next frames are put into slots that nobody needs any more; nothing else is moved or
    copied. The streams of a call can be any, in any order. The slots of a stream that no longer
    exists are free.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        config = runtime.config
        self._frames_kept = count_kept_frames(config)
        self._shapes = {
            f"{name}{layer}": shape
            for layer in range(config.num_layers)
            for name, shape in list_slot_shapes(config).items()
        }
        #: The caches, as the runtime returned them.
        self.arrays: State = {}
        #: The number of slots.
        self.slots = 0
        self._kept: WeakKeyDictionary[EncoderStream, Slots] = WeakKeyDictionary()
        # Streams whose frames are gone, because memory was lacking to move them.
        self._lost: WeakSet[EncoderStream] = WeakSet()

    def find_slots(self, streams: Sequence[EncoderStream], frames: int) -> Slots:
        """Find slots for the next frames of each stream.

        Returns [streams, kept + frames]: those of the frames that are kept, from the oldest, and of
        the new ones. They are taken by `keep` only, which the next call must come after. Raises
        NemocliError if frames of a stream were lost.
        """
        if any(stream in self._lost for stream in streams):
            raise NemocliError("Memory was lacking, and frames of this stream were lost by it.")
        for stream in streams:
            if stream not in self._kept:
                self._kept[stream] = np.full(self._frames_kept, ZERO_SLOT)
        new = len(streams) * frames
        needed = 1 + len(self._kept) * self._frames_kept + new
        if not needed <= self.slots <= MAX_EXCESS * needed:
            # Twice as many, so that each further stream does not move all others.
            self._move(needed if needed < self.slots or not self.slots else 2 * needed)
        free = np.ones(self.slots, bool)
        free[self._list_taken()] = False
        found = np.flatnonzero(free)[:new].reshape(len(streams), frames)
        return np.concatenate([np.stack([self._kept[stream] for stream in streams]), found], 1)

    def keep(self, streams: Sequence[EncoderStream], slots: Slots, arrays: State) -> None:
        """Keep the last frames of what `find_slots` found, and the caches that a call returned."""
        self.arrays = arrays
        for stream, row in zip(streams, slots, strict=True):
            self._kept[stream] = row[-self._frames_kept :]

    def trim(self) -> bool:
        """Give back memory that no stream needs; return whether there is still some."""
        if not self._kept:
            self.arrays, self.slots = {}, 0
        elif self.slots > MAX_EXCESS * (needed := 1 + len(self._kept) * self._frames_kept):
            try:
                self._move(needed)
            except Exception as error:
                if not lacks_memory(error):  # the streams say so when they go on
                    raise
        return self.slots > 0

    def lose_all(self) -> None:
        """Give all caches back: no stream so far can go on then, but others can."""
        for stream in list(self._kept):
            stream.has_failed = True
            self._lost.add(stream)
        self._kept.clear()
        self.arrays, self.slots = {}, 0

    def _list_taken(self) -> Slots:
        """List the slots that streams need, and the one of zeros, in order."""
        return np.unique(np.concatenate([[ZERO_SLOT], *self._kept.values()]))

    def _move(self, slots: int) -> None:
        """Move what is kept into caches of another size."""
        if not self.arrays:
            self.arrays = {
                name: make_zeros((slots, *shape), np.float32)
                for name, shape in self._shapes.items()
            }
            self.slots = slots
        else:
            taken = self._list_taken()
            try:
                self.arrays = self._runtime.move_slots(self.arrays, taken, slots)
                for stream, kept in list(self._kept.items()):
                    self._kept[stream] = np.searchsorted(taken, kept)
                self.slots = slots
            except BaseException:  # of some caches, the old ones are gone
                self.lose_all()
                raise
