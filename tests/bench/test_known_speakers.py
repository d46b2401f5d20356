"""Speakers that are found while a sound is transcribed, against a known conversation."""

import numpy as np
import pytest
import soundfile

import nemocli
from nemocli.bench.accuracy import measure_accuracy
from nemocli.bench.dataset import Utterance
from nemocli.bench.speaker_reference import ReferenceTurn, SpeakerReference
from nemocli.diarization.diarizer import Diarizer
from nemocli.diarization.options import SpeakerOptions
from nemocli.network.features import FeatureConfig

PAUSE_S = 1.0


class KnownSpeakers(Diarizer):
    """A diarizer of two speakers that knows who speaks: one until a row, then the other."""

    def __init__(self, change: int) -> None:
        self.config = self
        self.features = FeatureConfig(16000, 512, 400, 160, 128, 0.97)
        self._change, self._rows = change, 0

    def begin(self, mode):
        assert mode == "offline"
        self._rows = 0
        return self

    def feed(self, rows):
        places = np.arange(self._rows, self._rows + len(rows))
        self._rows += len(rows)
        is_second = (places >= self._change)[:, None]
        return np.where(is_second, [[0.1, 0.9]], [[0.9, 0.1]]).astype(np.float32)

    def finish(self):
        return np.zeros((0, 2), np.float32)


@pytest.fixture
def conversation(tmp_path, clips):
    """Two English clips, one after the other, said by Ann and by Ben."""
    first, second = (clip for clip in clips if clip.lang == "en-US")
    sound = np.concatenate([first.samples, second.samples])
    soundfile.write(tmp_path / "a.wav", sound, 16000, subtype="FLOAT")
    change, end = len(first.samples) / 16000, len(sound) / 16000
    turns = (ReferenceTurn("Ann", 0.0, change), ReferenceTurn("Ben", change, end))
    speakers = SpeakerReference(turns, (("Ann", first.text), ("Ben", second.text)))
    text = f"{first.text} {second.text}"
    return Utterance(tmp_path / "a.wav", text, "en-US", speakers=speakers)


def measure(utterance, diarizer):
    pytest.importorskip("pyannote.metrics")
    transcriber = nemocli.load("demo")
    return measure_accuracy(
        transcriber,
        *([utterance], "auto", lambda *step: None),
        speaker_options=SpeakerOptions(diarizer),
    ).speakers


def test_right_speakers_have_no_errors(conversation):
    change = round(100 * conversation.speakers.turns[1].start)
    (one,) = measure(conversation, KnownSpeakers(change))
    assert (one.speakers, one.found, one.word_errors) == (2, 2, 0)
    assert one.words == len(conversation.text.split())
    assert one.turns[0].rate < 0.005


def test_words_of_the_wrong_speaker_are_errors_of_both(conversation):
    (one,) = measure(conversation, KnownSpeakers(10**9))
    ann, ben = (text.split() for _, text in conversation.speakers.segments)
    assert (one.found, one.word_errors) == (
        1,
        len(ann) + len(ben) + min(len(ann), len(ben)) - max(len(ann), len(ben)),
    )
    spoken = [turn.end - turn.start for turn in conversation.speakers.turns]
    assert one.turns[0].rate == pytest.approx(min(spoken) / sum(spoken), abs=0.005)


def test_sounds_without_a_reference_are_not_compared(conversation, clips):
    plain = Utterance(clips[0].path, clips[0].text, clips[0].lang)
    assert measure(plain, KnownSpeakers(1)) == []
