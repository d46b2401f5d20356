"""What is to be known about a list of phrases before it is used."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from nemocli.boosting.folding import fold
from nemocli.boosting.phrases import MAX_CHARACTERS, Phrase, parse_line
from nemocli.errors import UsageError
from nemocli.network.tokenizer_file import SPACE

#: A phrase of fewer letters is like too many words; of so many at most, words that begin with it
#: are named.
MIN_LETTERS, MAX_BEGINNING = 4, 4

#: The most words that are named for a phrase.
MAX_WORDS = 5

#: A piece of the vocabulary of so many letters is taken for a word.
MIN_WORD_LETTERS = 3


@dataclass(frozen=True)
class PhraseCheck:
    """What was found about one line of a list."""

    line: int
    #: The phrase, or the line as it is if it is refused, shortened if it is very long.
    text: str
    #: Why it cannot be a phrase; None if it can.
    refusal: str | None = None
    #: The fewest pieces that write it; None if the vocabulary lacks some.
    pieces: tuple[str, ...] | None = None
    is_short: bool = False
    #: The line before that has the same phrase; None if there is none.
    same_as: int | None = None
    #: Other phrases that differ in one letter.
    similar: tuple[str, ...] = ()
    #: Ordinary words that may be written as the phrase, or begin with it.
    words: tuple[str, ...] = ()


def check_lines(
    lines: Iterable[tuple[int, str]], pieces: Sequence[str | None], words: Iterable[str]
) -> Iterator[PhraseCheck]:
    """Check the lines of a list, given with their numbers; `pieces` is as Vocabulary takes it."""
    phrases: dict[int, Phrase] = {}
    refused: dict[int, PhraseCheck] = {}
    for number, line in lines:
        try:
            phrases[number] = parse_line(line)
        except UsageError as error:
            text = line.partition("\t")[0].strip()
            if len(text) > MAX_CHARACTERS:
                text = text[: MAX_CHARACTERS - 1] + "…"
            refused[number] = PhraseCheck(number, text, str(error))
    first: dict[str, int] = {}
    for number, phrase in phrases.items():
        first.setdefault(phrase.key, number)
    neighbours = _Neighbours({key: phrases[number].text for key, number in first.items()})
    pulled = _find_pulled(neighbours, words)
    splitter = PieceSplitter(pieces)
    for number in sorted([*phrases, *refused]):
        if number in refused:
            yield refused[number]
            continue
        phrase = phrases[number]
        yield PhraseCheck(
            line=number,
            text=phrase.text,
            pieces=splitter.split(phrase),
            is_short=phrase.letters < MIN_LETTERS,
            same_as=first[phrase.key] if first[phrase.key] != number else None,
            similar=tuple(sorted(neighbours.find(phrase.key)))[:MAX_WORDS],
            words=tuple(dict.fromkeys(pulled[phrase.key]))[:MAX_WORDS],
        )


def list_words(pieces: Iterable[str | None]) -> Iterator[str]:
    """Give the pieces that are words, or beginnings of words, of some length."""
    for piece in pieces:
        word = (piece or "").removeprefix(SPACE)
        if piece != word and len(word) >= MIN_WORD_LETTERS and word.isalpha():
            yield word


class PieceSplitter:
    """Splits phrases into the fewest pieces of a vocabulary."""

    def __init__(self, pieces: Iterable[str | None]) -> None:
        self._pieces: dict[str, list[str]] = defaultdict(list)
        for piece in pieces:
            if piece:
                self._pieces[fold(piece)].append(piece)
        self._longest = max(map(len, self._pieces), default=0)

    def split(self, phrase: Phrase) -> tuple[str, ...] | None:
        """Return the pieces; None if the vocabulary lacks some that the phrase needs."""
        key, written = SPACE + phrase.key, SPACE + phrase.text.replace(" ", SPACE)
        # In a script without spaces, there is no space before it.
        forms = [self._split(form, written) for form in (key, key[1:])]
        return min(filter(None, forms), key=len, default=None)

    def _split(self, key: str, written: str) -> tuple[str, ...] | None:
        best: list[tuple[str, ...] | None] = [(), *[None] * len(key)]
        for end in range(1, len(key) + 1):
            for start in range(max(0, end - self._longest), end):
                before, choices = best[start], self._pieces.get(key[start:end])
                if before is None or choices is None:
                    continue
                shortest = best[end]
                if shortest is None or len(before) + 1 < len(shortest):
                    best[end] = (*before, next((c for c in choices if c in written), choices[0]))
        return best[-1]


class _Neighbours:
    """Finds texts of a set that differ from a text in one letter, by texts without one letter."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        """`texts` has what is returned for each text."""
        self.texts = texts
        self._shortened: dict[str, list[str]] = defaultdict(list)
        for text in texts:
            for form in _shorten(text):
                self._shortened[form].append(text)

    def find(self, text: str) -> Iterator[str]:
        """Give the texts, without the text itself."""
        for key in self.find_keys(text):
            if key != text:
                yield self.texts[key]

    def find_keys(self, text: str) -> Iterator[str]:
        """Give the texts of the set, the text itself among them."""
        found = [key for form in _shorten(text) for key in self._shortened.get(form, ())]
        yield from (key for key in dict.fromkeys(found) if _differ_in_one(key, text))


def _find_pulled(neighbours: _Neighbours, words: Iterable[str]) -> dict[str, list[str]]:
    """Return for each phrase the words that are like it, the word itself first."""
    found: dict[str, list[str]] = defaultdict(list)
    for word in dict.fromkeys(words):
        key = fold(word)
        for phrase in neighbours.find_keys(key):
            found[phrase].insert(0 if phrase == key else len(found[phrase]), word)
        for length in range(2, min(MAX_BEGINNING, len(key) - 1) + 1):
            if key[:length] in neighbours.texts:
                found[key[:length]].append(word)
    return found


def _shorten(text: str) -> list[str]:
    return [text, *(text[:at] + text[at + 1 :] for at in range(len(text)))]


def _differ_in_one(one: str, other: str) -> bool:
    """Tell whether two texts differ in at most one letter: replaced, added or left out."""
    if abs(len(one) - len(other)) > 1:
        return False
    same = 0
    while same < min(len(one), len(other)) and one[same] == other[same]:
        same += 1
    return (
        one[same + 1 :] == other[same + 1 :]
        or one[same + 1 :] == other[same:]
        or one[same:] == other[same + 1 :]
    )
