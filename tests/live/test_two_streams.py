"""Two streams as one: labels, one clock, and the order of what both say."""

import json
import threading

import numpy as np
import pytest

from nemocli.audio.source import LiveSource
from nemocli.errors import AudioError
from nemocli.live.stream import LiveStream, StreamLimits
from nemocli.live.two_streams import MergedListeners
from nemocli.transcript.event_lines import format_event
from nemocli.transcript.events import Final, Partial, Status
from nemocli.transcript.formats import FORMATS
from tests.live.forgetful import ForgetfulTranscriber, burst
from tests.schemas import checked
from tests.words import ABOUT

RATE = 16000


class Fed(LiveSource):
    """A source that a test feeds; it began at a second of the clock that sources share."""

    def __init__(self, began_at):
        super().__init__("fed", RATE, 1, max_lag=None)
        self.began_at = began_at

    def to_frames(self, data):
        return data.reshape(-1, 1)


class Call:
    """Two people, whose words are bursts; each sound is given in steps of 0.1 s, in turns."""

    def __init__(self, begins=(100.0, 100.0)):
        self.sources = [Fed(began) for began in begins]
        streams = [
            LiveStream(ForgetfulTranscriber(lambda n: True), "en-US", StreamLimits())
            for _ in self.sources
        ]
        parties = zip(streams, self.sources, strict=True)
        self.merged = MergedListeners(dict(zip(("You", "Them"), parties, strict=True)))
        self.merged.start()

    def hear(self, *sounds):
        for start in range(0, max(map(len, sounds)), RATE // 10):
            for source, sound in zip(self.sources, sounds, strict=True):
                part = sound[start : start + RATE // 10]
                if len(part):
                    source.put(part, len(part))
            for source in self.sources:  # as fast as both are transcribed
                while source.waiting:
                    source.taken.wait(0.01)
                    source.taken.clear()

    def finish(self):
        self.merged.stop()
        return self.events()

    def events(self):
        events = []
        while not events or getattr(events[-1], "kind", "") != "ended":
            events.append(self.merged.events.get(timeout=60))
        return events


def silence(seconds):
    return np.zeros(round(RATE * seconds), np.float32)


def say(*parts):
    """Return the sound of words, each a number, its start and its length in seconds."""
    sound = silence(max(start + length for _, start, length in parts) + 3.0)
    for number, start, length in parts:
        begin = round(RATE * start)
        sound[begin : begin + round(RATE * length)] = burst(number, length)
    return sound


def finals(events):
    return [event.segment for event in events if isinstance(event, Final)]


def test_what_both_say_is_in_the_order_of_its_beginning():
    """A short word that ends before a long one waits for it, if the long one began before."""
    call = Call()
    call.hear(
        say((20, 1.0, 4.0), (21, 9.0, 0.5)), say((30, 2.0, 0.4), (31, 7.0, 0.5), (32, 11.0, 0.4))
    )
    events = call.finish()
    said = [(segment.channel, segment.text) for segment in finals(events)]
    assert said == [
        *[("You", "w20"), ("Them", "w30"), ("Them", "w31"), ("You", "w21"), ("Them", "w32")]
    ]
    ids = [segment.id for segment in finals(events)]
    assert len(set(ids)) == len(ids)
    for event in events:
        checked(json.loads(format_event(event)), "event")
    assert [event.kind for event in events if isinstance(event, Status)].count("ended") == 1


def test_sources_that_began_at_different_times_have_one_clock():
    call = Call(begins=(100.0, 101.5))
    call.hear(say((20, 3.0, 0.4)), say((30, 1.0, 0.4)))
    segments = finals(call.finish())
    assert [segment.channel for segment in segments] == ["Them", "You"]
    assert [segment.start for segment in segments] == pytest.approx([2.5, 3.0], abs=0.1)


def test_a_final_does_not_wait_for_a_stream_that_is_away():
    """A microphone that gives no sound, and does not say so, is waited for only so long."""
    call = Call()
    call.hear(say((20, 1.0, 0.4)), silence(0))
    waited = []
    while not finals(waited):
        call.hear(silence(1.0), silence(0))
        waited.append(call.merged.events.get(timeout=60))
    assert finals(waited)[0].text == "w20"
    shown = [event.segment for event in waited if isinstance(event, Partial)]
    assert shown[-1] == finals(waited)[0]  # as a partial until then
    call.finish()


def test_a_pause_passes_on_what_was_said():
    call = Call()
    call.hear(say((20, 1.0, 0.4))[: RATE * 2], say((30, 1.5, 0.4))[: RATE * 2])
    call.merged.pause()
    events = []
    while len(finals(events)) < 2:
        events.append(call.merged.events.get(timeout=60))
    assert [segment.text for segment in finals(events)] == ["w20", "w30"]
    call.merged.resume()
    call.finish()


def test_if_one_ends_so_does_the_other_and_nothing_is_lost():
    call = Call()
    call.hear(say((20, 1.0, 0.4)), say((30, 1.5, 0.4)))
    threading.Timer(0.2, call.sources[1].end, [AudioError("It was unplugged.")]).start()
    assert [segment.text for segment in finals(call.events())] == ["w20", "w30"]
    assert str(call.merged.error) == "It was unplugged."


@pytest.mark.parametrize(
    ("kind", "line"),
    [("txt", "Them: w30"), ("srt", "Them: w30"), ("vtt", "<v Them>w30"), ("jsonl", '"Them"')],
)
def test_written_formats_say_who_it_was(kind, line):
    call = Call()
    call.hear(say((20, 1.0, 0.4)), say((30, 1.5, 0.4)))
    writer = FORMATS[kind](ABOUT)
    segments = finals(call.finish())
    written = "".join([*map(writer.add, segments), writer.write_tail("en-US", 5.0)])
    assert line in written
