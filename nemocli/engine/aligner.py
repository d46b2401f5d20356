"""The aligner: where words are in the sound, by the model's delay and by how loud the sound is."""

import numpy as np
from numpy.typing import NDArray

from nemocli.transcript.alignment import Alignment
from nemocli.units import FRAME_SECONDS

#: All times in this file are in milliseconds: of an encoder frame, and of a mel row.
FRAME_MS, ROW_MS = round(1000 * FRAME_SECONDS), 10

#: Rows of an encoder frame.
FRAME_ROWS = FRAME_MS // ROW_MS

#: The longest sound of a word's first token, and the usual one.
MAX_TOKEN_MS, USUAL_TOKEN_MS = 700, 250

#: How long before the end of its first token's sound a word is looked for.
MAX_START_MS = 1500

#: A silence between two words begins this close to where the first seems to end.
START_REACH_MS = 120

#: A shorter silence is part of a word: the closure of a stop such as t.
MIN_SILENCE_MS = 120

#: How far from where a token should end the sound may fall silent: with a known delay to both
#: sides, otherwise only before.
END_REACH_MS, UNKNOWN_END_REACH_MS = 120, 500

#: How long it is silent after a word that ends there.
END_SILENCE_MS = 60

#: Sound before a word's end that decides what is silent there.
END_CONTEXT_MS = 600

#: dB from the quietest rows to the loudest below which none of them is silent.
MIN_CONTRAST = 18.0

#: What is silent: rows less than this many dB above the quietest, or less than this share of the
#: contrast, or more than this many dB below the loudest. One of these is enough.
ABOVE_QUIETEST, CONTRAST_SHARE, BELOW_LOUDEST = 6.0, 0.3, 40.0

#: The shortest word, if there is room for it; and if not, as for several words on a frame.
SHORT_WORD_MS, MIN_WORD_MS = 40, 2

#: Words end this long before the sound does, so that there is room for others on their frame.
RESERVE_MS = 30

#: Levels that are kept of sound that was decoded.
KEPT_MS = 4000


