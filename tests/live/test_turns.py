"""Turns of a live stream: their text only grows, and is the text of the sound."""

import numpy as np
import pytest

import nemocli
from nemocli.live.stream import StreamLimits
from nemocli.live.turns import TurnCleared, TurnStarted, TurnStream, TurnText
from tests.live.deaf import Deaf


@pytest.fixture(scope="module")
def transcriber():
    return nemocli.load("demo")


def silence(seconds):
    return np.zeros(round(16000 * seconds), np.float32)


def turns(events):
    """Check the order of the events; return the turns."""
    ended, text, is_begun = [], "", False
    for event in events:
        if isinstance(event, TurnStarted):
            assert not is_begun
            is_begun = True
        elif isinstance(event, TurnText):
            assert is_begun and event.text
            text += event.text
        else:
            assert event.text == text
            ended.append(event)
            text, is_begun = "", False
    assert not is_begun
    return ended


def receive(stream, sound, size=2000):
    for start in range(0, len(sound), size):
        yield from stream.receive(sound[start : start + size])


def test_a_pause_ends_a_turn_and_times_go_on(transcriber, clips):
    parts = [clips[0].samples, silence(2), clips[1].samples, silence(2)]
    stream = TurnStream(transcriber, "auto", StreamLimits(), ends_at_pauses=True)
    ended = turns(receive(stream, np.concatenate(parts)))
    assert [turn.text for turn in ended] == [clips[0].text, clips[1].text]
    begin = (len(parts[0]) + len(parts[1])) / 16000
    assert ended[0].end < begin < ended[1].start + 0.2
    assert ended[1].end <= stream.seconds


@pytest.mark.parametrize("size", [700, 4800, 1_000_000])
def test_without_pauses_the_text_is_that_of_a_file(transcriber, clips, size):
    sound = np.concatenate([clip.samples for clip in clips])
    limits = StreamLimits(endpoint=float("inf"), reset=0, rescue=0)
    stream = TurnStream(transcriber, "auto", limits, ends_at_pauses=False)
    for _ in range(2):
        events = [*receive(stream, sound, size), *stream.end_turn()]
        (turn,) = turns(events)
        assert turn.text == transcriber.transcribe(sound).text
        assert sum(isinstance(event, TurnText) for event in events) > (5 if size < 10000 else 1)


def test_a_turn_without_words_has_an_end(transcriber):
    limits = StreamLimits(endpoint=float("inf"))
    stream = TurnStream(transcriber, "auto", limits, ends_at_pauses=False)
    (ended,) = [*stream.receive(silence(1)), *stream.end_turn()]
    assert (ended.text, ended.words, ended.start) == ("", (), 1.0)


def test_what_is_cleared_gives_no_text(transcriber, clips):
    limits = StreamLimits(endpoint=float("inf"))
    stream = TurnStream(transcriber, "auto", limits, ends_at_pauses=False)
    assert TurnText in map(type, [*stream.receive(clips[0].samples)])
    assert [*stream.clear()] == [TurnCleared()]
    (turn,) = turns([*stream.receive(clips[1].samples), *stream.end_turn()])
    assert turn.text == clips[1].text
    assert turn.start >= len(clips[0].samples) / 16000


def test_a_rescue_only_adds_text(transcriber, clips):
    """Sound that gave no words is transcribed once more, within the turn or as another one."""
    limits = StreamLimits(rescue=1.0)
    stream = TurnStream(Deaf(transcriber, 0), "auto", limits, ends_at_pauses=True)
    events = [*receive(stream, np.concatenate([clips[0].samples, silence(3)])), *stream.end_turn()]
    assert " ".join(turn.text for turn in turns(events)).strip() == clips[0].text
