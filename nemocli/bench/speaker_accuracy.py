"""Errors in who spoke when and who said what: DER and JER by pyannote.metrics, and cpWER."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from nemocli.bench.normalize import has_words, normalize
from nemocli.bench.speaker_reference import ReferenceTurn, SpeakerReference, join_texts
from nemocli.errors import UnsupportedError
from nemocli.transcript.types import Transcript

#: Seconds around the borders of a reference turn, on each side, that are not counted: none, and as
#: many as is usual for references made by hand.
COLLARS_S = (0.0, 0.25)

#: Stands for the speaker of words that nobody is known to say.
NOBODY = ""


@dataclass(frozen=True)
class TurnErrors:
    """Seconds of speech in a reference, each speaker's where several speak, and errors in them."""

    collar: float
    spoken: float
    missed: float
    false_alarm: float
    #: Given to another speaker.
    confusion: float

    @property
    def rate(self) -> float | None:
        """Diarization error rate; None if nothing was spoken."""
        errors = self.missed + self.false_alarm + self.confusion
        return errors / self.spoken if self.spoken else None


@dataclass(frozen=True)
class ScoredSpeakers:
    """One utterance whose speakers are known, and the errors in them."""

    file: str
    #: Speakers in the reference, and in the transcript.
    speakers: int
    found: int
    #: One for each of COLLARS_S.
    turns: tuple[TurnErrors, ...]
    #: The Jaccard error rates of the reference's speakers, added up.
    jaccard_errors: float
    #: Words of the reference, and errors in them if each speaker's words are compared with those
    #: of the found speaker whom they fit best; None if it is not known who said what, or in scripts
    #: without spaces.
    words: int | None = None
    word_errors: int | None = None

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "ScoredSpeakers":
        """Make one from what dataclasses.asdict gave."""
        return cls(**data | {"turns": tuple(TurnErrors(**turns) for turns in data["turns"])})


@dataclass(frozen=True)
class SpeakerSummary:
    """Errors of all utterances together."""

    files: int
    #: Files in which as many speakers were found as there are.
    counted_right: int
    turns: tuple[TurnErrors, ...]
    #: Jaccard error rate: the mean over all speakers; None if there are none.
    jer: float | None
    words: int
    word_errors: int

    @property
    def cpwer(self) -> float | None:
        """Concatenated minimum-permutation word error rate; None if there are no words."""
        return self.word_errors / self.words if self.words else None


def check_pyannote() -> None:
    """Raise UnsupportedError if pyannote.metrics, which compares turns, is not installed."""
    if find_spec("pyannote") is None or find_spec("pyannote.metrics") is None:
        raise UnsupportedError(
            "Speakers are compared by pyannote.metrics, which is not installed:"
            " pip install 'nemocli[bench]'"
        )


def score_transcript(
    path: Path, reference: SpeakerReference, transcript: Transcript
) -> ScoredSpeakers:
    """Count the errors in the speakers of a transcript that has some."""
    turns = [
        ReferenceTurn(turn.speaker.id, turn.start, turn.end) for turn in transcript.turns or ()
    ]
    said = ((word.speaker.id if word.speaker else NOBODY, word.text) for word in transcript.words)
    return score_speakers(
        *(path, transcript.duration, reference.turns, turns, reference.texts, join_texts(said))
    )


def score_speakers(
    path: Path,
    duration: float,
    reference: Sequence[ReferenceTurn],
    turns: Sequence[ReferenceTurn],
    spoken_texts: Mapping[str, str] | None = None,
    texts: Mapping[str, str] | None = None,
) -> ScoredSpeakers:
    """Count the errors in turns, and in each speaker's text, of a sound of so many seconds."""
    counted = None
    if spoken_texts is not None and texts is not None:
        counted = count_permuted_errors(spoken_texts, texts)
    errors, jaccard_errors = compare_turns(duration, reference, turns)
    return ScoredSpeakers(
        file=str(path),
        speakers=len({turn.speaker for turn in reference}),
        found=len({turn.speaker for turn in turns}),
        turns=errors,
        jaccard_errors=jaccard_errors,
        words=counted and counted[0],
        word_errors=counted and counted[1],
    )


