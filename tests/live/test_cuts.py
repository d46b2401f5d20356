"""A live stream that is cut off anywhere in a word: nothing is written more often than spoken."""

import re
from itertools import pairwise

import pytest
import soundfile

import nemocli
from nemocli.live.stream import LiveStream, StreamLimits
from nemocli.transcript.events import Final
from nemocli.transcript.segments import ends_sentence

#: Seconds of the clip in which it is cut off, and samples between two cuts.
FROM_S, TO_S, STEP = 0.4, 9.0, 1280

#: Seconds before a word's token in which its sound may begin.
DELAY_S = 0.4


@pytest.fixture(scope="module")
def transcriber():
    return nemocli.load("demo")


@pytest.fixture(scope="module")
def talk(demo):
    return soundfile.read(demo.parent / "clips" / "conversation.flac", dtype="float32")[0]


def pause(stream):
    return stream.interrupt()


def close_and_pause(stream):
    yield from stream.wait(100.0)
    yield from stream.interrupt()


def end(stream):
    return stream.finish()


@pytest.mark.parametrize(
    ("cut_off", "offset"), [(pause, 0), (pause, 640), (close_and_pause, 320), (end, 640)]
)
def test_no_sentence_comes_more_often_than_it_was_begun(transcriber, talk, cut_off, offset):
    session = transcriber.session("auto")
    spoken = [*session.feed(talk[: round((TO_S + 1) * 16000)]).final, *session.finish().words]
    for at in range(round(FROM_S * 16000) + offset, round(TO_S * 16000), STEP):
        stream = LiveStream(transcriber, "auto", StreamLimits())
        events = [*stream.receive(talk[:at]), *cut_off(stream)]
        words = [word for e in events if isinstance(e, Final) for word in e.segment.words]
        texts = [word.text for word in words]
        text = " ".join(texts)
        assert not re.search(r"[.?!]{2}", text), at
        bare = [re.sub(r"\W", "", one).lower() for one in texts]
        assert all(one != other for one, other in pairwise(bare)), text
        begun = [word for word in spoken if word.start <= at / 16000 + DELAY_S]
        ended = sum(ends_sentence(word.text) for word in begun[:-1])
        assert sum(map(ends_sentence, texts)) <= ended + 1, text


def test_a_pause_in_a_word_writes_it_once(transcriber, talk):
    for at in (3.36, 3.4, 3.44, 3.48):
        stream = LiveStream(transcriber, "auto", StreamLimits())
        events = [*stream.receive(talk[: round(at * 16000)]), *stream.interrupt()]
        finals = [event.segment.text for event in events if isinstance(event, Final)]
        assert finals == ["Open the door, please.", "Number."]


def test_what_is_said_after_a_pause_in_a_word_is_not_dropped(transcriber, talk):
    at = round(3.44 * 16000)
    stream = LiveStream(transcriber, "auto", StreamLimits())
    list(stream.receive(talk[:at]))
    list(stream.interrupt())
    events = [*stream.receive(talk[at : 9 * 16000]), *stream.finish()]
    after = [event.segment.text for event in events if isinstance(event, Final)]
    session = transcriber.session("auto")
    session.feed(talk[at : 9 * 16000])
    assert " ".join(after) == session.finish().text != ""
