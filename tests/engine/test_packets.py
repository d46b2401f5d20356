"""The transcript does not depend on how a sound is cut into packets."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.small import small
from tests.sounds import speech_like

SOUND = speech_like(5, seed=11)

packets = st.lists(st.integers(1, 50_000), min_size=1, max_size=20)


@pytest.fixture(scope="module", params=[0, 3])
def transcriber(request):
    """Make a transcriber of the small model: the demo would emit nothing for this sound."""
    return small(request.param)


@pytest.fixture(scope="module")
def whole(transcriber):
    return feed(transcriber, [])


def feed(transcriber, sizes):
    """Feed the sound in packets of the sizes given, and the rest; return the whole transcript."""
    session = transcriber.session("en-US")
    start = 0
    for size in sizes:
        session.feed(SOUND[start : start + size])
        start += size
    session.feed(SOUND[start:])
    return session.finish()


def assert_same(got, whole):
    """Assert equality, but not of confidences: their rounding depends on the chunks in a call."""
    assert symbols(got) == symbols(whole)
    assert [replace(word, confidence=0) for word in got.words] == [
        replace(word, confidence=0) for word in whole.words
    ]
    assert [token.confidence for token in got.tokens] == pytest.approx(
        [token.confidence for token in whole.tokens], rel=1e-3
    )


def symbols(transcript):
    return [(token.id, token.frame) for token in transcript.tokens]


@settings(max_examples=10, deadline=None)
@given(sizes=packets)
def test_packets_of_any_size(transcriber, whole, sizes):
    got = feed(transcriber, sizes)
    assert_same(got, whole)
    assert len(got.tokens) > 10


@pytest.mark.parametrize("size", [1, 160, 5121])
def test_packets_of_one_size(transcriber, whole, size):
    assert_same(feed(transcriber, [size] * min(4000, len(SOUND) // size)), whole)


def test_what_an_update_had_stays(transcriber, whole):
    session = transcriber.session("en-US")
    known = [token for packet in np.array_split(SOUND, 37) for token in session.feed(packet).tokens]
    assert len(known) > 10
    assert symbols(whole)[: len(known)] == [(token.id, token.frame) for token in known]


@pytest.mark.parametrize("lookahead", [0, 3])
def test_samples_to_a_chunk_are_just_enough(lookahead):
    session = small(lookahead).session()
    rng = np.random.default_rng(0)
    for _ in range(3):
        session.feed(SOUND[: rng.integers(1, 900)])
        frames, needed = session.frames, session.samples_to_chunk
        session.feed(SOUND[: needed - 1])
        assert (session.frames, session.samples_to_chunk) == (frames, 1)
        session.feed(SOUND[:1])
        assert session.frames == frames + lookahead + 1
