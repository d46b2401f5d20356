"""One stream's part of the encoder: the mel rows that wait, and the states between calls."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nemocli.network.config import ModelConfig
from nemocli.network.graphs import FIRST_SHORT, count_chunk_rows
from nemocli.runtimes.base import State

Array = NDArray[np.float32]

#: Added to the scores of keys that are hidden. It is finite, so that float16 can hold it; e^-10000
#: is zero in any precision.
MASKED = np.float32(-1e4)

#: The masked rows before the sound's first row, for each subsampling stage: they make a stream's
#: first chunk as long as the others.
_FRONT = (3, 1, 0)


@dataclass(frozen=True)
class ChunkInputs:
    """The encoder's inputs for N chunks of C frames of a stream; L frames of left context."""

    #: Mel rows [8 C N, mels]; zeros where there is no sound.
    rows: Array
    #: For each subsampling stage [1, 1, rows, 1]: 1 for rows within the sound, 0 for others.
    row_masks: list[Array]
    #: Added to the scores, [N, L + C]: hides cache slots not yet filled, those of a chunk that is
    #: there only in part, and frames that do not exist.
    neg_mask: Array
    #: Frames that exist: at most C N.
    valid: int
    #: Whether these are the first chunks of the stream.
    is_first: bool
    #: Whether the sound begins or ends here: only then do the row masks have a 0.
    has_edge: bool


class EncoderStream:
    """Keeps a stream's mel rows and cuts them into chunks, in constant memory.

    The first chunk has `FIRST_SHORT` rows less than the others. Rows of zeros fill it up, and each
    stage masks what it makes of them: the result is the same as with two rows of zeros before the
    sound in each stage.
    """

    def __init__(self, config: ModelConfig, lookahead: int, prompt: int) -> None:
        self._config = config
        self._chunk = lookahead + 1  # frames
        self._rows = np.zeros((FIRST_SHORT, config.features.num_mels), np.float32)
        self._rows_done = 0
        self._ended = False
        #: What the graphs remember of the stream; only the encoder reads and writes it.
        self.states: dict[str, State] = {}
        #: Whether a call failed that this stream needed: it lacks sound then, or what was kept.
        self.has_failed = False
        self.set_prompt(prompt)

    def set_prompt(self, prompt: int) -> None:
        """Set the language from the next chunk on; without effect for a model without prompts."""
        self.one_hot = np.zeros((1, self._config.num_prompts), np.float32)
        if self._config.has_prompts:
            self.one_hot[0, prompt] = 1

    def push(self, rows: Array) -> None:
        """Add mel rows [n, mels]."""
        self._rows = np.concatenate([self._rows, rows])

    def end(self) -> None:
        """Mark the end of the sound: the rows that are left become a last, partial chunk.

        Its frames are those of an offline pass over the whole sound. A sound too short for a single
        row has one frame, made of zeros, as in the reference.
        """
        self._ended = True

    @property
    def chunks(self) -> int:
        """The number of chunks that can be encoded now."""
        rows = count_chunk_rows(self._chunk, first=False)
        return -(-len(self._rows) // rows) if self._ended else len(self._rows) // rows

    @property
    def rows_to_chunk(self) -> int:
        """The number of rows that the next chunk lacks; 0 or less if it is complete."""
        return count_chunk_rows(self._chunk, first=False) - len(self._rows)

    def take(self, chunks: int) -> ChunkInputs:
        """Remove and return the next chunks. Only a stream that has ended may have fewer left."""
        rows = count_chunk_rows(self._chunk, first=False) * chunks
        taken = self._rows[:rows]
        existing = -(-(self._rows_done + len(self._rows)) // 8) if self._ended else None
        frames_done, frames = self._rows_done // 8, self._chunk * chunks
        row_masks, has_edge = self._make_row_masks(rows)
        piece = ChunkInputs(
            rows=np.concatenate([taken, np.zeros((rows - len(taken), taken.shape[1]), np.float32)]),
            row_masks=row_masks,
            neg_mask=self._make_neg_mask(chunks, frames_done, existing),
            valid=frames if existing is None else min(frames, existing - frames_done),
            is_first=self._rows_done == 0,
            has_edge=has_edge,
        )
        self._rows = self._rows[rows:].copy()
        self._rows_done += rows
        return piece

    def _make_neg_mask(self, chunks: int, done: int, existing: int | None) -> Array:
        """Make the mask for `chunks` chunks after `done` frames.

        `existing` is the number of frames of the whole sound, None before it has ended.
        """
        left, chunk = self._config.left_context, self._chunk
        first = done + chunk * np.arange(chunks)[:, None]  # frame of each chunk
        frame = first - left + np.arange(left + chunk)
        hidden = frame < 0
        # The network was trained to see whole chunks, as many as its left context has room for.
        hidden[:, : left % chunk] = True
        if existing is not None:
            hidden |= frame >= existing
        return np.where(hidden, MASKED, np.float32(0))

    def _make_row_masks(self, rows: int) -> tuple[list[Array], bool]:
        """Make the masks for the next `rows` rows, and tell whether any of them hides a row.

        A stage makes n // 2 + 1 rows of n rows of a whole sound.
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
