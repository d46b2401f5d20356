"""A live stream: where segments end, what silence does, and a model that fell asleep."""

import numpy as np
import pytest

import nemocli
from nemocli.live.clock import SoundClock
from nemocli.live.lags import Lags
from nemocli.live.loudness import SILENCE, Loudness
from nemocli.live.stream import LiveStream, StreamEvent, StreamLimits
from nemocli.transcript.events import Final, Partial
from tests.live.deaf import Deaf

PACKET = 1600


@pytest.fixture(scope="module")
def transcriber():
    return nemocli.load("demo")


def run(stream, *sounds):
    """All events of a stream that hears sounds one after the other, in packets."""
    sound = np.concatenate(sounds)
    events = []
    for start in range(0, len(sound), PACKET):
        events += stream.receive(sound[start : start + PACKET])
    return events + list(stream.finish())


def texts(events):
    return [event.segment.text for event in events if isinstance(event, Final)]


def silence(seconds):
    return np.zeros(round(16000 * seconds), np.float32)


def test_a_pause_closes_a_segment_before_the_end_of_the_sound(transcriber, clips):
    stream = LiveStream(transcriber, "auto", StreamLimits())
    sound = np.concatenate([clips[0].samples, silence(2)])
    events = []
    for start in range(0, len(sound), PACKET):
        events += stream.receive(sound[start : start + PACKET])
    assert texts(events) == [clips[0].text]
    assert any(isinstance(event, Partial) for event in events)
    assert texts(stream.finish()) == []


def test_silence_resets_and_times_go_on(transcriber, clips):
    limits = StreamLimits(reset=3.0)
    parts = (clips[0].samples, silence(5), clips[1].samples, silence(1))
    events = run(LiveStream(transcriber, "auto", limits), *parts)
    assert texts(events) == [clips[0].text, clips[1].text]
    assert [e.kind for e in events if isinstance(e, StreamEvent)] == ["reset"]
    second = [event for event in events if isinstance(event, Final)][1].segment
    begin = (len(parts[0]) + len(parts[1])) / 16000
    assert begin - 0.1 <= second.start < second.end <= begin + len(parts[2]) / 16000 + 0.5


def test_no_word_ends_after_its_sound(transcriber, clips):
    sound = clips[0].samples
    for end in range(16000, len(sound), 1000):  # in the middle of words, and of frames
        events = run(LiveStream(transcriber, "auto", StreamLimits()), sound[:end])
        for event in events:
            assert event.segment.start <= event.segment.end <= round(end / 16000, 3)


def test_lost_sound_moves_the_times_of_what_follows(transcriber, clips):
    stream = LiveStream(transcriber, "auto", StreamLimits())
    before = texts(stream.receive(silence(1)))
    events = list(stream.receive(clips[0].samples, lost=100.0)) + list(stream.finish())
    finals = [event for event in events if isinstance(event, Final)]
    assert before == []
    assert 101 <= finals[0].segment.start < 104


def test_a_model_that_fell_asleep_is_woken_and_nothing_is_lost(transcriber, clips):
    stream = LiveStream(Deaf(transcriber, 0), "auto", StreamLimits(rescue=1.0))
    events = run(stream, clips[0].samples, silence(2))
    assert texts(events) == [clips[0].text]
    rescued = [event for event in events if isinstance(event, StreamEvent)]
    assert [event.kind for event in rescued] == ["rescued"]
    assert 1.0 <= rescued[0].seconds <= len(clips[0].samples) / 16000


def test_without_rescue_it_stays_asleep(transcriber, clips):
    stream = LiveStream(Deaf(transcriber, 0), "auto", StreamLimits(rescue=0))
    assert texts(run(stream, clips[0].samples, silence(2))) == []


def test_the_clock_runs_on_where_sound_is_missing():
    clock = SoundClock(10.0)
    clock.skip(2.0, 5.0)
    clock.skip(4.0, 1.0)
    assert [clock.locate(position) for position in (0, 1.9, 2.0, 3.9, 4.0)] == [
        10,
        11.9,
        17,
        18.9,
        20,
    ]
    clock.forget(3.0)
    assert clock.locate(3.9) == 18.9


def test_the_clock_does_not_drift_by_a_thousand_resets():
    clock = SoundClock(0.0)
    for _ in range(1000):
        clock = SoundClock(clock.locate_exactly(30.00044))
    assert clock.locate(0) == 30000.44


def test_lags():
    lags = Lags()
    assert (lags.mean, lags.compute_percentile(95)) == (0, 0)
    for n in range(100):
        lags.add(n / 100)
    assert lags.mean == pytest.approx(0.495)
    assert lags.compute_percentile(95) == pytest.approx(0.94, abs=0.006)


