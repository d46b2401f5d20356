"""Sounds that end within the first chunk, at a chunk's last sample, or one sample off."""

import pytest

from tests.oracle.compare import assert_same, transcribe
from tests.sounds import speech_like

HOP = 160
#: Samples that a mel row needs after its centre.
REACH = 200


def chunk_rows(lookahead, chunks):
    """Count the mel rows of so many chunks."""
    return 8 * (lookahead + 1) * chunks - 7


def lengths(lookahead):
    """List lengths in samples: short ones, and those around the ends of the first three chunks.

    If t is a chunk's last row, the chunk can be computed once 160 t + 200 samples are there. A
    sound that has ended has the row if it has 160 (t + 1) samples.
    """
    shortest = {160, 161, 319, 320, 1279, 1280, 1281}
    before_first = {HOP * (chunk_rows(lookahead, 1) // 2) + 77} if lookahead else set()
    last_rows = [chunk_rows(lookahead, chunks) - 1 for chunks in (1, 2, 3)]
    ends = [HOP * t + REACH for t in last_rows] + [HOP * (t + 1) for t in last_rows]
    beside = {end + by for end in ends for by in (-1, 0, 1)}
    return sorted(length for length in shortest | before_first | beside if length >= HOP)


@pytest.mark.parametrize("lookahead", [0, 3, 6, 13])
@pytest.mark.parametrize("name,lang", [("thin", "de-DE"), ("kernel-5", "auto")])
def test_every_boundary(oracle, name, runtime, lookahead, lang):
    transcriber = oracle.transcriber(name, runtime, lookahead)
    sound = speech_like(4, seed=3)[: 1280 * (3 * (lookahead + 1) + 2)]
    streamed = oracle.expected("streaming", name, lookahead, lang, sound)
    for length in lengths(lookahead):
        about = f"{length} samples"
        fed, finished = transcribe(transcriber, sound[:length], lang, packet=3001)
        want = oracle.expected("offline", name, lookahead, lang, sound[:length])
        assert_same(finished, want, about)
        rows = max(0, (length - REACH) // HOP + 1)
        chunks = (rows + 7) // (8 * (lookahead + 1))
        assert_same(fed, streamed.until(chunks * (lookahead + 1)), about)


@pytest.mark.parametrize("lookahead", [0, 3, 6, 13])
@pytest.mark.parametrize("length", [0, 1, 159])
@pytest.mark.parametrize("name", ["thin", "small-1", "demo"])
def test_less_than_a_row(oracle, name, runtime, lookahead, length):
    """A sound too short for a mel row has one encoder frame, made of padding."""
    sound = speech_like(1, seed=3)[:length]
    fed, finished = transcribe(oracle.transcriber(name, runtime, lookahead), sound, "auto")
    assert fed.tokens == []
    assert_same(finished, oracle.expected("offline", name, lookahead, "auto", sound))
    assert len(finished.enc_proj) == 1
