"""Word and character errors of a model on sounds with known text, by jiwer."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nemocli.audio import open_sound
from nemocli.bench.dataset import Utterance
from nemocli.bench.normalize import has_words, normalized
from nemocli.errors import AudioError, UnsupportedError, UsageError
from nemocli.transcriber import Transcriber
from nemocli.units import SAMPLE_RATE

#: The name of all languages together.
ALL = "all"


@dataclass(frozen=True)
class ScoredUtterance:
    """One utterance: what was said and heard, both normalized, and the errors in it."""

    file: str
    lang: str
    reference: str
    heard: str
    #: Words of the reference, and errors; 0 of 0 for scripts without spaces.
    words: int
    word_errors: int
    characters: int
    character_errors: int

    @property
    def character_rate(self) -> float:
        """Errors for each character; for a reference without any, the errors."""
        return self.character_errors / max(self.characters, 1)


@dataclass(frozen=True)
class AccuracySummary:
    """Errors of all utterances in a language together."""

    lang: str
    files: int
    words: int
    word_errors: int
    characters: int
    character_errors: int

    @property
    def wer(self) -> float | None:
        """Word error rate; None if there are no words."""
        return self.word_errors / self.words if self.words else None

    @property
    def cer(self) -> float | None:
        """Character error rate; None if there are no characters."""
        return self.character_errors / self.characters if self.characters else None


@dataclass
class Accuracy:
    """All utterances, and the files that failed with why."""

    judged: list[ScoredUtterance] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Accuracy":
        """The inverse of dataclasses.asdict."""
        return cls([ScoredUtterance(**judged) for judged in data["judged"]], data["failed"])

    def by_language(self) -> list[AccuracySummary]:
        """A summary of each language in order, and of all if there are several."""
        langs = sorted({one.lang for one in self.judged})
        found = [_summary(lang, [one for one in self.judged if one.lang == lang]) for lang in langs]
        return [*found, _summary(ALL, self.judged)] if len(found) > 1 else found

    def worst(self, count: int) -> list[ScoredUtterance]:
        """The utterances with most errors for each character, of those that have any."""
        wrong = [one for one in self.judged if one.character_errors]
        return sorted(wrong, key=lambda one: -one.character_rate)[:count]


def check_jiwer() -> None:
    """UnsupportedError, before any work, if the errors cannot be counted."""
    if find_spec("jiwer") is None:
        raise UnsupportedError(
            "Errors are counted by jiwer, which is not installed: pip install 'nemocli[bench]'"
        )


def check_languages(transcriber: Transcriber, utterances: Sequence[Utterance]) -> None:
    """UsageError, before any work, for a language that the model does not know."""
    for lang in {one.lang for one in utterances if one.lang}:
        try:
            transcriber.resolve_language(lang)
        except UsageError as error:
            files = [one.path.name for one in utterances if one.lang == lang]
            raise UsageError(f"{error} ({files[0]} is said to be in it.)") from None


def measure_accuracy(
    transcriber: Transcriber,
    utterances: Sequence[Utterance],
    lang: str,
    tell: Callable[[str, int, int], None],
) -> Accuracy:
    """Hear every utterance, in `lang` where none is told, and count errors.

    A file that cannot be decoded is kept among `failed`, and the others go on. `tell` hears each
    file, its number from 1, and how many there are.
    """
    accuracy = Accuracy()
    for number, utterance in enumerate(utterances, 1):
        tell(utterance.path.name, number, len(utterances))
        language = transcriber.resolve_language(utterance.lang or lang)
        session = transcriber.session(language)
        try:
            for samples in _samples(utterance):
                session.feed(samples)
        except AudioError as error:
            accuracy.failed[str(utterance.path)] = str(error)
            continue
        heard = session.finish().text
        accuracy.judged.append(score_utterance(utterance.path, language, utterance.text, heard))
    return accuracy


def score_utterance(path: Path, lang: str, reference: str, heard: str) -> ScoredUtterance:
    """Normalize both texts and count the errors of the one that was heard."""
    import jiwer

    said, got = normalized(reference), normalized(heard)
    words = word_errors = 0
    if has_words(said or got):
        counted = jiwer.process_words(said, got)
        words = counted.hits + counted.substitutions + counted.deletions
        word_errors = counted.substitutions + counted.deletions + counted.insertions
    else:
        said, got = said.replace(" ", ""), got.replace(" ", "")
    characters = jiwer.process_characters(said, got)
    return ScoredUtterance(
        file=str(path),
        lang=lang,
        reference=said,
        heard=got,
        words=words,
        word_errors=word_errors,
        characters=characters.hits + characters.substitutions + characters.deletions,
        character_errors=characters.substitutions + characters.deletions + characters.insertions,
    )


def _samples(utterance: Utterance) -> Iterator[NDArray[np.float32]]:
    """Packets of the file, or of the stretch of it."""
    skip = round(SAMPLE_RATE * utterance.offset)
    left = None if utterance.duration is None else round(SAMPLE_RATE * utterance.duration)
    with open_sound(utterance.path) as sound:
        for packet in sound:
            part = packet[skip:] if left is None else packet[skip : skip + left]
            skip = max(0, skip - len(packet))
            if left is not None:
                left -= len(part)
            if len(part):
                yield part
            if left == 0:
                return


def _summary(lang: str, judged: Sequence[ScoredUtterance]) -> AccuracySummary:
    return AccuracySummary(
        lang,
        len(judged),
        sum(one.words for one in judged),
        sum(one.word_errors for one in judged),
        sum(one.characters for one in judged),
        sum(one.character_errors for one in judged),
    )
