"""How well listed phrases come out: those that were said, and those that were not."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nemocli.bench.normalize import has_words, normalize

Units = tuple[str, ...]


@dataclass(frozen=True)
class PhraseCounts:
    """What became of the phrases of a list in some transcripts, and of all other words."""

    #: Occurrences in the references, and how many of them are in the transcripts.
    spoken: int = 0
    found: int = 0
    #: Occurrences in transcripts beyond those in the reference.
    wrong: int = 0
    #: Words of the references outside of phrases, or characters in scripts without spaces; and
    #: errors in them.
    others: int = 0
    other_errors: int = 0

    def __add__(self, other: "PhraseCounts") -> "PhraseCounts":
        return PhraseCounts(
            self.spoken + other.spoken,
            self.found + other.found,
            self.wrong + other.wrong,
            self.others + other.others,
            self.other_errors + other.other_errors,
        )

    @property
    def recall(self) -> float | None:
        """The share of the spoken phrases that were found; None if none was spoken."""
        return self.found / self.spoken if self.spoken else None

    @property
    def precision(self) -> float | None:
        """The share of the written phrases that were spoken; None if none was written."""
        written = self.found + self.wrong
        return self.found / written if written else None

    @property
    def other_rate(self) -> float | None:
        """Errors for each word outside of phrases; None if there are no such words."""
        return self.other_errors / self.others if self.others else None


class PhraseFinder:
    """Finds the phrases of a list in texts, as they are compared: without case and punctuation."""

    def __init__(self, phrases: Iterable[str]) -> None:
        texts = dict.fromkeys(filter(None, map(normalize, phrases)))
        self._by_first_word: dict[str, list[Units]] = defaultdict(list)
        for text in texts:
            words = tuple(text.split())
            self._by_first_word[words[0]].append(words)
        self._by_character: dict[str, list[Units]] = defaultdict(list)
        for text in texts:
            if not has_words(text):
                characters = tuple(text.replace(" ", ""))
                self._by_character[characters[0]].append(characters)

    def count(self, reference: str, transcript: str) -> PhraseCounts:
        """Compare a transcript with its reference; both are normalized here."""
        expected, actual = normalize(reference), normalize(transcript)
        is_spaced = has_words(expected or actual)
        said, written = _split(expected, is_spaced), _split(actual, is_spaced)
        places = self._find(said, is_spaced)
        spoken = Counter(phrase for phrase, _ in places)
        heard = Counter(phrase for phrase, _ in self._find(written, is_spaced))
        inside = {at for phrase, start in places for at in range(start, start + len(phrase))}
        return PhraseCounts(
            spoken=spoken.total(),
            found=(spoken & heard).total(),
            wrong=(heard - spoken).total(),
            others=len(said) - len(inside),
            other_errors=_count_errors(said, written, inside),
        )

    def _find(self, units: Sequence[str], is_spaced: bool) -> list[tuple[Units, int]]:
        """Return the phrases in a text, and where each begins."""
        index = self._by_first_word if is_spaced else self._by_character
        return [
            (phrase, at)
            for at, unit in enumerate(units)
            for phrase in index.get(unit, ())
            if tuple(units[at : at + len(phrase)]) == phrase
        ]


def _split(text: str, is_spaced: bool) -> list[str]:
    return text.split() if is_spaced else list(text.replace(" ", ""))


def _count_errors(said: Sequence[str], written: Sequence[str], inside: set[int]) -> int:
    """Count errors in units outside of phrases; what is inserted beside a phrase is part of it."""
    import jiwer

    if not said:
        return len(written)
    (chunks,) = jiwer.process_words([" ".join(said)], [" ".join(written)]).alignments
    errors = 0
    for chunk in chunks:
        if chunk.type == "insert":
            if not {chunk.ref_start_idx, chunk.ref_start_idx - 1} & inside:
                errors += chunk.hyp_end_idx - chunk.hyp_start_idx
        elif chunk.type != "equal":
            errors += len(set(range(chunk.ref_start_idx, chunk.ref_end_idx)) - inside)
    return errors