def compare_turns(
    duration: float, reference: Sequence[ReferenceTurn], turns: Sequence[ReferenceTurn]
) -> tuple[tuple[TurnErrors, ...], float]:
    """Return the errors at each collar, overlaps counted, and the Jaccard errors added up."""
    _allow_imports()
    from pyannote.core import Annotation, Segment, Timeline
    from pyannote.metrics.diarization import DiarizationErrorRate, JaccardErrorRate

    annotations = []
    for side in (reference, turns):
        annotation = Annotation()
        for number, turn in enumerate(side):
            annotation[Segment(turn.start, turn.end), number] = turn.speaker
        annotations.append(annotation)
    end = max([duration, *(turn.end for turn in (*reference, *turns))])
    whole = Timeline([Segment(0.0, end)])
    errors = []
    for collar in COLLARS_S:
        # pyannote's collar is the width of both sides together
        metric = DiarizationErrorRate(collar=2 * collar)
        found = metric(*annotations, uem=whole, detailed=True)
        errors.append(
            TurnErrors(
                collar,
                spoken=float(found["total"]),
                missed=float(found["missed detection"]),
                false_alarm=float(found["false alarm"]),
                confusion=float(found["confusion"]),
            )
        )
    jaccard = JaccardErrorRate()(*annotations, uem=whole, detailed=True)
    return tuple(errors), float(jaccard["speaker error"])


def count_permuted_errors(
    reference: Mapping[str, str], transcript: Mapping[str, str]
) -> tuple[int, int] | None:
    """Return the words of a reference, and the least errors in them over all pairs of speakers.

    Both have each speaker's text. Words of a speaker who has no counterpart are all wrong. None
    for scripts without spaces.
    """
    _allow_imports()
    import jiwer
    from scipy.optimize import linear_sum_assignment

    spoken = [normalize(text) for text in reference.values()]
    written = [normalize(text) for text in transcript.values()]
    if not has_words(" ".join(spoken) or " ".join(written)):
        return None
    count = max(len(spoken), len(written))
    for texts in (spoken, written):
        texts += [""] * (count - len(texts))
    errors = np.zeros((count, count), np.int64)
    for row, expected in enumerate(spoken):
        for column, actual in enumerate(written):
            if not expected or not actual:
                errors[row, column] = len(expected.split()) + len(actual.split())
                continue
            counted = jiwer.process_words(expected, actual)
            errors[row, column] = counted.substitutions + counted.deletions + counted.insertions
    chosen = linear_sum_assignment(errors)
    return sum(len(text.split()) for text in spoken), int(errors[chosen].sum())


def _allow_imports() -> None:
    """Forget which modules are not to be imported: scipy takes the None in their place for one."""
    for name in [name for name, module in sys.modules.items() if module is None]:
        del sys.modules[name]


def summarize_speakers(judged: Sequence[ScoredSpeakers]) -> SpeakerSummary:
    """Add up the errors of some utterances."""
    speakers = sum(one.speakers for one in judged)
    return SpeakerSummary(
        files=len(judged),
        counted_right=sum(one.speakers == one.found for one in judged),
        turns=tuple(
            TurnErrors(
                collar,
                *(
                    sum(getattr(one.turns[place], name) for one in judged)
                    for name in ("spoken", "missed", "false_alarm", "confusion")
                ),
            )
            for place, collar in enumerate(COLLARS_S)
        ),
        jer=sum(one.jaccard_errors for one in judged) / speakers if speakers else None,
        words=sum(one.words or 0 for one in judged),
        word_errors=sum(one.word_errors or 0 for one in judged),
    )
