"""Aligned words of a live stream: near their sound, on its own side of gaps, and final."""

import json
from itertools import pairwise

import numpy as np
import pytest
import soundfile

import nemocli
from nemocli.live.stream import LiveStream, StreamLimits
from nemocli.models.paths import find_demo_folder
from nemocli.transcript.events import Final, Partial

CLIPS = find_demo_folder().parent / "clips"
TRUTH = json.loads((CLIPS / "word-times.json").read_text(encoding="utf-8"))
NAMES = ("en-US-1.flac", "de-DE-2.flac", "fr-FR-1.flac")
PACKET = 1600


@pytest.fixture(scope="module")
def transcriber():
    return nemocli.load("demo")


def read(name):
    return soundfile.read(CLIPS / name, dtype="float32")[0]


def feed(stream, sound):
    events = []
    for start in range(0, len(sound), PACKET):
        events += stream.receive(sound[start : start + PACKET])
    return events


def words_of(events):
    return [word for event in events if isinstance(event, Final) for word in event.segment.words]


def late(words, name, base):
    """How late starts and ends are, in seconds."""
    assert [word.text for word in words] == [text for text, _, _ in TRUTH[name]]
    true = TRUTH[name]
    return [
        (word.start - base - start, word.end - base - end)
        for word, (_, start, end) in zip(words, true, strict=True)
    ]


def test_words_are_near_their_sound_on_both_sides_of_an_interruption(transcriber):
    stream = LiveStream(transcriber, "auto", StreamLimits(), "auto")
    base, before = 0.0, None
    for name in NAMES:
        sound = read(name)
        words = words_of([*feed(stream, sound), *stream.interrupt(gap=7.5)])
        assert np.abs(late(words, name, base)).mean() < 0.05
        assert base <= words[0].start and words[-1].end <= base + len(sound) / 16000
        for one, other in pairwise(words):
            assert one.start < one.end <= other.start
        assert before is None or before.end < words[0].start
        base, before = base + len(sound) / 16000 + 7.5, words[-1]


def test_a_word_whose_token_comes_after_a_loss_of_sound_stays_before_it(transcriber):
    sound = read(NAMES[0])
    end = round(16000 * (TRUTH[NAMES[0]][-1][2] + 0.05))
    silence = np.zeros(16000, np.float32)
    for align, is_before in ((None, False), ("auto", True)):
        stream = LiveStream(transcriber, "auto", StreamLimits(), align)
        events = [*feed(stream, sound[:end]), *stream.receive(silence, lost=100.0)]
        last = words_of([*events, *stream.finish()])[-1]
        assert (last.end <= end / 16000) == is_before


def test_what_was_shown_before_the_last_word_is_final(transcriber):
    stream = LiveStream(transcriber, "auto", StreamLimits(), "auto")
    events = [*feed(stream, read(NAMES[1])), *stream.finish()]
    words = words_of(events)
    for event in events:
        if isinstance(event, Partial):
            shown = list(event.segment.words)
            assert shown[:-1] == words[: len(shown) - 1]
            assert shown[-1].start == words[len(shown) - 1].start