def test_loudness_is_judged_against_the_quiet_around():
    loudness, rng = Loudness(), np.random.default_rng(0)
    loudness.measure(silence(1))
    assert (loudness.level, round(loudness.quiet, 2), loudness.loud) == (SILENCE, 0.96, 0)
    for _ in range(60):  # a fan is no speech once one is used to it
        loudness.measure((0.01 * rng.normal(size=16000)).astype(np.float32))
    assert loudness.level == pytest.approx(-40, abs=1)
    assert loudness.quiet > 1
    loudness.restart()
    loudness.measure((0.2 * rng.normal(size=16000)).astype(np.float32))
    assert loudness.loud == pytest.approx(1, abs=0.1)
    assert loudness.quiet == 0


def hear(stream, sound):
    """The events of a sound whose end is not known to the stream."""
    events = []
    for start in range(0, len(sound), PACKET):
        events += stream.receive(sound[start : start + PACKET])
    return events


@pytest.mark.parametrize("lookahead", [0, 3, 13])
def test_a_sentence_is_not_held_back_when_the_sound_stops_coming(clips, lookahead):
    """As a pipe that stalls behind it, however little silence came with it."""
    stream = LiveStream(nemocli.load("demo", lookahead=lookahead), "auto", StreamLimits())
    heard, begins = [], []
    for clip in clips[:4]:
        begins.append(sum(map(len, heard)) / 16000)
        heard.append(clip.samples)
        events = hear(stream, clip.samples)
        for seconds in np.arange(0, 1.0, 0.05):
            events += stream.wait(seconds)
        assert texts(events) == [clip.text]
        assert list(stream.wait(100.0)) == []
        (segment,) = (event.segment for event in events if isinstance(event, Final))
        assert begins[-1] <= segment.start < segment.end <= begins[-1] + len(clip.samples) / 16000
    assert texts(stream.finish()) == []


def test_sound_that_breaks_off_in_a_word_goes_on_as_if_it_had_not(transcriber, clips):
    """A burst over a network may end anywhere; words and segments are those of the whole."""
    sound = np.concatenate([clips[0].samples, silence(1.0), clips[1].samples, silence(1.0)])
    whole = LiveStream(transcriber, "auto", StreamLimits())
    expected = texts(hear(whole, sound)) + texts(whole.finish())
    assert len(expected) == 2
    spoken = np.abs(clips[0].samples) > 0.1
    for cut in np.flatnonzero(spoken)[:: spoken.sum() // 5]:
        stream = LiveStream(transcriber, "auto", StreamLimits())
        events = hear(stream, sound[:cut]) + list(stream.wait(5.0)) + hear(stream, sound[cut:])
        assert texts(events) + texts(stream.finish()) == expected
    assert texts(list(stream.wait(100.0))) == []


def test_what_breaks_off_for_long_has_ended(transcriber, clips):
    loud = np.flatnonzero(np.abs(clips[0].samples) > 0.1)[-1]
    stream = LiveStream(transcriber, "auto", StreamLimits())
    events = hear(stream, clips[0].samples[:loud])
    assert texts(list(stream.wait(5.0))) == []
    said = texts([*events, *stream.wait(20.0)])
    whole = LiveStream(transcriber, "auto", StreamLimits())
    assert said == texts(run(whole, clips[0].samples[:loud])) != []


@pytest.mark.parametrize("gap", [0.0, 100.0])
def test_what_is_interrupted_is_ended_and_not_glued_to_what_follows(transcriber, clips, gap):
    """However little silence there is between both."""
    stream = LiveStream(transcriber, "auto", StreamLimits())
    finals, begins, position = [], [], 0.0
    for clip in clips[:3]:
        loud = np.flatnonzero(np.abs(clip.samples) > 0.02)
        spoken = clip.samples[loud[0] : loud[-1]]
        begins.append(position)
        events = hear(stream, spoken) + list(stream.interrupt(gap)) + list(stream.interrupt())
        finals += [event.segment for event in events if isinstance(event, Final)]
        position += len(spoken) / 16000 + gap
    assert [segment.text for segment in finals] == [clip.text for clip in clips[:3]]
    assert [segment.id for segment in finals] == [0, 1, 2]
    for segment, begin in zip(finals, begins, strict=True):
        assert begin <= segment.start < segment.end <= begin + 10
    assert texts(stream.finish()) == []


def test_an_interruption_in_a_word_doubles_nothing(transcriber, clips):
    """What follows it is transcribed as if nothing had been before."""
    sound = clips[0].samples
    for cut in range(8000, len(sound), 8000):
        stream = LiveStream(transcriber, "auto", StreamLimits())
        hear(stream, sound[:cut])
        list(stream.interrupt(5.0))
        events = hear(stream, sound[cut:]) + list(stream.finish())
        alone = run(LiveStream(transcriber, "auto", StreamLimits()), sound[cut:])
        assert texts(events) == texts(alone)
        starts = [event.segment.start for event in events if isinstance(event, Final)]
        assert all(start >= cut / 16000 + 5.0 for start in starts)
