"""Speakers of a live stream: finals wait for them, on one clock, and are never lost."""

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nemocli
from nemocli.diarization.modes import DiarizationMode
from nemocli.diarization.transcripts import add_speakers
from nemocli.engine.mel import MelStream
from nemocli.errors import NemocliError, UnsupportedError
from nemocli.live.speaker_mode import choose_live_mode
from nemocli.live.speaker_rows import SpeakerRows
from nemocli.live.speaker_stream import SpeakerLiveStream
from nemocli.live.stream import LiveStream, StreamEvent, StreamLimits
from nemocli.network.features import FeatureConfig
from nemocli.transcript.events import Final, Partial
from nemocli.transcript.segments import Segment
from tests.diarizers import write_tiny_diarizer
from tests.words import spoken

FEATURES = FeatureConfig(16000, 512, 400, 160, 20, 0.97)
MODE = DiarizationMode("low_latency", 9, 4, 0, 264, 222, False, 13, 541)
RATE = 16000


class LoudnessDiarizer:
    """Takes a speaker for active where his tone is heard, a chunk at a time, with frames ahead.

    It may be kept from going on by `go_on`, and fails once `failure` is there.
    """

    def __init__(self):
        self.config = SimpleNamespace(features=FEATURES, num_speakers=3)
        self.go_on = threading.Event()
        self.go_on.set()
        self.failure = None

    def begin(self, mode, most_remembered=None):
        return LoudnessStream(self)