class Aligner:
    """Words of one stream, aligned with its sound: a WordAligner.

    The sound of a token ends by the model's delay before its frame does, or at the silence near to
    that. A word begins at the end of a silence behind the word before, or else where that ends.
    With an unknown delay, words keep the times of their frames where there is no silence.

    Words never overlap or go back. Their times depend on the sound up to the end of their chunk,
    not on how it was fed. Memory is constant.
    """

    def __init__(self, alignment: Alignment, lookahead: int) -> None:
        delay = alignment.delay
        self._delay = None if delay is None else round(1000 * delay)
        self._chunk = lookahead + 1  # frames
        # Level of each mel row in dB, from row `_first_row` on.
        self._levels = np.zeros(0, np.float32)
        self._first_row = 0
        self._end_row: int | None = None
        # The end of the last finished word; None before the first.
        self._last_end: int | None = None
        self._start = self._end = 0
        self._is_spoken = False

    @property
    def span(self) -> tuple[float, float]:
        """Start and end of the word that grows, in seconds."""
        return self._start / 1000, self._end / 1000

    def push(self, rows: NDArray[np.float32]) -> None:
        """Add the log-mel rows [n, mels] of the next sound."""
        loudest = rows.max(1)
        levels = loudest + np.log(np.exp(rows - loudest[:, None]).sum(1))
        self._levels = np.concatenate([self._levels, levels * np.float32(10 / np.log(10))])

    def end_sound(self) -> None:
        """Let words end here: rows that are pushed later are no part of the sound."""
        self._end_row = self._first_row + len(self._levels)

    def forget(self, frames: int) -> None:
        """Free the levels that are not needed any more when so many frames are decoded."""
        row = (frames * FRAME_MS - KEPT_MS) // ROW_MS
        if row > self._first_row:
            self._levels = self._levels[row - self._first_row :].copy()
            self._first_row = row

    def add(self, frame: int, *, begins_word: bool, is_spoken: bool) -> None:
        """Add a token of the word by its encoder frame; punctuation is not spoken."""
        if begins_word:
            self._start = self._find_start(frame)
            self._is_spoken = False
        if begins_word or is_spoken or not self._is_spoken:
            self._end = self._find_end(frame)
        self._is_spoken = self._is_spoken or is_spoken

    def close(self) -> None:
        """Finish the word that grows: the next one begins where it ends, or later."""
        self._last_end = self._end

    def _find_start(self, frame: int) -> int:
        """Find the start of a word whose first token is emitted on a frame."""
        token_end, is_known = self._find_token_end(frame)
        earliest = self._last_end or 0
        begin = max(0, earliest - START_REACH_MS, token_end - MAX_START_MS) // ROW_MS * ROW_MS
        threshold = self._find_threshold(begin, self._find_frame_end(frame))
        sound = self._get_levels(begin, token_end)
        silences = [
            (begin + first * ROW_MS, begin + end * ROW_MS)
            for first, end in _find_silences(sound, threshold, is_beginning=not begin)
            if begin + end * ROW_MS > earliest
        ]
        is_close = self._last_end is not None and token_end - self._last_end <= MAX_TOKEN_MS
        if is_close and silences and silences[0][0] > earliest + START_REACH_MS:
            silences = []  # the words follow each other: it is silent within the second
        rises = [end for _, end in silences]
        if rises:
            fitting = (rise for rise in rises if token_end - rise <= MAX_TOKEN_MS)
            start = next(fitting, rises[-1])
        elif not is_known:
            start = token_end - FRAME_MS
        elif is_close and self._delay is not None:
            start = earliest
        else:
            start = token_end - USUAL_TOKEN_MS
        return max(earliest, min(start, self._find_latest_end(frame) - MIN_WORD_MS))

    def _find_end(self, frame: int) -> int:
        """Find the end of a word whose last token so far is emitted on a frame."""
        end, _ = self._find_token_end(frame)
        usual = min(self._start + SHORT_WORD_MS, self._find_latest_end(frame))
        return max(end, usual, self._start + MIN_WORD_MS)

    def _find_token_end(self, frame: int) -> tuple[int, bool]:
        """Find the end of a token's sound, and tell whether it is known.

        It is if the sound falls silent there, or by the delay. Otherwise the rows that its frame is
        made of decide.
        """
        until = self._find_frame_end(frame)
        if self._delay is None:
            end, reach = frame * FRAME_MS + ROW_MS, UNKNOWN_END_REACH_MS
        else:
            end, reach = max(0, (frame + 1) * FRAME_MS - self._delay), END_REACH_MS
            until = min(until, end + reach + END_SILENCE_MS)
        latest = self._find_latest_end(frame)
        threshold = self._find_threshold(end - END_CONTEXT_MS, until)
        quiet = ROW_MS * _count_quiet_at_end(self._get_levels(end - reach, until), threshold)
        if quiet >= END_SILENCE_MS:
            return min(until // ROW_MS * ROW_MS - quiet, latest), True
        return min(end, latest), self._delay is not None

    def _find_frame_end(self, frame: int) -> int:
        """Return the end of a frame, or if that is earlier, of the sound received for it."""
        return min((frame + 1) * FRAME_MS, self._find_sound_end(frame))

    def _find_latest_end(self, frame: int) -> int:
        """Return where a word must end whose last token is emitted on a frame."""
        return self._find_sound_end(frame) - RESERVE_MS

    def _find_sound_end(self, frame: int) -> int:
        """Return the end of the sound that the encoder had received for a frame."""
        last = frame - frame % self._chunk + self._chunk - 1  # of its chunk
        rows = min(last * FRAME_ROWS + 1, self._first_row + len(self._levels))
        return ROW_MS * (rows if self._end_row is None else min(rows, self._end_row))

    def _get_levels(self, begin: int, end: int) -> NDArray[np.float32]:
        """Return the levels of the rows between two times, as far as there are any."""
        first, last = (max(0, at // ROW_MS - self._first_row) for at in (begin, end))
        return self._levels[first:last]

    def _find_threshold(self, begin: int, end: int) -> float:
        """Find the level below which the sound between two times is silent; -inf if it never is."""
        levels = np.sort(self._get_levels(begin, end))
        if not len(levels):
            return -np.inf
        quietest, loudest = float(levels[len(levels) // 20]), float(levels[-1])
        if loudest - quietest < MIN_CONTRAST:
            return -np.inf
        above = max(ABOVE_QUIETEST, CONTRAST_SHARE * (loudest - quietest))
        return max(loudest - BELOW_LOUDEST, quietest + above)


def _find_silences(
    levels: NDArray[np.float32], threshold: float, is_beginning: bool
) -> list[tuple[int, int]]:
    """Find the long silences that end within the levels [n]: the first row of each, and its end.

    At the beginning of the sound, a short one is long: there is silence before it, too.
    """
    ends = np.flatnonzero(levels >= threshold)
    starts = np.concatenate([[0], ends + 1])[: len(ends)]
    return [
        (int(start), int(end))
        for start, end in zip(starts, ends, strict=True)
        if (end - start) * ROW_MS >= MIN_SILENCE_MS or (is_beginning and start == 0 < end)
    ]


def _count_quiet_at_end(levels: NDArray[np.float32], threshold: float) -> int:
    """Count the silent rows behind the last that is not, among the levels [n]; 0 without one."""
    loud = np.flatnonzero(levels >= threshold)
    return len(levels) - 1 - int(loud[-1]) if len(loud) else 0
