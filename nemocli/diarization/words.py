"""The speaker of each word, by the probabilities that speakers are active while it is said."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nemocli.diarization.turns import ROWS_PER_SECOND, THRESHOLD
from nemocli.transcript.segments import PAUSE_S, end_with_sentence, may_part
from nemocli.transcript.speakers import Speaker
from nemocli.transcript.types import Word

#: Seconds from a word in which nobody is active to a turn that it may belong to.
MAX_DISTANCE_S = 0.5

#: Words of one speaker that do not interrupt another's sentence.
MAX_ISLAND_WORDS = 2


class WordSpeakers:
    """Gives words their speakers, in the order in which they are said.

    Words that no line may be broken between have one speaker. It is the one with the greatest sum
    of probabilities over their rows; of equal ones, the speaker of the words before. Where nobody
    is active, it is the speaker of the nearest turn within MAX_DISTANCE_S, else nobody; for words
    that are not aligned, which come late and never early, of the turn before if there is one. One
    or two words of somebody else inside a sentence are its speaker's.

    Speakers are numbered in the order in which they first say a word: music that a model takes for
    a voice does not take the first name.
    """

    def __init__(self, speakers: Sequence[Speaker], delay_s: float = 0.0) -> None:
        """Begin a stream; words have been said `delay_s` seconds before their times."""
        self._speakers = tuple(speakers)
        # The columns of the probabilities, in the order of their first words.
        self._columns: list[int] = []
        self._delay = delay_s
        # The number of who said the last words.
        self._former: int | None = None

    def assign(
        self, words: Sequence[Word], probabilities: NDArray[np.float32], first_row: int = 0
    ) -> list[Word]:
        """Return the next words with their speakers.

        `probabilities` are rows [rows, speakers] of 10 ms, of which the first is `first_row` of the
        sound. They reach MAX_DISTANCE_S further than the words, as far as there is sound.
        """
        units = list(_list_units(words))
        spans = [self._find_rows(unit, first_row) for unit in units]
        chosen: list[int | None] = []
        for unit, span in zip(units, spans, strict=True):
            is_late = unit[0].model_times is None
            choice = _choose(probabilities, span, self._former, is_late)
            chosen.append(choice)
            self._former = self._former if choice is None else choice
        for sentence in _list_sentences(units):
            counts = [len(units[n]) for n in sentence]
            smoothed = smooth([chosen[n] for n in sentence], counts)
            for n, speaker in zip(sentence, smoothed, strict=True):
                chosen[n] = speaker
        if chosen and chosen[-1] is not None:
            self._former = chosen[-1]
        return [
            self._name(word, choice, probabilities, first_row)
            for unit, choice in zip(units, chosen, strict=True)
            for word in unit
        ]

    @property
    def columns(self) -> list[int]:
        """The columns of the probabilities by the numbers of their speakers.

        Those without any word come last.
        """
        count = len(self._speakers)
        return self._columns + [n for n in range(count) if n not in self._columns]

    def _find_rows(self, words: Sequence[Word], first_row: int) -> tuple[int, int]:
        """Return the first row of words, and the row behind their last: at least one row."""
        delay = 0.0 if words[0].model_times else self._delay
        start, end = words[0].start - delay, words[-1].end - delay
        first = round(start * ROWS_PER_SECOND) - first_row
        return first, max(first + 1, round(end * ROWS_PER_SECOND) - first_row)

    def _name(
        self,
        word: Word,
        choice: int | None,
        probabilities: NDArray[np.float32],
        first_row: int,
    ) -> Word:
        """Return a word with its speaker, and whether somebody else speaks as well."""
        if choice is None:
            return word
        active = _take(probabilities, self._find_rows([word], first_row)) > THRESHOLD
        others = np.delete(active, choice, axis=1).sum(axis=0)
        is_overlapped = bool(len(active)) and bool((2 * others >= len(active)).any())
        if choice not in self._columns:
            self._columns.append(choice)
        speaker = self._speakers[self._columns.index(choice)]
        return replace(word, speaker=speaker, is_overlapped=is_overlapped)


def smooth(speakers: Sequence[int | None], counts: Sequence[int]) -> list[int | None]:
    """Return the speakers of a sentence's parts, without islands inside it.

    `counts` are the words of each part. An island is at most MAX_ISLAND_WORDS words of somebody
    else, or of nobody, between more words of one speaker.
    """
    # Speaker, words and parts of each run.
    runs: list[tuple[int | None, int, int]] = []
    for speaker, count in zip(speakers, counts, strict=True):
        runs.append((speaker, count, 1))
        runs = _join_last(runs)
    return [speaker for speaker, _, parts in runs for _ in range(parts)]


def _join_last(runs: list[tuple[int | None, int, int]]) -> list[tuple[int | None, int, int]]:
    """Join the last run with the one before it, or with the one before an island."""
    if len(runs) > 1 and runs[-2][0] == runs[-1][0]:
        return [*runs[:-2], (runs[-1][0], runs[-2][1] + runs[-1][1], runs[-2][2] + runs[-1][2])]
    if len(runs) > 2:
        (before, words_before, _), (_, words, _), (after, words_after, _) = runs[-3:]
        if (
            before == after is not None
            and words <= MAX_ISLAND_WORDS
            and words < words_before + words_after
        ):
            parts = sum(run[2] for run in runs[-3:])
            return [*runs[:-3], (before, words_before + words + words_after, parts)]
    return runs


def _choose(
    probabilities: NDArray[np.float32], span: tuple[int, int], former: int | None, is_late: bool
) -> int | None:
    """Choose the speaker of a span of rows; None if nobody is active in it or near it."""
    rows = _take(probabilities, span)
    if not (rows > THRESHOLD).any():
        return _find_nearest(probabilities, span, former, is_late)
    return _choose_greatest(rows.sum(axis=0, dtype=np.float64), former)


def _choose_greatest(sums: NDArray[np.float64], former: int | None) -> int:
    """Return the number of the greatest sum; of equal ones, the former speaker's, or the first."""
    if former is not None and sums[former] == sums.max():
        return former
    return int(sums.argmax())


