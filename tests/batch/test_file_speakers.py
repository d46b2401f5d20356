"""Speakers of files: found from the rows that the transcription has, by the same model calls."""

import numpy as np
import pytest
import soundfile

import nemocli
from nemocli.audio.options import SoundOptions
from nemocli.diarization.capping import cap_speakers
from nemocli.diarization.modes import OFFLINE
from nemocli.diarization.options import SpeakerOptions
from nemocli.diarization.transcripts import add_speakers
from nemocli.engine.mel import MelStream
from nemocli.errors import ModelError, UsageError
from nemocli.models.word_delays import find_word_delay
from tests.diarizers import write_tiny_diarizer
from tests.sounds import RATE, speech_like


@pytest.fixture(scope="module")
def transcriber(cache):
    return nemocli.load("demo")


@pytest.fixture(scope="module")
def diarizer(tmp_path_factory):
    """A random model that takes the demo's rows, and finds three speakers who change often."""
    folder = tmp_path_factory.mktemp("diarizer") / "checkpoint"
    return nemocli.load_diarizer(write_tiny_diarizer(folder, seed=14, mels=128), runtime="numpy")


@pytest.fixture(scope="module")
def sounds(tmp_path_factory, clips):
    """Clips joined to different lengths, and a sound too short for any row."""
    spoken = np.concatenate([soundfile.read(clip.path, dtype="float32")[0] for clip in clips[:4]])
    folder = tmp_path_factory.mktemp("sounds")
    paths = []
    for number, samples in enumerate([spoken, spoken[:50_000], np.tile(spoken, 4), spoken[:100]]):
        paths.append(folder / f"{number}.wav")
        soundfile.write(paths[-1], samples, RATE, subtype="FLOAT")
    return paths


def find_probabilities(diarizer, path):
    samples = soundfile.read(path, dtype="float32")[0]
    mel, stream = MelStream(diarizer.config.features), diarizer.begin(OFFLINE)
    parts = [stream.feed(mel.push(samples)), stream.feed(mel.finish()), stream.finish()]
    return np.concatenate(parts)


def test_speakers_are_those_of_the_model_alone_and_words_those_without(
    transcriber, diarizer, sounds
):
    plain = {each.path: each.transcript for each in transcriber.transcribe_many(sounds)}
    options = SpeakerOptions(diarizer, 2, ("Ann",))
    found = list(transcriber.transcribe_many(sounds, speakers=options))
    assert {each.path for each in found} == set(sounds)
    delay_s = find_word_delay(transcriber.revision, transcriber.lookahead)
    for each in found:
        probabilities = find_probabilities(diarizer, each.path)
        assert len(probabilities) == int(plain[each.path].duration * 100)
        assert each.transcript == add_speakers(
            plain[each.path], probabilities, most=2, names=("Ann",), delay_s=delay_s
        )
        assert all(word.label in ("Ann", "Speaker 2") for word in each.transcript.words)
        capped = cap_speakers(probabilities, 2)
        assert bool(each.transcript.turns) == bool((capped > 0.5).any())


def test_a_file_and_its_samples(transcriber, diarizer, sounds):
    samples = soundfile.read(sounds[0], dtype="float32")[0]
    by_path = transcriber.transcribe(sounds[0], speakers=diarizer)
    assert transcriber.transcribe(samples, speakers=diarizer) == by_path
    assert by_path.turns


def test_channels_are_speakers_without_a_model(transcriber, sounds, tmp_path):
    (spoken, short), separate = sounds[:2], SoundOptions(channels="separate")
    long, rate = soundfile.read(spoken, dtype="float32")
    other = np.zeros_like(long)
    other[-50_000:] = soundfile.read(short, dtype="float32")[0]
    soundfile.write(tmp_path / "call.wav", np.stack([long, other], axis=1), rate)
    options = SpeakerOptions(None, None, ("Ann",))
    call, mono = transcriber.transcribe_many(
        [tmp_path / "call.wav", spoken], sound=separate, speakers=options
    )
    assert {(word.channel, word.label) for word in call.transcript.words} == {
        ("left", "Ann"),
        ("right", "Speaker 2"),
    }
    assert {(word.channel, word.label) for word in mono.transcript.words} == {(None, "Ann")}
    assert call.transcript.turns
    assert mono.transcript.turns


def test_what_does_not_fit_is_refused_at_once(transcriber, diarizer, tmp_path):
    with pytest.raises(UsageError, match="Each separate channel is a speaker"):
        transcriber.transcribe_many(
            ["a"], sound=SoundOptions(channels="separate"), speakers=diarizer
        )
    with pytest.raises(UsageError, match="speakers needs a diarization model"):
        transcriber.transcribe_many(["a"], speakers=SpeakerOptions(None))
    with pytest.raises(UsageError, match="speakers takes a diarization model"):
        transcriber.transcribe(speech_like(1), speakers="demo")
    other = nemocli.load_diarizer(write_tiny_diarizer(tmp_path / "other"), runtime="numpy")
    with pytest.raises(ModelError, match="another mel front end"):
        transcriber.transcribe_many(["a"], speakers=other)


@pytest.mark.parametrize(
    ("most", "names", "complaint"),
    [
        (0, (), "max_speakers takes at least 1, not 0"),
        (1, ("Ann", "Ben"), "names has 2 names, and max_speakers is 1"),
        (None, ("Ann", "Ann"), "different names"),
        (None, ("Speaker 1",), "what speakers without a name are called"),
    ],
)
def test_options_that_make_no_sense(most, names, complaint):
    with pytest.raises(UsageError, match=complaint):
        SpeakerOptions(None, most, names)
