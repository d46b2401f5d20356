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


class Segmenter:
    """Takes complete words one by one, and gives out groups of them that will not change."""

    def __init__(self) -> None:
        #: The words of the segment that still grows.
        self.pending: list[Word] = []

    def push(self, word: Word) -> list[tuple[Word, ...]]:
        """The groups that this word, which belongs to none of them or ends the last, finishes."""
        finished: list[tuple[Word, ...]] = []
        if self.pending and word.start - self.pending[-1].end >= PAUSE:
            finished += self.flush()
        self.pending.append(word)
        while _is_too_long(self.pending):
            cut = _best_cut(self.pending)
            finished.append(tuple(self.pending[:cut]))
            self.pending = self.pending[cut:]
        if ends_sentence(word.text):
            finished += self.flush()
        return finished

    def flush(self) -> list[tuple[Word, ...]]:
        """What is pending is a group, if there is anything."""
        finished, self.pending = self.pending, []
        return [tuple(finished)] if finished else []


def split_segments(words: Iterable[Word]) -> list[Segment]:
    """Every word, in order, in exactly one segment."""
    segmenter = Segmenter()
    groups = [group for word in words for group in segmenter.push(word)] + segmenter.flush()
    return [Segment(n, group) for n, group in enumerate(groups)]


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
