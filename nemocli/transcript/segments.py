"""Segments of words: sentences, cut further at pauses and where a subtitle would grow too long."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from nemocli.transcript.line_breaks import may_break
from nemocli.transcript.types import Token, Word, join_words

#: What ends a sentence and what ends a clause, in the scripts of the model's languages.
SENTENCE_ENDS = ".?!…。？！।؟۔"
CLAUSE_ENDS = ",;:、，；：،؛"
#: May stand behind the sign that ends a sentence.
CLOSING = "\"'”’»)]」』）"

#: Seconds of silence between two words that part their segments.
PAUSE = 1.5
#: One that is a better place to part a sentence than any other between two words.
SHORT_PAUSE = 0.3
#: What fits into two lines of a subtitle, which are broken between words, and how long they stand.
MAX_CHARACTERS = 76
MAX_SECONDS = 7.0


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive words; times in seconds."""

    id: int
    words: tuple[Word, ...]
    #: By the model's language tag, or the one asked for where it emitted none; None: not known.
    language: str | None = None

    @property
    def start(self) -> float:
        return self.words[0].start

    @property
    def end(self) -> float:
        return self.words[-1].end

    @property
    def channel(self) -> str | None:
        """Where it was said, if channels are transcribed each by itself."""
        return self.words[0].channel

    @property
    def text(self) -> str:
        return join_words(self.words)

    @property
    def confidence(self) -> float:
        """The mean of the words'; the least would say more of the segment's length."""
        return fmean(word.confidence for word in self.words)


class Segmenter:
    """Takes complete words one by one, and gives out groups of them that will not change."""

    def __init__(self) -> None:
        #: The words of the segment that still grows.
        self.pending: list[Word] = []

    def push(self, word: Word) -> list[tuple[Word, ...]]:
        """The groups that this word, which belongs to none of them or ends the last, finishes."""
        finished: list[tuple[Word, ...]] = []
        if (
            self.pending
            and word.start - self.pending[-1].end >= PAUSE
            and _may_part(self.pending[-1], word)
        ):
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


def split_segments(
    words: Iterable[Word], tokens: Iterable[Token] = (), language: str | None = None
) -> list[Segment]:
    """Every word, in order, in exactly one segment, with its language by the tags among the tokens.

    `language` is that of segments where there are no tags. Words of several channels are parted by
    channel first; their segments are ordered by when they begin.
    """
    words, tokens = list(words), list(tokens)
    channels = dict.fromkeys(word.channel for word in words)
    segments = [
        segment
        for channel in channels
        for segment in _split_channel(
            [word for word in words if word.channel == channel],
            [token for token in tokens if token.channel == channel],
            language,
        )
    ]
    if len(channels) > 1:
        segments.sort(key=lambda segment: (segment.start, segment.channel or ""))
        segments = [replace(segment, id=n) for n, segment in enumerate(segments)]
    return segments


def _split_channel(
    words: Iterable[Word], tokens: Iterable[Token], language: str | None
) -> list[Segment]:
    segmenter = Segmenter()
    groups = [group for word in words for group in segmenter.push(word)] + segmenter.flush()
    tags = [token for token in tokens if token.language]
    languages = _languages(groups, tags) if tags else [language] * len(groups)
    return [
        Segment(n, group, spoken)
        for n, (group, spoken) in enumerate(zip(groups, languages, strict=True))
    ]


def _languages(groups: Sequence[Sequence[Word]], tags: Sequence[Token]) -> list[str | None]:
    """The language of each group of words, by the tag nearest to it on the tags' side.

    Models write a tag behind each sentence, or before it: here before, if the first word has one
    before it, and the last one none behind it.
    """
    if not groups:
        return []
    times = [tag.time for tag in tags]
    if times[0] <= groups[0][0].start and times[-1] < groups[-1][-1].end:
        return [tags[bisect_right(times, words[0].start) - 1].language for words in groups]
    last = len(tags) - 1  # for words that no tag follows
    return [tags[min(bisect_left(times, words[-1].end), last)].language for words in groups]


def ends_clause(text: str) -> bool:
    """Whether a clause ends with this word, but no sentence."""
    return text.rstrip(CLOSING).endswith(tuple(CLAUSE_ENDS))


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
    """Words of the first part: up to the last clause in the later half, or the longest pause there.

    As many as can be if there is neither. Where a line could not be broken, there is no cut, unless
    there is no other in the later half.
    """
    latest = range(len(words) - 1, len(words) // 2, -1)
    cuts = [cut for cut in latest if _may_part(words[cut - 1], words[cut])]
    for cut in cuts:
        if ends_clause(words[cut - 1].text):
            return cut
    pauses = {cut: words[cut].start - words[cut - 1].end for cut in cuts}
    longest = max(pauses, key=lambda cut: pauses[cut], default=0)
    if longest and pauses[longest] >= SHORT_PAUSE:
        return longest
    return cuts[0] if cuts else len(words) - 1


def _may_part(before: Word, after: Word) -> bool:
    return may_break(before.text, after.text, after.space_before)
