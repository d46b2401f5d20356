"""Segments of words: sentences, cut further at pauses and where a subtitle would grow too long."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nemocli.transcript.types import Word, join_words

#: What ends a sentence and what ends a clause, in the scripts of the model's languages.
SENTENCE_ENDS = ".?!…。？！।؟۔"
CLAUSE_ENDS = ",;:、，；：،؛"
#: May stand behind the sign that ends a sentence.
CLOSING = "\"'”’»)]」』）"

#: Seconds of silence between two words that part their segments.
PAUSE = 1.5
#: Two lines of a subtitle, and how long they stand at most.
MAX_CHARACTERS = 84
MAX_SECONDS = 7.0


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive words; times in seconds."""

    id: int
    words: tuple[Word, ...]

    @property
    def start(self) -> float:
        return self.words[0].start

    @property
    def end(self) -> float:
        return self.words[-1].end

    @property
    def text(self) -> str:
        return join_words(self.words)


def split_segments(words: Iterable[Word]) -> list[Segment]:
    """Every word, in order, in exactly one segment."""
    groups: list[list[Word]] = []
    current: list[Word] = []
    for word in words:
        if current and word.start - current[-1].end >= PAUSE:
            groups.append(current)
            current = []
        current.append(word)
        while _is_too_long(current):
            cut = _best_cut(current)
            groups.append(current[:cut])
            current = current[cut:]
        if current and ends_sentence(word.text):
            groups.append(current)
            current = []
    if current:
        groups.append(current)
    return [Segment(n, tuple(group)) for n, group in enumerate(groups)]


def ends_sentence(text: str) -> bool:
    """Whether a sentence ends with this word; `J.` and `3.` alone are taken for abbreviations."""
    bare = text.rstrip(CLOSING)
    if not bare or bare[-1] not in SENTENCE_ENDS:
        return False
    stem = bare.rstrip(SENTENCE_ENDS)
    return not (bare.endswith(".") and (stem.isdecimal() or (len(stem) == 1 and stem.isupper())))


def _is_too_long(words: Sequence[Word]) -> bool:
    if len(words) < 2:
        return False
    return len(join_words(words)) > MAX_CHARACTERS or words[-1].end - words[0].start > MAX_SECONDS


def _best_cut(words: Sequence[Word]) -> int:
    """Words of the first part: up to the last clause in the later half, else all but one."""
    for cut in range(len(words) - 1, len(words) // 2, -1):
        if words[cut - 1].text.rstrip(CLOSING)[-1:] in tuple(CLAUSE_ENDS):
            return cut
    return len(words) - 1
