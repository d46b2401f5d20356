"""At most a given number of speakers, where the model finds more."""

import numpy as np
from numpy.typing import NDArray

from nemocli.diarization.turns import THRESHOLD


def cap_speakers(probabilities: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    """Return rows of at most `most` speakers: those who are active for the longest.

    They stay in the order of their arrival. What the others say is given to the one of them who
    is active at the same time, or nearest to it.
    """
    if probabilities.shape[1] <= most:
        return probabilities
    active = probabilities > THRESHOLD
    longest = np.argsort(-active.sum(axis=0), kind="stable")
    kept = np.sort(longest[:most])
    others = np.sort(longest[most:])
    capped = probabilities[:, kept]
    rows = np.flatnonzero(active[:, others].any(axis=1))
    if len(rows):
        nearest = _find_nearest_speakers(capped)[rows]
        said = probabilities[:, others].max(axis=1)[rows]
        capped[rows, nearest] = np.maximum(capped[rows, nearest], said)
    return capped


class LiveCap:
    """Caps the speakers of rows as they come: the first `most` are kept.

    What further ones say is given to the one of them who is active, or who was active last.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        # Who was active last.
        self._last = 0

    def push(self, probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the next rows, of at most `most` speakers."""
        if probabilities.shape[1] <= self._most:
            return probabilities
        capped = probabilities[:, : self._most].copy()
        said = probabilities[:, self._most :].max(axis=1, initial=0.0)
        for row, further in zip(capped, said, strict=True):
            if row.max() > THRESHOLD:
                self._last = int(row.argmax())
            if further > THRESHOLD:
                row[self._last] = max(row[self._last], further)
        return capped


def _find_nearest_speakers(probabilities: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return, for each row, who is active in it or nearest to it; of two, the one before."""
    rows = np.arange(len(probabilities))
    is_active = (probabilities > THRESHOLD).any(axis=1)
    far = 2 * len(rows)
    before = np.maximum.accumulate(np.where(is_active, rows, -far))
    after = np.minimum.accumulate(np.where(is_active, rows, far)[::-1])[::-1]
    nearest = np.where(rows - before <= after - rows, before, after)
    speakers: NDArray[np.intp] = probabilities.argmax(axis=1)
    return np.take(speakers, np.clip(nearest, 0, len(rows) - 1))