class LoudnessStream:
    def __init__(self, owner):
        self.owner, self.mode = owner, MODE
        self.rows = np.zeros((0, FEATURES.num_mels), np.float32)

    def feed(self, rows):
        self.owner.go_on.wait()
        if self.owner.failure:
            raise self.owner.failure
        self.rows = np.concatenate([self.rows, rows])
        return self.decide(max(0, (len(self.rows) // 8 - MODE.lookahead) // MODE.chunk))

    def finish(self):
        return self.decide(-(-len(self.rows) // 72))

    def decide(self, chunks):
        decided, self.rows = self.rows[: 72 * chunks], self.rows[72 * chunks :]
        loud = decided > decided.max(axis=1, keepdims=True, initial=-99) - 0.5
        is_sound = decided.max(axis=1, initial=-99) > -5
        loudest = loud.argmax(axis=1)
        found = np.zeros((len(decided), 3), np.float32)
        for number, band in enumerate(BANDS):
            found[:, number] = is_sound & (loudest == band)
        return found


def tone(number, seconds):
    """Return the sound of a speaker."""
    frequency = (300, 1000, 3000)[number]
    return np.sin(2 * np.pi * frequency * np.arange(round(seconds * RATE)) / RATE).astype("f") * 0.3


#: The loudest mel band of each tone.
BANDS = [int(MelStream(FEATURES).push(tone(number, 0.2))[10].argmax()) for number in range(3)]


def quiet(seconds):
    return np.zeros(round(seconds * RATE), np.float32)


class ScriptedStream:
    """Gives each final when the sound reaches a time, in the place of a LiveStream."""

    lang, language, level, is_senseless = "auto", None, -20.0, False

    def __init__(self, finals):
        self.finals = list(finals)
        self.clock, self.count = 0.0, 0

    def receive(self, samples, lost=0.0):
        self.clock += lost + len(samples) / RATE
        yield from self.wait(0)

    def wait(self, seconds):
        while self.finals and self.finals[0][0] <= self.clock + 1e-6:
            words = tuple(self.finals.pop(0)[1])
            yield Partial(Segment(self.count, words[:1]), None)
            yield Final(Segment(self.count, words), None)
            self.count += 1

    def interrupt(self, gap=0.0):
        self.clock += gap
        yield from ()

    def finish(self):
        self.clock = float("inf")
        yield from self.wait(0)


def open_stream(finals, diarizer=None, may_wait=True, **more):
    """Open a stream of speakers that waits for their model, so that none is left out."""
    rows = SpeakerRows(diarizer or LoudnessDiarizer(), "low_latency", may_wait=may_wait)
    return SpeakerLiveStream(ScriptedStream(finals), rows, **more)


def feed(stream, *sounds, packet=1600):
    samples = np.concatenate(sounds)
    events = []
    for at in range(0, len(samples), packet):
        events += stream.receive(samples[at : at + packet])
    return events


def wait_until(stream, is_enough, seconds=0.0):
    """Let a stream wait, without sound for `seconds`, until its thread has given enough events."""
    events = []
    for _ in range(6000):
        events += stream.wait(seconds)
        if is_enough(events):
            return events
        time.sleep(0.01)
    raise AssertionError(events)


def finals(events):
    return [(e.segment.label, e.segment.text) for e in events if isinstance(e, Final)]


def check_order(events):
    """Check what each reader of events relies on."""
    count = 0
    for event in events:
        if isinstance(event, Final):
            assert event.segment.id == count
            count += 1
        elif isinstance(event, Partial):
            assert event.segment.id == count
            assert all(word.speaker is None for word in event.segment.words)


def test_a_final_is_a_partial_until_its_rows_are_decided_and_is_split_between_words():
    stream = open_stream([(2.0, spoken("one two three four", 0.1, 0.5))], names=("Ann",))
    events = feed(stream, tone(0, 1.1), tone(1, 0.9))
    assert finals(events) == []
    assert events[-1].segment.text == "one two three four"
    more = feed(stream, quiet(1.5))
    more += wait_until(stream, lambda found: len(finals(more + found)) == 2)
    check_order(events + more)
    assert finals(more) == [("Ann", "one two"), ("Speaker 2", "three four")]


def test_a_pause_does_not_hold_a_final_back():
    stream = open_stream([(1.0, spoken("yes", 0.2)), (62.0, spoken("no", 61.2))])
    events = feed(stream, tone(2, 1.0))
    events += stream.interrupt(60.0)
    events += wait_until(stream, finals)
    assert finals(events) == [("Speaker 1", "yes")]
    events += feed(stream, tone(1, 1.0))
    assert len(finals(events)) == 1
    events += wait_until(stream, finals, seconds=1.0)  # no more sound comes: none is waited for
    assert finals(events)[1:] == [("Speaker 2", "no")]
    check_order(events)


def test_lost_sound_is_on_the_clock():
    stream = open_stream([(9.0, spoken("one two", 0.2, 8.0))])
    events = feed(stream, tone(0, 1.0))
    events += stream.receive(tone(1, 1.0), lost=7.0)
    events += stream.finish()
    check_order(events)
    assert finals(events) == [("Speaker 1", "one"), ("Speaker 2", "two")]


@settings(max_examples=20)
@given(
    st.lists(
        st.tuples(st.sampled_from(["on", "lost", "pause"]), st.integers(0, 2)),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from([700, 1600, 5000]),
)
def test_words_have_the_speaker_of_their_second(parts, packet):
    """Each part is a second of one speaker, behind the one before, lost sound, or a pause."""
    script, sounds, clock = [], [], 0.0
    for number, (kind, speaker) in enumerate(parts):
        gap = {"on": 0.0, "lost": 0.7, "pause": 3.2}[kind] if number else 0.0
        clock += gap
        script.append((clock + 1.0, spoken(f"w{number}", clock + 0.4), speaker))
        sounds.append((kind, gap, tone(speaker, 1.0)))
        clock += 1.0
    stream = open_stream([(at, words) for at, words, _ in script])
    events = []
    for kind, gap, samples in sounds:
        events += stream.interrupt(gap) if kind == "pause" and gap else []
        for at in range(0, len(samples), packet):
            lost = gap if kind == "lost" and at == 0 else 0.0
            events += stream.receive(samples[at : at + packet], lost)
    events += stream.finish()
    check_order(events)
    order = list(dict.fromkeys(speaker for *_, speaker in script))  # of their first words
    assert finals(events) == [
        (f"Speaker {order.index(speaker) + 1}", words[0].text) for _, words, speaker in script
    ]


def test_text_goes_on_without_speakers_when_their_model_fails():
    diarizer = LoudnessDiarizer()
    stream = open_stream([(1.0, spoken("one", 0.2)), (4.0, spoken("two", 3.2))], diarizer)
    events = feed(stream, tone(0, 3.0))
    diarizer.failure = NemocliError("out of order")
    events += feed(stream, tone(0, 2.0))
    events += stream.finish()
    check_order(events)
    assert [text for _, text in finals(events)] == ["one", "two"]
    assert finals(events)[1][0] is None
    reported = [event.message for event in events if isinstance(event, StreamEvent)]
    assert reported in ([], ["words have no speaker any more: out of order"])


def test_what_the_model_is_too_slow_for_has_no_speaker_and_is_reported_once():
    diarizer = LoudnessDiarizer()
    script = [(1.0, spoken("one", 0.2)), (25.0, spoken("two", 24.2))]
    stream = open_stream(script, diarizer, may_wait=False)
    diarizer.go_on.clear()
    events = feed(stream, tone(0, 30.0))
    assert finals(events) == []
    reported = [event.message for event in events if isinstance(event, StreamEvent)]
    assert reported == ["too slow to find all speakers: some words have none"]
    diarizer.go_on.set()
    events += stream.finish()
    assert finals(events) == [("Speaker 1", "one"), (None, "two")]
    check_order(events)


def test_sound_that_can_wait_is_not_left_out():
    diarizer = LoudnessDiarizer()
    diarizer.go_on.clear()
    rows = SpeakerRows(diarizer, "low_latency", may_wait=True)

    def push():
        for second in range(30):
            rows.push(tone(1, 1.0), float(second))

    pushing = threading.Thread(target=push, daemon=True)
    pushing.start()
    pushing.join(0.2)
    assert pushing.is_alive()
    diarizer.go_on.set()
    pushing.join()
    rows.end()
    assert rows.take(0, 3000)[:, 1].all()
    assert rows.left_out == 0


def test_a_model_that_fails_lets_what_waits_go_on():
    diarizer = LoudnessDiarizer()
    diarizer.failure = NemocliError("out of order")
    rows = SpeakerRows(diarizer, "low_latency", may_wait=True)
    for second in range(30):
        rows.push(tone(1, 1.0), float(second))
    rows.end()
    assert rows.error is diarizer.failure


def test_rows_are_kept_for_a_while_only():
    rows = SpeakerRows(LoudnessDiarizer(), "low_latency", max_speakers=1)
    for second in range(400):
        rows.push(tone(1, 1.0), float(second))
        while not rows.has_decided(second - 2.0):
            time.sleep(0)
    rows.end()
    assert rows.take(39_950, 100)[:, 0].tolist() == [1.0] * 50 + [0.0] * 50
    assert rows.take(0, 100).sum() == 0
    assert rows.left_out == 0


def test_words_are_those_without_speakers_and_speakers_those_of_the_model(clips, tmp_path):
    """A random model: its rows decide, and nothing is lost or written twice."""
    transcriber = nemocli.load("demo")
    checkpoint = write_tiny_diarizer(tmp_path / "checkpoint", seed=14, mels=128)
    diarizer = nemocli.load_diarizer(checkpoint, runtime="numpy")
    samples = np.concatenate([clip.samples for clip in clips[:3]])
    plain = LiveStream(transcriber, "auto", StreamLimits())
    written = feed(plain, samples) + list(plain.finish())
    rows = SpeakerRows(diarizer, "low_latency", may_wait=True)
    stream = SpeakerLiveStream(LiveStream(transcriber, "auto", StreamLimits()), rows)
    events = feed(stream, samples) + list(stream.finish())
    check_order(events)
    mel, model = MelStream(diarizer.config.features), diarizer.begin("low_latency")
    found = [model.feed(mel.push(samples)), model.feed(mel.finish()), model.finish()]
    expected = []
    for event in written:
        if isinstance(event, Final):
            transcript = nemocli.Transcript(event.segment.words, (), None)
            expected += add_speakers(transcript, np.concatenate(found)).words
    got = [word for e in events if isinstance(e, Final) for word in e.segment.words]
    assert [word.text for word in got] == [word.text for word in expected]
    same = [a.speaker == b.speaker for a, b in zip(got, expected, strict=True)]
    assert np.mean(same) > 0.9  # who spoke before a segment is known only to the stream


class Timed:
    """A diarization model whose steps take the given seconds, by mode."""

    def __init__(self, **seconds):
        self.seconds = seconds
        self.config = SimpleNamespace(default_mode="low_latency")
        large = DiarizationMode("large_chunk", 32, 4, 0, 40, 40, False, 36, 340)
        self.modes = {"low_latency": MODE, "large_chunk": large}

    def time_step(self, mode):
        return self.seconds[mode]


@pytest.mark.parametrize(
    ("low", "large", "chosen"), [(0.3, 9.0, "low_latency"), (0.4, 1.2, "large_chunk")]
)
def test_the_mode_is_what_a_machine_can_carry(low, large, chosen):
    mode, sentence = choose_live_mode(Timed(low_latency=low, large_chunk=large))
    assert mode.name == chosen
    delay = {"low_latency": "1.0", "large_chunk": "2.9"}[chosen]
    assert f"is known {delay} s after it was said (mode {chosen}: " in sentence
    assert f"{1000 * (low if chosen == 'low_latency' else large):.0f} ms of computing" in sentence


def test_a_machine_that_can_carry_none_says_what_to_do():
    with pytest.raises(UnsupportedError, match=r"leave out --speakers, and run 'nemocli file"):
        choose_live_mode(Timed(low_latency=0.4, large_chunk=1.3))
