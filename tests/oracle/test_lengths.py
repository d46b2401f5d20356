"""Sounds that end anywhere: within the first chunk, at a chunk's last sample, one beside it."""

import pytest

from tests.oracle.compare import assert_same, transcribe
from tests.sounds import speech_like

HOP = 160
#: Samples after the centre of a mel row that it needs.
REACH = 200


def chunk_rows(lookahead, chunks):
    """Mel rows of so many chunks."""
    return 8 * (lookahead + 1) * chunks - 7


def lengths(lookahead):
    """Sounds in samples: short ones, and about the ends of the first three chunks.

    With row t the chunk's last, the chunk can be computed once 160 t + 200 samples are there. If
    the sound is over, it has the row from 160 (t + 1) samples on.
    """
    shortest = {160, 161, 319, 320, 1279, 1280, 1281}
    before_first = {HOP * (chunk_rows(lookahead, 1) // 2) + 77} if lookahead else set()
    last_rows = [chunk_rows(lookahead, chunks) - 1 for chunks in (1, 2, 3)]
    ends = [HOP * t + REACH for t in last_rows] + [HOP * (t + 1) for t in last_rows]
    return sorted(shortest | before_first | {end + by for end in ends for by in (-1, 0, 1)})


@pytest.mark.parametrize("lookahead", [0, 3, 6, 13])
@pytest.mark.parametrize("name,lang", [("thin", "de-DE"), ("kernel-5", "auto")])
def test_every_boundary(oracle, name, runtime, lookahead, lang):
    transcriber = oracle.transcriber(name, runtime, lookahead)
    sound = speech_like(6, seed=3)
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
def test_less_than_a_row_says_nothing(oracle, runtime, lookahead, length):
    """Without a mel row there are no frames, so there are no tokens.

    Here nemocli departs from transformers on purpose. Its arithmetic gives a sound without a row
    one encoder frame, made of a row of padding alone, the same for 0 and for 159 samples, and
    decodes it: words that nobody said.
    """
    sound = speech_like(1, seed=3)[:length]
    fed, finished = transcribe(oracle.transcriber("thin", runtime, lookahead), sound, "auto")
    assert fed.tokens == finished.tokens == []
    padding = oracle.expected("offline", "thin", lookahead, "auto", sound)
    assert len(padding.enc_proj) == 1
    assert (
        padding.enc_proj
        == oracle.expected("offline", "thin", lookahead, "auto", sound[:0]).enc_proj
    ).all()
