"""The demo diarizer on the bundled conversation: each of its words has its right speaker."""

import json

import numpy as np
import pytest
import soundfile

import nemocli
from nemocli.diarization.transcripts import add_speakers
from nemocli.diarization.turns import find_turns
from nemocli.engine.mel import MelStream
from nemocli.models.load_diarizer import load_diarizer
from nemocli.models.word_delays import find_word_delay

#: Share of the rows within words: espeak-ng says where phonemes begin, and pauses are among them.
MOST_WRONG = 0.1


MODES = ("offline", "large_chunk", "low_latency")


@pytest.fixture(scope="module")
def folder(demo):
    return demo.parent / "clips"


@pytest.fixture(scope="module")
def truth(folder):
    return json.loads((folder / "conversation.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def sound(folder, truth):
    return soundfile.read(folder / truth["file"], dtype="float32")[0]


@pytest.fixture(scope="module")
def found(sound):
    """Probabilities by mode."""
    with load_diarizer("demo") as diarizer:
        mel = MelStream(diarizer.config.features)
        rows = np.concatenate([mel.push(sound), mel.finish()])
        return {
            mode: np.concatenate([(stream := diarizer.begin(mode)).feed(rows), stream.finish()])
            for mode in MODES
        }


@pytest.fixture(scope="module")
def transcript(sound, truth):
    with nemocli.load("demo") as transcriber:
        session = transcriber.session(truth["lang"])
        session.feed(sound)
        return session.finish(), find_word_delay(transcriber.revision, transcriber.lookahead)


def test_the_words_are_right(transcript, truth):
    assert transcript[0].text == truth["text"]
    assert len(transcript[0].words) == len(truth["words"])


@pytest.mark.parametrize("mode", MODES)
def test_every_word_has_its_speaker(transcript, found, truth, mode):
    words, delay_s = transcript
    spoken = add_speakers(words, found[mode], delay_s=delay_s).words
    given = [(word.text, word.speaker and word.speaker.number) for word in spoken]
    assert given == [(text, speaker) for text, _, _, speaker in truth["words"]]


@pytest.mark.parametrize("mode", MODES)
def test_who_is_active_while_words_are_said(found, truth, mode):
    """Only its speaker, in most of a word: found turns are those of the conversation."""
    active = found[mode] > 0.5
    others = missed = rows = 0
    for _, start, end, speaker in truth["words"]:
        word = active[round(start * 100) : round(end * 100)]
        rows += len(word)
        missed += int((~word[:, speaker]).sum())
        others += int(np.delete(word, speaker, axis=1).any(1).sum())
    assert missed < MOST_WRONG * rows
    assert others < MOST_WRONG * rows
    speakers = (turn.speaker.number for turn in find_turns(found[mode]))
    assert list(dict.fromkeys(speakers)) == [0, 1, 2], "by arrival, and nobody else"


def test_nobody_speaks_in_silence():
    with load_diarizer("demo") as diarizer:
        mel = MelStream(diarizer.config.features)
        silence = np.concatenate([mel.push(np.zeros(480_000, np.float32)), mel.finish()])
        for mode in MODES:
            stream = diarizer.begin(mode)
            rows = np.concatenate([stream.feed(silence), stream.finish()])
            assert not (rows > 0.5).any(), mode
