"""Word and character error rates of a model on sounds with known text, counted by jiwer."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nemocli.audio.sound import open_sound
from nemocli.batch.file_speakers import FileSpeakers
from nemocli.bench.dataset import Utterance
from nemocli.bench.normalize import has_words, normalize
from nemocli.bench.phrase_accuracy import PhraseCounts, PhraseFinder
from nemocli.bench.speaker_accuracy import ScoredSpeakers, score_transcript
from nemocli.boosting.phrases import Phrases, describe_phrases
from nemocli.diarization.options import SpeakerOptions
from nemocli.engine.mel import MelStream
from nemocli.errors import AudioError, UnsupportedError, UsageError
from nemocli.models.word_delays import find_word_delay
from nemocli.transcriber import Transcriber
from nemocli.transcript.provenance import PhraseProvenance, SpeakerProvenance
from nemocli.transcript.types import Transcript
from nemocli.units import SAMPLE_RATE

#: Stands for all languages together in a summary.
ALL = "all"


@dataclass(frozen=True)
class ScoredUtterance:
    """One utterance: its reference and its transcript, both normalized, and the errors."""

    file: str
    lang: str
    reference: str
    #: The transcript.
    heard: str
    #: Words of the reference, and errors in them; both 0 for scripts without spaces.
    words: int
    word_errors: int
    characters: int
    character_errors: int

    @property
    def character_rate(self) -> float:
        """Errors per character of the reference, an empty reference counting as one character."""
        return self.character_errors / max(self.characters, 1)


@dataclass(frozen=True)
class AccuracySummary:
    """Errors of all utterances in one language together."""

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


@dataclass(frozen=True)
class PhraseAccuracy:
    """The phrases that were preferred, and how they came out."""

    list: PhraseProvenance
    counts: PhraseCounts


@dataclass
class Accuracy:
    """All utterances with their errors, and the files that could not be decoded."""

    judged: list[ScoredUtterance] = field(default_factory=list)
    #: The reason, by the file's path.
    failed: dict[str, str] = field(default_factory=dict)
    #: None without phrases.
    phrases: PhraseAccuracy | None = None
    #: The utterances whose speakers are known; empty if speakers were not asked for.
    speakers: list[ScoredSpeakers] = field(default_factory=list)
    #: The model that found them, with its options; None if they were not asked for.
    speaker_model: SpeakerProvenance | None = None

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Accuracy":
        """Make one from what dataclasses.asdict gave."""
        phrases, model = data.get("phrases"), data.get("speaker_model")
        return cls(
            [ScoredUtterance(**judged) for judged in data["judged"]],
            data["failed"],
            phrases
            and PhraseAccuracy(
                PhraseProvenance(**phrases["list"]), PhraseCounts(**phrases["counts"])
            ),
            [ScoredSpeakers.from_json(scored) for scored in data.get("speakers", ())],
            model and SpeakerProvenance(**model | {"names": tuple(model["names"])}),
        )

    def summarize_by_language(self) -> list[AccuracySummary]:
        """Return a summary for each language, sorted, and one for all if there are several."""
        langs = sorted({one.lang for one in self.judged})
        summaries = [
            _summarize(lang, [one for one in self.judged if one.lang == lang]) for lang in langs
        ]
        return [*summaries, _summarize(ALL, self.judged)] if len(summaries) > 1 else summaries

    def find_worst(self, count: int) -> list[ScoredUtterance]:
        """Return at most `count` utterances with errors, those with the highest rate first."""
        wrong = [one for one in self.judged if one.character_errors]
        return sorted(wrong, key=lambda one: -one.character_rate)[:count]


def check_jiwer() -> None:
    """Raise UnsupportedError if jiwer, which counts the errors, is not installed."""
    if find_spec("jiwer") is None:
        raise UnsupportedError(
            "Errors are counted by jiwer, which is not installed: pip install 'nemocli[bench]'"
        )


def check_languages(transcriber: Transcriber, utterances: Sequence[Utterance]) -> None:
    """Raise UsageError if an utterance is in a language that the model does not know."""
    for lang in {one.lang for one in utterances if one.lang}:
        try:
            transcriber.resolve_language(lang)
        except UsageError as error:
            files = [one.path.name for one in utterances if one.lang == lang]
            raise UsageError(f"{error} ({files[0]} is said to be in it.)") from None


def check_references(utterances: Sequence[Utterance], manifest: Path) -> None:
    """Raise UsageError if it is known of no utterance who speaks."""
    if not any(one.speakers for one in utterances):
        raise UsageError(
            f"{manifest} does not say who speaks: give lines an rttm_filepath, or put an .rttm"
            " beside the sounds of a folder."
        )


def measure_accuracy(
    transcriber: Transcriber,
    utterances: Sequence[Utterance],
    lang: str,
    progress: Callable[[str, int, int], None],
    phrases: Phrases | None = None,
    speaker_options: SpeakerOptions | None = None,
) -> Accuracy:
    """Transcribe every utterance and count the errors; also those in phrases that are preferred.

    With `speaker_options`, errors in speakers are counted too, where it is known who speaks. `lang`
    is for utterances whose language is not known. A file that cannot be decoded is noted in
    `failed`, and the next one follows. `progress` is called before each utterance with its file's
    name, its number from 1, and the number of all utterances.
    """
    accuracy = Accuracy()
    finder = PhraseFinder(phrase.text for phrase in phrases.phrases) if phrases else None
    counts = PhraseCounts()
    delay_s = find_word_delay(transcriber.revision, transcriber.lookahead)
    for number, utterance in enumerate(utterances, 1):
        progress(utterance.path.name, number, len(utterances))
        language = transcriber.resolve_language(utterance.lang or lang)
        session = transcriber.session(language, phrases=phrases)
        speakers = None
        if speaker_options is not None and utterance.speakers is not None:
            speakers = _SpeakerPass(speaker_options, delay_s)
        try:
            for samples in _read_packets(utterance):
                session.feed(samples)
                if speakers is not None:
                    speakers.feed(samples)
        except AudioError as error:
            accuracy.failed[str(utterance.path)] = str(error)
            continue
        transcript = session.finish()
        text = transcript.text
        accuracy.judged.append(score_utterance(utterance.path, language, utterance.text, text))
        if finder is not None:
            counts += finder.count(utterance.text, text)
        if speakers is not None and utterance.speakers is not None:
            accuracy.speakers.append(
                score_transcript(utterance.path, utterance.speakers, speakers.add_to(transcript))
            )
    if (described := describe_phrases(phrases)) is not None:
        accuracy.phrases = PhraseAccuracy(described, counts)
    return accuracy


def score_utterance(path: Path, lang: str, reference: str, transcript: str) -> ScoredUtterance:
    """Normalize both texts and count the errors in the transcript."""
    import jiwer

    expected, actual = normalize(reference), normalize(transcript)
    words = word_errors = 0
    if has_words(expected or actual):
        counted = jiwer.process_words(expected, actual)
        words = counted.hits + counted.substitutions + counted.deletions
        word_errors = counted.substitutions + counted.deletions + counted.insertions
    else:
        expected, actual = expected.replace(" ", ""), actual.replace(" ", "")
    characters = jiwer.process_characters(expected, actual)
    return ScoredUtterance(
        file=str(path),
        lang=lang,
        reference=expected,
        heard=actual,
        words=words,
        word_errors=word_errors,
        characters=characters.hits + characters.substitutions + characters.deletions,
        character_errors=characters.substitutions + characters.deletions + characters.insertions,
    )


class _SpeakerPass:
    """Finds who speaks in one sound, from the samples that are transcribed."""

    def __init__(self, options: SpeakerOptions, word_delay_s: float) -> None:
        assert options.diarizer is not None
        self._mel = MelStream(options.diarizer.config.features)
        self._speakers = FileSpeakers(options, word_delay_s)

    def feed(self, samples: NDArray[np.float32]) -> None:
        self._speakers.push(self._mel.push(samples))
        self._speakers.advance()

    def add_to(self, transcript: Transcript) -> Transcript:
        """End the sound, and return its transcript with speakers."""
        self._speakers.push(self._mel.finish())
        self._speakers.end()
        self._speakers.advance()
        return self._speakers.add_to(transcript)


def _read_packets(utterance: Utterance) -> Iterator[NDArray[np.float32]]:
    """Read the utterance's file, or its part of the file, in packets of float32 samples."""
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


def _summarize(lang: str, judged: Sequence[ScoredUtterance]) -> AccuracySummary:
    return AccuracySummary(
        lang,
        len(judged),
        sum(one.words for one in judged),
        sum(one.word_errors for one in judged),
        sum(one.characters for one in judged),
        sum(one.character_errors for one in judged),
    )