def _find_nearest(
    probabilities: NDArray[np.float32], span: tuple[int, int], former: int | None, is_late: bool
) -> int | None:
    """Return who is active nearest to a span of rows in which nobody is; None if far away.

    If it `is_late`, whoever is active behind it counts as further away than all before it.
    """
    reach = round(MAX_DISTANCE_S * ROWS_PER_SECOND) + 1
    first = max(0, span[0] - reach)
    near = _take(probabilities, (first, span[1] + reach))
    active = near > THRESHOLD
    rows = np.flatnonzero(active.any(axis=1))
    if not len(rows):
        return None
    numbers = rows + first
    behind = numbers - span[1] + 1 + (reach if is_late else 0)
    distances = np.where(numbers < span[0], span[0] - numbers, behind)
    nearest = rows[distances == distances.min()]
    sums = np.where(active[nearest], near[nearest], 0.0).sum(axis=0, dtype=np.float64)
    if former is not None and sums[former] > 0:
        return former
    return int(sums.argmax())


def _take(probabilities: NDArray[np.float32], span: tuple[int, int]) -> NDArray[np.float32]:
    """Return the rows of a span, as far as they exist."""
    return probabilities[max(0, span[0]) : max(0, span[1])]


def _list_units(words: Sequence[Word]) -> Iterator[list[Word]]:
    """Give groups of words that have one speaker, since no segment may end within them."""
    unit: list[Word] = []
    for word in words:
        if unit and may_part(unit[-1], word):
            yield unit
            unit = []
        unit.append(word)
    if unit:
        yield unit


def _list_sentences(units: Sequence[Sequence[Word]]) -> Iterator[list[int]]:
    """Give the numbers of the units of each sentence; a pause ends one too."""
    numbers: list[int] = []
    said: list[Word] = []
    for number, unit in enumerate(units):
        if said and (end_with_sentence(said) or unit[0].start - said[-1].end >= PAUSE_S):
            yield numbers
            numbers, said = [], []
        numbers.append(number)
        said += unit
    if numbers:
        yield numbers
