"""A list of phrases that a user wants to be preferred, and the file that it is read from."""

import hashlib
import json
import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Real
from os import PathLike
from pathlib import Path

from nemocli.arguments import check_argument
from nemocli.boosting.folding import count_letters, fold
from nemocli.counting import count_things
from nemocli.errors import UsageError, quote
from nemocli.network.tokenizer_file import SPACE
from nemocli.transcript.provenance import PhraseProvenance

#: Limits on a list, on the characters of a phrase, and on how strongly phrases are preferred.
MAX_PHRASES, MAX_CHARACTERS, MAX_BOOST, MAX_WEIGHT = 10_000, 100, 5.0, 5.0

DEFAULT_BOOST = 1.0

#: The most phrases that a sentence names.
MAX_NAMED = 5

#: Signs that join letters in some scripts; other invisible characters are refused.
_JOINERS = "\u200c\u200d"


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase as it was written, but for its spaces, and how much more it counts than others."""

    text: str
    weight: float = 1.0

    @property
    def key(self) -> str:
        """The phrase as it is matched."""
        return fold(self.text)

    @property
    def letters(self) -> int:
        """What the phrase tells, in letters."""
        return sum(map(count_letters, self.key))


@dataclass(frozen=True)
class Phrases:
    """A list of phrases, each once, and how strongly the decoder prefers them.

    Make one with `Phrases.of` or `Phrases.read`, which check it.
    """

    phrases: tuple[Phrase, ...]
    #: From 0, which has no effect, to MAX_BOOST.
    boost: float = DEFAULT_BOOST
    #: Whether a phrase that has begun may go on where the model would emit nothing.
    over_blank: bool = False

    @classmethod
    def of(
        cls,
        phrases: Iterable[str | Phrase],
        *,
        boost: float = DEFAULT_BOOST,
        over_blank: bool = False,
    ) -> "Phrases":
        """Check phrases and make a list of them. Raises UsageError for a phrase that cannot be one.

        Of phrases that differ only in case, the first is kept, with the largest of their weights.
        """
        check_boost(boost)
        check_argument("over_blank", over_blank, bool, "True or False")
        if isinstance(phrases, str):
            phrases = [phrases]
        if not isinstance(phrases, Iterable) or isinstance(phrases, (bytes, dict)):
            raise UsageError(f"Phrases.of takes a list of texts, not {quote(phrases)}.")
        checked = [
            make_phrase(each.text, each.weight) if isinstance(each, Phrase) else make_phrase(each)
            for each in phrases
        ]
        return cls(_drop_duplicates(checked), float(boost), over_blank)

    @classmethod
    def read(
        cls,
        path: "str | PathLike[str]",
        *,
        boost: float = DEFAULT_BOOST,
        over_blank: bool = False,
    ) -> "Phrases":
        """Read a file with a phrase on each line, and perhaps a tab and its weight.

        Lines that begin with `#` are comments. Raises UsageError that names the first wrong line.
        """
        check_boost(boost)
        check_argument("over_blank", over_blank, bool, "True or False")
        check_argument("path", path, (str, PathLike), "a path")
        found = []
        for number, line in read_lines(path):
            try:
                found.append(parse_line(line))
            except UsageError as error:
                raise UsageError(f"{path}, line {number}: {error}") from None
        return cls(_drop_duplicates(found), float(boost), over_blank)

    def __bool__(self) -> bool:
        """Whether the list has any effect."""
        return bool(self.phrases) and self.boost > 0

    def __len__(self) -> int:
        return len(self.phrases)

    def adding(self, texts: Iterable[str | Phrase]) -> "Phrases":
        """Return the list with the `texts` too. Raises UsageError for one that is no phrase."""
        more = Phrases.of(texts)
        return replace(self, phrases=_drop_duplicates([*self.phrases, *more.phrases]))

    @cached_property
    def sha256(self) -> str:
        """A hash in hexadecimal that is equal for lists of the same phrases and weights."""
        content = sorted((phrase.key, phrase.weight) for phrase in self.phrases)
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def describe_phrases(phrases: Phrases | None) -> PhraseProvenance | None:
    """Return what documents say of a list; None for no list, and for one without any effect."""
    if not phrases:
        return None
    return PhraseProvenance(len(phrases), phrases.sha256, phrases.boost, phrases.over_blank)


def explain_unspelled(unspelled: Sequence[str], listed: int) -> str:
    """Return a sentence about the phrases of a list of `listed` that a model cannot write."""
    named = ", ".join(unspelled[:MAX_NAMED]) + (", …" if len(unspelled) > MAX_NAMED else "")
    verb = "has" if listed == 1 else "have"
    return (
        f"The model has no pieces to write {len(unspelled):,} of"
        f" {count_things(listed, 'phrase')}, which {verb} no effect: {named}"
    )


def check_phrases(phrases: object) -> Phrases | None:
    """Return the list that a program passes: Phrases, texts, or None; UsageError for others."""
    if phrases is None or isinstance(phrases, Phrases):
        return phrases or None
    if not isinstance(phrases, Iterable) or isinstance(phrases, (str, bytes, dict)):
        raise UsageError(f"phrases takes a list of texts, or Phrases, not {quote(phrases)}.")
    return Phrases.of(phrases) or None


def check_boost(boost: object) -> None:
    """Raise UsageError unless this is a number from 0 to MAX_BOOST."""
    # Numbers of numpy are Real, too.
    number = float(boost) if isinstance(boost, Real) and not isinstance(boost, bool) else math.nan
    if not 0 <= number <= MAX_BOOST:
        raise UsageError(f"boost takes a number from 0 to {MAX_BOOST:g}, not {quote(boost)}.")


def make_phrase(text: object, weight: float = 1.0) -> Phrase:
    """Check a phrase, and write it with single spaces. Raises UsageError that says what is wrong.

    Refused are phrases without a letter or digit, with invisible characters, and very long ones.
    """
    if not isinstance(text, str):
        raise UsageError(f"A phrase must be a text, not {quote(text)}.")
    plain = unicodedata.normalize("NFC", " ".join(text.replace(SPACE, " ").split()))
    if len(plain) > MAX_CHARACTERS:
        raise UsageError(
            f"The phrase {plain[:20]!r}… has {len(plain)} characters, and at most {MAX_CHARACTERS}"
            " are allowed: list its rare words alone."
        )
    hidden = [c for c in plain if unicodedata.category(c)[0] == "C" and c not in _JOINERS]
    if hidden:
        raise UsageError(
            f"The phrase {plain!r} has an invisible character (U+{ord(hidden[0]):04X}): remove it."
        )
    if not any(count_letters(character) for character in fold(plain)):
        raise UsageError(f"The phrase {plain!r} has neither a letter nor a digit: leave it out.")
    if not isinstance(weight, Real) or not 0 < weight <= MAX_WEIGHT:
        raise UsageError(
            f"The weight of {plain!r} is {quote(weight)}: give a number above 0, up to"
            f" {MAX_WEIGHT:g}."
        )
    return Phrase(plain, float(weight))


def parse_line(line: str) -> Phrase:
    """Read a line of a file: a phrase, and perhaps a tab and its weight. Raises UsageError."""
    text, _, after = line.partition("\t")
    if not after.strip():
        return make_phrase(text)
    try:
        weight = float(after)
    except ValueError:
        raise UsageError(
            f"behind the tab is {quote(after.strip())}, which is not a weight such as 2."
        ) from None
    return make_phrase(text, weight)


def read_lines(path: "str | PathLike[str]") -> list[tuple[int, str]]:
    """Return the lines of a file that are phrases, with their numbers from 1.

    Raises UsageError for a file that cannot be read, is not UTF-8, or is too long for a list.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except IsADirectoryError:  # an empty name is that of this folder
        raise UsageError(
            f"Phrases are read from a file, and {path} is a folder: name the file."
        ) from None
    except OSError as error:
        raise UsageError(f"The phrases {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise UsageError(f"The phrases {path} are not text in UTF-8: save them as that.") from None
    except ValueError:  # a NUL in the name
        raise UsageError(f"There is no file of phrases {quote(str(path))}.") from None
    lines = [
        (number, line)
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.startswith("#")
    ]
    if len(lines) > MAX_PHRASES:
        raise UsageError(_explain_too_many(len(lines)))
    return lines


def _drop_duplicates(phrases: Iterable[Phrase]) -> tuple[Phrase, ...]:
    kept: dict[str, Phrase] = {}
    for phrase in phrases:
        before = kept.setdefault(phrase.key, phrase)
        if phrase.weight > before.weight:
            kept[phrase.key] = replace(before, weight=phrase.weight)
    if len(kept) > MAX_PHRASES:
        raise UsageError(_explain_too_many(len(kept)))
    return tuple(kept.values())


def _explain_too_many(count: int) -> str:
    return (
        f"There are {count:,} phrases, and at most {MAX_PHRASES:,} are allowed: keep those that"
        " the model gets wrong."
    )
