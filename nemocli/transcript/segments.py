"""Segments of words: sentences, split at pauses and where they are too long for a subtitle."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from nemocli.transcript.line_breaks import may_break
from nemocli.transcript.speakers import Speaker
from nemocli.transcript.types import Token, Word, join_words

#: Signs that end a sentence, and signs that end a clause, in the scripts of the model's languages.
SENTENCE_ENDS = ".?!…。？！।؟۔"
CLAUSE_ENDS = ",;:、，；：،؛"
#: Signs that may follow the sign that ends a sentence or clause.
CLOSING = "\"'”’»)]」』）"

#: Seconds of silence between two words that end a segment.
PAUSE_S = 1.5
#: Seconds of silence that make a better place to split a sentence.
SHORT_PAUSE_S = 0.3
#: The most characters of a segment: they fit into two lines of a subtitle, broken between words.
MAX_CHARACTERS = 76
#: The most seconds of a segment.
MAX_SECONDS = 7.0


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive words of about a sentence; times in seconds."""

    id: int
    words: tuple[Word, ...]
    #: The language by the model's tag; the requested one if there is no tag; None if unknown.
    language: str | None = None

    @property
    def start(self) -> float:
        return self.words[0].start

    @property
    def end(self) -> float:
        return self.words[-1].end

    @property
    def channel(self) -> str | None:
        """The name of its channel; None if channels are not separate."""
        return self.words[0].channel

    @property
    def speaker(self) -> Speaker | None:
        """Who says its words; None if that is not known."""
        return self.words[0].speaker

    @property
    def label(self) -> str | None:
        """What stands before its text: who says it, or else the name of its channel."""
        return self.words[0].label

    @property
    def is_aligned(self) -> bool:
        """Whether the words' times are aligned with the sound."""
        return self.words[0].model_times is not None

    @property
    def text(self) -> str:
        return join_words(self.words)

    @property
    def labelled_text(self) -> str:
        """The text, behind its label if it has one."""
        return f"{self.label}: {self.text}" if self.label else self.text

    @property
    def confidence(self) -> float:
        """The mean of the words' confidences; their minimum would depend on the length."""
        return fmean(word.confidence for word in self.words)


class Segmenter:
    """Takes finished words one by one, and returns groups of them that will not change.

    The model's frames decide, also for aligned words: the groups are the same.
    """

    def __init__(self) -> None:
        #: Words of the group that still grows.
        self.pending: list[Word] = []

    def push(self, word: Word) -> list[tuple[Word, ...]]:
        """Add a word; return the groups that are finished by it; it is in the last only if cut."""
        finished = self.end_before(word)
        self.pending.append(word)
        while _is_too_long(self.pending):
            cut = _choose_cut(self.pending)
            finished.append(tuple(self.pending[:cut]))
            self.pending = self.pending[cut:]
        return finished

    def end_before(self, word: Word) -> list[tuple[Word, ...]]:
        """Finish the group that grows if `word`, which comes next, cannot belong to it.

        It cannot if somebody else says it. Quotes and brackets that close after a sentence, and
        more signs that end it, belong to it.
        """
        if not self.pending or not may_part(self.pending[-1], word):
            return []
        if word.speaker != self.pending[-1].speaker:
            return self.flush()
        is_pause = _measure_pause(self.pending[-1], word) >= PAUSE_S
        return self.flush() if is_pause or end_with_sentence(self.pending) else []

    def flush(self) -> list[tuple[Word, ...]]:
        """Finish the group that still grows; return it in a list, which is empty if none grows."""
        finished, self.pending = self.pending, []
        return [tuple(finished)] if finished else []


def split_segments(
    words: Iterable[Word], tokens: Iterable[Token] = (), language: str | None = None
) -> list[Segment]:
    """Split words into segments: each word is in exactly one, in order.

    Their languages are those of the tags among `tokens`, or `language` if there are no tags. Each
    channel is split separately, and all segments are then ordered by their start.
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
    languages = _find_languages(groups, tags) if tags else [language] * len(groups)
    return [
        Segment(n, group, spoken)
        for n, (group, spoken) in enumerate(zip(groups, languages, strict=True))
    ]


def _find_languages(groups: Sequence[Sequence[Word]], tags: Sequence[Token]) -> list[str | None]:
    """Return the language of each group of words, by the tag nearest to it on the tags' side.

    Models write a tag after each sentence, or before it. It is before if there is a tag before the
    first word, and none after the last.
    """
    if not groups:
        return []
    times = [tag.time for tag in tags]
    starts = [words[0].times_by_model[0] for words in groups]
    ends = [words[-1].times_by_model[1] for words in groups]
    if times[0] <= starts[0] and times[-1] < ends[-1]:
        return [tags[bisect_right(times, start) - 1].language for start in starts]
    last = len(tags) - 1  # for words that no tag follows
    return [tags[min(bisect_left(times, end), last)].language for end in ends]


def ends_clause(text: str) -> bool:
    """Tell whether a word ends a clause, but not a sentence."""
    return text.rstrip(CLOSING).endswith(tuple(CLAUSE_ENDS))


def ends_sentence(text: str) -> bool:
    """Tell whether a word ends a sentence; words such as `J.` and `3.` do not."""
    bare = text.rstrip(CLOSING)
    if not bare or bare[-1] not in SENTENCE_ENDS:
        return False
    stem = bare.rstrip(SENTENCE_ENDS)
    return not (bare.endswith(".") and (stem.isdecimal() or (len(stem) == 1 and stem.isupper())))


def end_with_sentence(words: Sequence[Word]) -> bool:
    """Tell whether words end with the end of a sentence; signs may be words of their own."""
    text = ""
    for word in reversed(words):
        text = word.text + text
        if text.rstrip(CLOSING + SENTENCE_ENDS):
            break
    return ends_sentence(text)


def _is_too_long(words: Sequence[Word]) -> bool:
    if len(words) < 2:
        return False
    seconds = words[-1].times_by_model[1] - words[0].times_by_model[0]
    return len(join_words(words)) > MAX_CHARACTERS or seconds > MAX_SECONDS


def _choose_cut(words: Sequence[Word]) -> int:
    """Choose where to split words that are too long: return the number of words in the first part.

    The place is after the last clause in the later half, or at the longest pause there, or else as
    late as possible. It is a place where a line may be broken, if the later half has one.
    """
    latest = range(len(words) - 1, len(words) // 2, -1)
    cuts = [cut for cut in latest if may_part(words[cut - 1], words[cut])]
    for cut in cuts:
        if ends_clause(words[cut - 1].text):
            return cut
    pauses = {cut: _measure_pause(words[cut - 1], words[cut]) for cut in cuts}
    longest = max(pauses, key=lambda cut: pauses[cut], default=0)
    if longest and pauses[longest] >= SHORT_PAUSE_S:
        return longest
    return cuts[0] if cuts else len(words) - 1


def _measure_pause(before: Word, after: Word) -> float:
    """Measure the seconds between two words, by the model's frames."""
    return after.times_by_model[0] - before.times_by_model[1]


def may_part(before: Word, after: Word) -> bool:
    """Tell whether a segment may end between two words."""
    return may_break(before.text, after.text, after.space_before)
