"""One stream of mel rows, and the probabilities of its speakers."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nemocli.diarization.modes import DiarizationMode
from nemocli.diarization.speaker_cache import SpeakerCache
from nemocli.network.diarizer_config import ROWS_PER_FRAME

if TYPE_CHECKING:
    from nemocli.diarization.diarizer import Diarizer

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Step:
    """What a step embeds, and which part of it the step decides."""

    #: Look-back, chunk and lookahead, eight rows a frame: [frames, 8 mels].
    mel: Array
    lookback: int
    chunk: int
    #: Rows that the step decides: 8 a frame, at the end of the sound perhaps less.
    rows: int


class SpeakerStream:
    """Decides for each row of 10 ms who speaks in it, as soon as a mode allows.

    What was decided does not change any more. Speakers are numbered in the order in which they
    first spoke; a stream has as many as its model, whether that many speak or not.
    """

    def __init__(
        self,
        diarizer: "Diarizer",
        mode: DiarizationMode,
        keep_logits: bool = False,
        most_remembered: int | None = None,
    ) -> None:
        self.mode = mode
        self._diarizer = diarizer
        self._most_remembered = most_remembered
        config = diarizer.config
        self.cache = SpeakerCache(config, diarizer.silence, mode.fifo, mode.pop)
        # Rows from the look-back of the next step on.
        self._rows = np.zeros((0, config.features.num_mels), np.float32)
        self._lookback = 0
        self._is_finished = False
        #: The logits of all rows so far, [rows, speakers] for each step, if they are to be kept.
        self.logits: list[Array] | None = [] if keep_logits else None

    def feed(self, mel_rows: Array) -> Array:
        """Take rows [n, mels], any number; return the probabilities [rows, speakers] of new rows.

        Row i of all that is returned, `finish` included, is the sound from i * 0.01 s on.
        """
        self.push(mel_rows)
        return self._decide()

    def finish(self) -> Array:
        """End the sound; return the probabilities [rows, speakers] of all rows that are left."""
        self._is_finished = True
        return self._decide()

    def _decide(self) -> Array:
        decided = [np.zeros((0, self._diarizer.config.num_speakers), np.float32)]
        while (step := self.find_step()) is not None:
            decided += self._diarizer.advance([(self, step)])
        return np.concatenate(decided)

    def push(self, mel_rows: Array) -> None:
        """Keep rows [n, mels] for later steps."""
        self._rows = np.concatenate([self._rows, mel_rows])

    def find_step(self) -> Step | None:
        """Return what the next step takes; None as long as too few rows are there for it."""
        mode, rows = self.mode, self._rows
        before = ROWS_PER_FRAME * self._lookback
        new = len(rows) - before
        needed = ROWS_PER_FRAME * (mode.chunk + mode.lookahead)
        if new >= needed:
            frames, chunk = mode.chunk + mode.lookahead, mode.chunk
        elif self._is_finished and new:
            # All that is left, in whole frames: the last one is completed with rows of zeros.
            frames = -(-new // ROWS_PER_FRAME)
            chunk = min(frames, mode.chunk) if mode.ends_in_chunks else frames
        else:
            return None
        mel = rows[: before + ROWS_PER_FRAME * frames]
        missing = ROWS_PER_FRAME * (self._lookback + frames) - len(mel)
        mel = np.concatenate([mel, np.zeros((missing, mel.shape[1]), np.float32)])
        decided = min(new, ROWS_PER_FRAME * chunk)
        return Step(mel.reshape(self._lookback + frames, -1), self._lookback, chunk, decided)

    def end_step(self, step: Step, embeds: Array, logits: Array) -> Array:
        """Take a step's results; return the probabilities [rows, speakers] of the rows it decided.

        `embeds` [frames, D] are those of `Step.mel`, and `logits` [8 frames, speakers] those of
        all frames that were encoded: `SpeakerCache.list_frames`, and then these.
        """
        remembered = len(logits) // ROWS_PER_FRAME - len(embeds)
        probabilities = _apply_sigmoid(logits)
        shape = (-1, ROWS_PER_FRAME, probabilities.shape[1])
        # One value for a frame: the mean of the probabilities, not the probability of a mean.
        pooled = probabilities.reshape(shape).mean(1)
        first = remembered + step.lookback
        if self._most_remembered is not None:
            pooled[:, self._most_remembered :] = 0
        chunk = embeds[step.lookback : step.lookback + step.chunk]
        self.cache.push(chunk, pooled[:remembered], pooled[first : first + step.chunk])
        self._drop_rows(step)
        decided = slice(ROWS_PER_FRAME * first, ROWS_PER_FRAME * first + step.rows)
        if self.logits is not None:
            self.logits.append(logits[decided])
        return probabilities[decided]

    def _drop_rows(self, step: Step) -> None:
        """Drop the rows of a step; those of the lookahead and of the next look-back stay."""
        frames = step.lookback + step.chunk
        if len(self._rows) <= ROWS_PER_FRAME * frames and self._is_finished:
            self._rows, self._lookback = self._rows[:0], 0
            return
        self._lookback = min(self.mode.lookback, frames)
        self._rows = self._rows[ROWS_PER_FRAME * (frames - self._lookback) :]


def _apply_sigmoid(logits: Array) -> Array:
    with np.errstate(over="ignore"):  # where exp(-x) is inf, the result is 0, as it should be
        y: Array = np.reciprocal(1 + np.exp(-logits), dtype=np.float32)
    return y
