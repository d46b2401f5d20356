"""One stream on its way through the encoder: mel rows that wait, and the states between calls."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nemocli.network.config import ModelConfig
from nemocli.network.graphs import FIRST_SHORT, chunk_rows
from nemocli.runtimes.base import State

Array = NDArray[np.float32]

#: Added to the scores of keys that must not be seen. Finite, so that float16 survives it; e^-10000
#: is zero in any precision.
MASKED = np.float32(-1e4)

#: Rows that stand before the sound's first one, by subsampling stage, in a stream whose first chunk
#: is filled up from the front to be as long as the others.
_FRONT = (3, 1, 0)


@dataclass(frozen=True)
class ChunkInputs:
    """Some chunks of a stream, as they go into the encoder."""

    #: [8 C N, mels]: N chunks of C frames, with rows of zeros where there is no sound.
    rows: Array
    #: Ones for the rows of each subsampling stage that lie within the sound, [1, 1, rows, 1].
    row_masks: list[Array]
    #: To be added to the scores, [N, L + C]: hides cache slots not yet filled, and frames that do
    #: not exist.
    neg_mask: Array
    #: Frames that exist.
    valid: int
    is_first: bool
    #: Whether the sound begins or ends in it, which the row masks are there for.
    has_edge: bool


class EncoderStream:
    """Cuts mel rows into pieces; constant memory for a stream of any length.

    The first chunk is `FIRST_SHORT` rows short of the others. Rows of zeros stand in for them whose
    outputs are masked in every stage: the same numbers as two rows of zeros ahead of the sound.
    """

    def __init__(self, config: ModelConfig, lookahead: int, prompt: int) -> None:
        self._config = config
        self._chunk = lookahead + 1  # frames
        self._rows = np.zeros((FIRST_SHORT, config.features.num_mels), np.float32)
        self._rows_done = 0
        self._ended = False
        #: What the graphs remember of it; filled and read by the encoder alone.
        self.states: dict[str, State] = {}
        self.set_prompt(prompt)

    def set_prompt(self, prompt: int) -> None:
        """Set the language from the next chunk on."""
        self.one_hot = np.zeros((1, self._config.num_prompts), np.float32)
        self.one_hot[0, prompt] = 1

    def push(self, rows: Array) -> None:
        """Add mel rows [n, mels]."""
        self._rows = np.concatenate([self._rows, rows])

    def end(self) -> None:
        """Mark the end: the last, partial chunk is encoded with what there is of it.

        Its frames are those that an offline pass over the whole sound has. A sound too short for
        a single row has one frame, made of zeros, as in the reference.
        """
        self._ended = True

    @property
    def chunks(self) -> int:
        """The number of chunks that can be encoded now."""
        rows = chunk_rows(self._chunk, first=False)
        return -(-len(self._rows) // rows) if self._ended else len(self._rows) // rows

    def take(self, chunks: int) -> ChunkInputs:
        """Remove the next chunks; more than there are is for a stream that has ended."""
        rows = chunk_rows(self._chunk, first=False) * chunks
        taken = self._rows[:rows]
        existing = -(-(self._rows_done + len(self._rows)) // 8) if self._ended else None
        frames_done, frames = self._rows_done // 8, self._chunk * chunks
        row_masks, has_edge = self._row_masks(rows)
        piece = ChunkInputs(
            rows=np.concatenate([taken, np.zeros((rows - len(taken), taken.shape[1]), np.float32)]),
            row_masks=row_masks,
            neg_mask=self._neg_mask(chunks, frames_done, existing),
            valid=frames if existing is None else min(frames, existing - frames_done),
            is_first=self._rows_done == 0,
            has_edge=has_edge,
        )
        self._rows = self._rows[rows:].copy()
        self._rows_done += rows
        return piece

    def _neg_mask(self, chunks: int, done: int, existing: int | None) -> Array:
        """Make the mask of `chunks` after `done` frames of `existing`, if that is known."""
        left, chunk = self._config.left_context, self._chunk
        first = done + chunk * np.arange(chunks)[:, None]  # frame of each chunk
        frame = first - left + np.arange(left + chunk)
        hidden = frame < 0
        if existing is not None:
            hidden |= frame >= existing
        return np.where(hidden, MASKED, np.float32(0))

    def _row_masks(self, rows: int) -> tuple[list[Array], bool]:
        """Make the masks for the next `rows` rows; also whether any of them hides something.

        A stage makes n // 2 + 1 rows of the n rows of a sound that has ended.
        """
        length = self._rows_done + len(self._rows) - FIRST_SHORT
        done, masks, has_edge = self._rows_done, [], False
        for front in _FRONT:
            length, done, rows = length // 2 + 1, done // 2, rows // 2
            place = done + np.arange(rows) - front
            keep = place >= 0
            if self._ended:
                keep &= place < length
            has_edge |= not keep.all()
            masks.append(keep.astype(np.float32).reshape(1, 1, rows, 1))
        return masks, has_edge
