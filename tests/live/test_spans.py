"""Short words that a model forgot: transcribed once more, in their place, and never twice."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nemocli
from nemocli.live.spans import Allowance, SpanFinder
from nemocli.live.stream import LiveStream, StreamEvent, StreamLimits
from nemocli.live.turns import TurnEnded, TurnStream
from nemocli.transcript.events import Final
from tests.live.deaf import Deaf
from tests.live.forgetful import ForgetfulTranscriber, burst, name

PACKET = 1600


def hear(stream, sound):
    events = []
    for start in range(0, len(sound), PACKET):
        events += stream.receive(sound[start : start + PACKET])
    return events


def silence(seconds):
    return np.zeros(round(16000 * seconds), np.float32)


def finals(events):
    return [event.segment for event in events if isinstance(event, Final)]


def count_rescues(events):
    return sum(isinstance(event, StreamEvent) and event.kind == "rescued" for event in events)


#: Which bursts of a session a model writes: some fall asleep, others miss a word now and then.
RULES = {
    "all": lambda n: True,
    "the first of a session": lambda n: n == 0,
    "every other": lambda n: n % 2 == 0,
    "all but the second": lambda n: n != 1,
}

#: Number, seconds, and seconds of silence behind it.
WORD = st.tuples(st.integers(10, 90), st.floats(0.3, 5.0), st.floats(1.5, 4.0))
SPOKEN = st.lists(WORD, min_size=1, max_size=6)


@settings(max_examples=25, deadline=None)
@given(SPOKEN, st.sampled_from(sorted(RULES)), st.integers(0, 4))
def test_each_word_is_there_once_and_in_its_place(spoken, rule, delay):
    check_words(spoken, RULES[rule], delay)


@settings(max_examples=15, deadline=None)
@given(st.lists(WORD, max_size=3), st.integers(5, 20))
def test_a_word_that_comes_late_is_there_once(spoken, delay):
    """Its span was transcribed again meanwhile."""
    check_words(spoken, RULES["all"], delay)


def check_words(spoken, rule, delay):
    pieces, expected, at = [silence(1.0)], [], 1.0
    for number, seconds, pause in spoken:
        expected.append((name(number / 100), at))
        pieces += [burst(number, seconds), silence(pause)]
        at += seconds + pause
    stream = LiveStream(ForgetfulTranscriber(rule, delay), "auto", StreamLimits())
    segments = finals([*hear(stream, np.concatenate(pieces)), *stream.finish()])
    words = [word for segment in segments for word in segment.words]
    assert [word.text for word in words] == [text for text, _ in expected]
    assert [word.start for word in words] == pytest.approx([at for _, at in expected], abs=0.17)
    assert [segment.id for segment in segments] == list(range(len(segments)))
    assert all(before.end <= after.start for before, after in pairwise(words))


@pytest.mark.parametrize("rule", ["all", "all but the second"])
@pytest.mark.parametrize("end", ["finish", "interrupt", "wait"])
def test_the_last_word_comes_once_however_its_sound_ends(end, rule):
    stream = LiveStream(ForgetfulTranscriber(RULES[rule]), "auto", StreamLimits())
    sound = np.concatenate([burst(20, 0.5), silence(2), burst(30, 0.4), silence(0.2)])
    events = hear(stream, sound)
    events += {"finish": stream.finish, "interrupt": stream.interrupt, "wait": lambda: ()}[end]()
    if end == "wait":
        events += stream.wait(100.0)
    assert [segment.text for segment in finals(events)] == ["w20", "w30"]


def test_a_word_after_a_rescue_of_long_sound_is_found_too():
    """Positions are those of the session that was given the sound once more."""
    transcriber = ForgetfulTranscriber(lambda n: len(transcriber.sessions) > 1 and n == 0)
    stream = LiveStream(transcriber, "auto", StreamLimits())
    sound = np.concatenate([burst(20, 9.0), silence(2), burst(30, 0.5), silence(2)])
    events = hear(stream, sound)
    assert [segment.text for segment in finals(events)] == ["w20", "w30"]
    assert finals(events)[1].start == pytest.approx(11.0, abs=0.17)
    assert stream.span_attempts == 1


@pytest.mark.parametrize(
    "limits", [StreamLimits(rescue=0), StreamLimits(shortest_span=0)], ids=["none", "no spans"]
)
def test_it_can_be_switched_off(limits):
    stream = LiveStream(ForgetfulTranscriber(RULES["the first of a session"]), "auto", limits)
    sound = np.concatenate([burst(20, 0.5), silence(2), burst(30, 0.5), silence(2)])
    assert [s.text for s in finals([*hear(stream, sound), *stream.finish()])] == ["w20"]


@pytest.mark.parametrize("kind", ["never", "when alone"])
def test_noise_is_not_transcribed_again_for_ever(kind):
    """Neither where nothing comes of it, nor where a model invents words as soon as it is fresh."""
    transcriber = ForgetfulTranscriber({"never": lambda n: False, "when alone": None}[kind])
    minutes = 5
    if kind == "when alone":
        # A session that is given a span alone has few samples when the burst ends.
        transcriber.remembers = lambda n: transcriber.sessions[-1].samples < 16000 * 1.8
    stream = LiveStream(transcriber, "auto", StreamLimits(rescue=8.0))
    sound = np.tile(np.concatenate([silence(2.0), burst(40, 0.5)]), round(minutes * 60 / 2.5))
    events = hear(stream, sound)
    again = sum(session.samples for session in transcriber.sessions) - len(sound)
    assert count_rescues(events) <= stream.span_attempts <= minutes + 3
    assert (count_rescues(events) == 0) == (kind == "never")
    # What is transcribed again for `StreamLimits.rescue` is bounded too, and more.
    assert again / len(sound) < 0.35


@pytest.mark.parametrize(
    ("spans", "least", "most"), [("-", 24, 30), ("w---", 24, 30), ("www-", 290, 300)]
)
def test_attempts_in_an_hour(spans, least, most):
    """Fewer than one a minute without words, and where a model invents one now and then.

    For each span of speech without a word there is one.
    """
    allowance = Allowance()
    taken = 0
    for span in spans * (1200 // len(spans)):  # one each 3 seconds
        allowance.pass_time(3.0)
        allowance.note_span(has_word=span == "w")
        taken += span == "-" and allowance.take()
    assert least <= taken <= most


def test_steady_noise_is_no_span_and_a_word_in_it_is_one():
    finder = SpanFinder()
    finder.add([-45.0] * 50)
    finder.forget()
    finder.add([-45.5, -44.5] * 20)
    assert finder.span is None
    finder.add([-20.0] * 5 + [-45.0] * 10)
    assert finder.span is not None
    assert finder.span.seconds == pytest.approx(0.4)
    assert finder.span.begin == pytest.approx(90 * 0.08)


@pytest.mark.parametrize("ends_at_pauses", [True, False])
def test_turns_of_a_server_have_them_too(ends_at_pauses):
    transcriber = ForgetfulTranscriber(RULES["the first of a session"])
    stream = TurnStream(transcriber, "auto", StreamLimits(), ends_at_pauses)
    events = []
    for number in (20, 30, 40):
        events += stream.receive(np.concatenate([burst(number, 0.5), silence(2)]))
    events += stream.end_turn()
    texts = [event.text for event in events if isinstance(event, TurnEnded) and event.text]
    assert texts == (["w20", "w30", "w40"] if ends_at_pauses else ["w20 w30 w40"])


def test_a_sentence_that_the_demo_lost_comes_back(clips):
    sounds = [clips[0].samples, silence(2), clips[1].samples, silence(2), clips[2].samples]
    transcriber = Deaf(nemocli.load("demo"), len(sounds[0]) + len(sounds[1]))
    stream = LiveStream(transcriber, "auto", StreamLimits())
    events = [*hear(stream, np.concatenate(sounds)), *stream.finish()]
    assert [segment.text for segment in finals(events)] == [clip.text for clip in clips[:3]]
    assert count_rescues(events) == 1
    begin = (len(sounds[0]) + len(sounds[1])) / 16000
    second = finals(events)[1]
    assert begin <= second.start < second.end <= begin + len(sounds[2]) / 16000 + 0.5
