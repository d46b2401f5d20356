"""Cues: the words of a segment in lines of limited width, broken where a reader would pause.

Breaks are chosen together, so that they cost least: a cue more is worse than a line more, lines of
equal width are better than a long one and a short one, and the end of a clause or a pause in the
speech is a better place than any other. Where the script allows no break, there is one only if
nothing else fits.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from rich.cells import cell_len

from nemocli.transcript.cue_layout import CueLayout
from nemocli.transcript.line_breaks import may_break, may_break_within
from nemocli.transcript.segments import SHORT_PAUSE, ends_clause, ends_sentence
from nemocli.transcript.types import Word, join_words

#: What would end a line or confuse a reader of files, from bytes that the model emitted.
CONTROLS = re.compile("[\x00-\x20\x7f-\x9f\u2028\u2029]+")

#: Of a break between cues, on top of what its place costs. A line costs the square of the part
#: of it that stays empty, so between 0 and 1; twice that if it is its cue's only one.
CUE_COST = 1.0
#: The same for the lines that a cue lacks: of two cues, none should have all of them.
MISSING_COST = 0.2
#: Of a break at a pause, and between any two words; half of it between lines of one cue.
PAUSE_COST = 0.15
WORD_COST = 0.4
#: Of a break where the script allows none: more than all else that breaks of a segment cost.
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
    def channel(self) -> str | None:
        """Where it was said, if channels are transcribed each by itself."""
        return self.lines[0][0].channel


def one_line(text: str) -> str:
    """The text without line breaks, tabs and other control characters."""
    return CONTROLS.sub(" ", text).strip()


def split_cues(words: Iterable[Word], layout: CueLayout) -> list[Cue]:
    """Every word that shows anything, in order, in exactly one cue, if it fits into a line.

    One that does not is broken between characters, and its parts have parts of its time.
    """
    shown = [word for word in map(_on_one_line, words) if word.text]
    width = layout.max_line_width
    if not shown:
        return []
    if width is None or cell_len(join_words(shown)) <= width:
        return [Cue((tuple(shown),))]
    parts = [part for word in shown for part in _fitting(word, width)]
    cues: list[list[tuple[Word, ...]]] = [[]]
    first = 0
    for end, ends_cue in _breaks(parts, width, layout.max_line_count):
        cues[-1].append(tuple(parts[first:end]))
        first = end
        if ends_cue and end < len(parts):
            cues.append([])
    return [Cue(tuple(lines)) for lines in cues]


def _on_one_line(word: Word) -> Word:
    text = one_line(word.text)
    return word if text == word.text else replace(word, text=text)


def _fitting(word: Word, width: int) -> list[Word]:
    """The word, or parts of it that each fill a line of so many cells."""
    if cell_len(word.text) <= width:
        return [word]
    texts = _filled_lines(word.text, width)
    parts: list[Word] = []
    seconds, begun = (word.end - word.start) / len(word.text), 0
    for text in texts:
        start, end = (word.start + seconds * at for at in (begun, begun + len(text)))
        begun += len(text)
        if text.strip():
            space_before = word.space_before and not parts
            parts.append(replace(word, text=text, start=start, end=end, space_before=space_before))
    return parts


def _filled_lines(text: str, width: int) -> list[str]:
    """A text in lines as full as they can be, broken where the script allows it, if it does."""
    lines: list[str] = []
    line: list[str] = []
    for character in _characters(text, width):
        if line and cell_len("".join([*line, character])) > width:
            cut = _last_break([*line, character])
            lines.append("".join(line[:cut]))
            line = line[cut:]
            if line and cell_len("".join([*line, character])) > width:  # what is kept together
                lines.append("".join(line))
                line = []
        line.append(character)
    return [*lines, "".join(line)]


def _last_break(characters: Sequence[str]) -> int:
    """How many of these are before the last place where a line may be broken; else all but one."""
    for cut in reversed(range(1, len(characters))):
        if may_break_within(characters[cut - 1], characters[cut]):
            return cut
    return len(characters) - 1


def _characters(text: str, width: int) -> list[str]:
    """Characters as they are seen (grapheme clusters): with the marks, and what is joined to them.

    What takes no cells itself belongs to the one before. Letters that are written as one, as in
    Hindi, are parted if they are wider than the width; emoji are not.
    """
    from wcwidth import iter_graphemes

    seen: list[str] = []
    for cluster in iter_graphemes(text):
        is_parted = cell_len(cluster) > width and not any(map(_is_symbol, cluster))
        for character in cluster if is_parted else (cluster,):
            if seen and cell_len(character) == 0:
                seen[-1] += character
            else:
                seen.append(character)
    return seen


def _is_symbol(character: str) -> bool:
    return unicodedata.category(character) == "So"


def _breaks(words: Sequence[Word], width: int, count: int | None) -> list[tuple[int, bool]]:
    """Where each line ends, as the number of words before, and whether its cue ends there.

    Found from the last word to the first: for each, the best way to lay out all words from it on,
    if so many lines of its cue are above.
    """
    rows = 1 if count is None else min(count, len(words))
    # The end of the last word is no break, so that closing its cue costs nothing.
    places = [0.0, *(_place_cost(before, after) for before, after in pairwise(words)), -CUE_COST]
    best: list[list[tuple[float, int, bool]]] = [[(0.0, 0, True)] * rows for _ in places]

    def options(row: int) -> Iterator[tuple[float, int, bool]]:
        """What the lines that begin here cost with all below, their ends, whether the cue ends."""
        missing = MISSING_COST * (1 - (row + 1) / rows) ** 2
        below = row if count is None else row + 1
        for end, empty in lines:
            if end == len(words) or count is not None:
                closing = CUE_COST + missing + (2 * empty if row == 0 and count else empty)
                yield closing + places[end] + best[end][0][0], end, True
            if end < len(words) and below < rows:
                yield empty + places[end] / 2 + best[end][below][0], end, False

    for first in reversed(range(len(words))):
        lines = list(_lines_from(words, first, width))
        best[first] = [min(options(row)) for row in range(rows)]
    taken, first, row = [], 0, 0
    while first < len(words):
        _, first, ends_cue = best[first][row]
        taken.append((first, ends_cue))
        row = 0 if ends_cue or count is None else row + 1
    return taken


def _lines_from(words: Sequence[Word], first: int, width: int) -> Iterable[tuple[int, float]]:
    """The ends of all lines that begin with a word and fit, and what they cost for being short.

    A word that does not fit, as a single character can be too wide, has a line of its own.
    """
    filled = 0
    for end in range(first + 1, len(words) + 1):
        word = words[end - 1]
        filled += cell_len(word.text) + (word.space_before and end > first + 1)
        if filled > width and end > first + 1:
            return
        yield end, max(0.0, 1 - filled / width) ** 2


def _place_cost(before: Word, after: Word) -> float:
    if not may_break(before.text, after.text, after.space_before):
        return FORBIDDEN_COST
    if ends_clause(before.text) or ends_sentence(before.text):
        return 0.0
    return PAUSE_COST if after.start - before.end >= SHORT_PAUSE else WORD_COST
