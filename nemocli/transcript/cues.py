"""Cues: the words of a segment in lines of limited width, broken where a reader would pause.

Breaks are chosen together, so that their total cost is least: another cue costs more than another
line, a long and a short line cost more than two of equal width, and a break costs less after a
clause or at a pause in the speech. There is a break where the script allows none only if nothing
else fits.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from rich.cells import cell_len

from nemocli.transcript.cue_layout import CueLayout
from nemocli.transcript.line_breaks import may_break, may_break_within
from nemocli.transcript.segments import SHORT_PAUSE_S, ends_clause, ends_sentence
from nemocli.transcript.types import Word, join_words

#: Control characters, from bytes that the model emitted: they would end a line or confuse a parser.
CONTROLS = re.compile("[\x00-\x20\x7f-\x9f\u2028\u2029]+")

#: The cost of a break between cues, in addition to that of its place. A line costs the square of
#: the share of it that is empty, from 0 to 1, and twice that if it is the only line of its cue.
CUE_COST = 1.0
#: A cue costs this times the square of the share of lines that it lacks, so that of two cues none
#: has all the lines.
MISSING_COST = 0.2
#: The cost of a break at a pause; half of it between two lines of a cue.
PAUSE_COST = 0.15
#: The cost of a break between any two words; half of it between two lines of a cue.
WORD_COST = 0.4
#: The cost of a break where the script allows none: more than all other breaks of a segment.
FORBIDDEN_COST = 1000.0


@dataclass(frozen=True, slots=True)
class Cue:
    """What stands on the screen at once: lines of words. Times in seconds."""

    lines: tuple[tuple[Word, ...], ...]

    @property
    def start(self) -> float:
        return self.lines[0][0].start

    @property
    def end(self) -> float:
        return self.lines[-1][-1].end

    @property
    def label(self) -> str | None:
        """What stands before its text: who says it, or else the name of its channel."""
        return self.lines[0][0].label


def join_lines(text: str) -> str:
    """Replace line breaks, tabs and other control characters by spaces."""
    return CONTROLS.sub(" ", text).strip()


def split_cues(words: Iterable[Word], layout: CueLayout) -> list[Cue]:
    """Split words into cues: each visible word is in exactly one cue, in order.

    A word wider than a line is broken between characters, and its parts share its time.
    """
    shown = [word for word in map(_join_word_lines, words) if word.text]
    width = layout.max_line_width
    if not shown:
        return []
    if width is None or cell_len(join_words(shown)) <= width:
        return [Cue((tuple(shown),))]
    parts = [part for word in shown for part in _fit(word, width)]
    cues: list[list[tuple[Word, ...]]] = [[]]
    first = 0
    for end, ends_cue in _choose_breaks(parts, width, layout.max_line_count):
        cues[-1].append(tuple(parts[first:end]))
        first = end
        if ends_cue and end < len(parts):
            cues.append([])
    return [Cue(tuple(lines)) for lines in cues]


def count_forced_breaks(cues: Sequence[Cue]) -> int:
    """Count the ends of lines where the script allows none, such as within a word."""
    ends = pairwise(line for cue in cues for line in cue.lines)
    return sum(
        not may_break(before[-1].text, after[0].text, after[0].space_before)
        for before, after in ends
    )


def has_width(cues: Sequence[Cue], width: int) -> bool:
    """Tell whether all lines have at most `width` cells: a single character may have more."""
    return all(cell_len(join_words(line)) <= width for cue in cues for line in cue.lines)


def _join_word_lines(word: Word) -> Word:
    text = join_lines(word.text)
    return word if text == word.text else replace(word, text=text)


def _fit(word: Word, width: int) -> list[Word]:
    """Return the word, or if it is wider than `width` cells, parts of it that each fill a line."""
    if cell_len(word.text) <= width:
        return [word]
    texts = _fill_lines(word.text, width)
    parts: list[Word] = []
    seconds, begun = (word.end - word.start) / len(word.text), 0
    for text in texts:
        start, end = (word.start + seconds * at for at in (begun, begun + len(text)))
        begun += len(text)
        if text.strip():
            space_before = word.space_before and not parts
            parts.append(replace(word, text=text, start=start, end=end, space_before=space_before))
    return parts


def _fill_lines(text: str, width: int) -> list[str]:
    """Break a text into lines as full as possible, where the script allows it if it does."""
    lines: list[str] = []
    line: list[str] = []
    for character in _split_characters(text, width):
        if line and cell_len("".join([*line, character])) > width:
            cut = _find_last_break([*line, character])
            lines.append("".join(line[:cut]))
            line = line[cut:]
            if line and cell_len("".join([*line, character])) > width:
                lines.append("".join(line))
                line = []
        line.append(character)
    return [*lines, "".join(line)]


def _find_last_break(characters: Sequence[str]) -> int:
    """Count the characters before the last place where a line may end; all but one if none."""
    for cut in reversed(range(1, len(characters))):
        if may_break_within("".join(characters[:cut]), characters[cut]):
            return cut
    return len(characters) - 1


def _split_characters(text: str, width: int) -> list[str]:
    """Split a text into characters as readers see them (grapheme clusters).

    A code point without width belongs to the one before. Letters that are written as one, as in
    Hindi, are separated if they are wider than `width`; emoji never are.
    """
    from wcwidth import iter_graphemes

    characters: list[str] = []
    for cluster in iter_graphemes(text):
        is_parted = cell_len(cluster) > width and not any(map(_is_symbol, cluster))
        for character in cluster if is_parted else (cluster,):
            if characters and cell_len(character) == 0:
                characters[-1] += character
            else:
                characters.append(character)
    return characters


def _is_symbol(character: str) -> bool:
    return unicodedata.category(character) == "So"


def _choose_breaks(words: Sequence[Word], width: int, count: int | None) -> list[tuple[int, bool]]:
    """Choose where each line ends: the number of words before, and whether its cue ends there too.

    Computed from the last word to the first: for each word, and each number of lines above it in
    its cue, the best layout of all words from this one on.
    """
    rows = 1 if count is None else min(count, len(words))
    # The end of the last word is no break, so that closing its cue costs nothing.
    places = [0.0, *(_compute_cost(before, after) for before, after in pairwise(words)), -CUE_COST]
    best: list[list[tuple[float, int, bool]]] = [[(0.0, 0, True)] * rows for _ in places]

    def list_options(row: int) -> Iterator[tuple[float, int, bool]]:
        """Give each line that may begin here: the cost with all below, its end, if its cue ends."""
        missing = MISSING_COST * (1 - (row + 1) / rows) ** 2
        below = row if count is None else row + 1
        for end, empty in lines:
            if end == len(words) or count is not None:
                closing = CUE_COST + missing + (2 * empty if row == 0 and count else empty)
                yield closing + places[end] + best[end][0][0], end, True
            if end < len(words) and below < rows:
                yield empty + places[end] / 2 + best[end][below][0], end, False

    for first in reversed(range(len(words))):
        lines = list(_measure_lines_from(words, first, width))
        best[first] = [min(list_options(row)) for row in range(rows)]
    taken, first, row = [], 0, 0
    while first < len(words):
        _, first, ends_cue = best[first][row]
        taken.append((first, ends_cue))
        row = 0 if ends_cue or count is None else row + 1
    return taken


def _measure_lines_from(
    words: Sequence[Word], first: int, width: int
) -> Iterable[tuple[int, float]]:
    """Give the end of each line that begins with word `first` and fits, and its cost if not full.

    A word that does not fit has a line of its own: even one character may be too wide.
    """
    filled = 0
    for end in range(first + 1, len(words) + 1):
        word = words[end - 1]
        filled += cell_len(word.text) + (word.space_before and end > first + 1)
        if filled > width and end > first + 1:
            return
        yield end, max(0.0, 1 - filled / width) ** 2


def _compute_cost(before: Word, after: Word) -> float:
    if not may_break(before.text, after.text, after.space_before):
        return FORBIDDEN_COST
    if ends_clause(before.text) or ends_sentence(before.text):
        return 0.0
    return PAUSE_COST if after.start - before.end >= SHORT_PAUSE_S else WORD_COST
