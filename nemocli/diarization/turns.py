"""Turns of speakers, from the probabilities that each of them is active."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from nemocli.transcript.speakers import Speaker, Turn, make_speakers

#: Rows of probabilities for a second of sound.
ROWS_PER_SECOND = 100

#: A speaker is active in rows whose probability is greater.
THRESHOLD = 0.5


class TurnFinder:
    """Takes rows as they are decided, and returns the turns that will not change.

    Pauses of one speaker of at most `bridge_s` seconds belong to the turn.
    """

    def __init__(
        self,
        speakers: Sequence[Speaker],
        threshold: float = THRESHOLD,
        bridge_s: float = 0.0,
    ) -> None:
        self._speakers = tuple(speakers)
        self._threshold = threshold
        self._bridge = round(bridge_s * ROWS_PER_SECOND)
        #: Rows so far.
        self.rows = 0
        # For each speaker, the first and last row of the turn that may still grow.
        self._growing: list[tuple[int, int] | None] = [None] * len(self._speakers)

    def push(self, probabilities: NDArray[np.float32]) -> list[Turn]:
        """Add rows [rows, speakers]; return the turns that are finished by them."""
        finished: list[Turn] = []
        for number, active in enumerate((probabilities > self._threshold).T):
            for first, last in _list_runs(active):
                finished += self._extend(number, self.rows + first, self.rows + last)
        self.rows += len(probabilities)
        for number, turn in enumerate(self._growing):
            if turn is not None and self.rows - 1 - turn[1] > self._bridge:
                finished += self._end(number)
        return sort_turns(finished)

    def finish(self) -> list[Turn]:
        """End the turns that still grow, and return them."""
        return sort_turns(
            [turn for number in range(len(self._growing)) for turn in self._end(number)]
        )

    def _extend(self, number: int, first: int, last: int) -> list[Turn]:
        """Add active rows to a speaker's turn; return the turn before if they are not of it."""
        turn = self._growing[number]
        if turn is not None and first - 1 - turn[1] <= self._bridge:
            self._growing[number] = turn[0], last
            return []
        finished = self._end(number)
        self._growing[number] = first, last
        return finished

    def _end(self, number: int) -> list[Turn]:
        turn, self._growing[number] = self._growing[number], None
        if turn is None:
            return []
        start, end = (round(row / ROWS_PER_SECOND, 2) for row in (turn[0], turn[1] + 1))
        return [Turn(self._speakers[number], start, end)]


def find_turns(
    probabilities: NDArray[np.float32],
    names: tuple[str, ...] = (),
    threshold: float = THRESHOLD,
    bridge_s: float = 0.0,
) -> list[Turn]:
    """Return the turns in rows [rows, speakers] of 10 ms, by their start and then by speaker.

    The first speakers have `names`. `threshold` and `bridge_s` are as for TurnFinder.
    """
    finder = TurnFinder(make_speakers(probabilities.shape[1], names), threshold, bridge_s)
    return sort_turns(finder.push(probabilities) + finder.finish())


def sort_turns(turns: Sequence[Turn]) -> list[Turn]:
    """Return turns by their start, and those that begin at once by the speaker's number."""
    return sorted(turns, key=lambda turn: (turn.start, turn.speaker.number))


def _list_runs(active: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Give the first and last row of each run of active rows."""
    changes = np.flatnonzero(np.diff(active, prepend=False, append=False))
    for first, behind in changes.reshape(-1, 2):
        yield int(first), int(behind) - 1
