"""Blocks of chunks, and batches of streams, give the tokens of a single stream.

A single stream is fed chunk by chunk. It is compared with streams that are advanced together by any
number of chunks: every lookahead, blocks of 1 to 64 chunks, batches of 1 to 16 streams of different
lengths and languages.
"""

from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nemocli
from nemocli.engine.stream import advance
from tests.kinds_here import RUN_HERE
from tests.missing import skip_file_without
from tests.repeats import repeats
from tests.sounds import RATE, speech_like

skip_file_without("transformers", reason="random checkpoints need nemocli[test]")

LOOKAHEADS = (0, 3, 6, 13)

CASES = [("onnx", p, n) for p in ("fp32", "int8") for n in LOOKAHEADS]
WITHOUT_MLX = pytest.mark.skipif("mlx" not in RUN_HERE, reason="needs: pip install 'nemocli[mlx]'")
MLX_CASES = [pytest.param("mlx", "fp32", n, marks=WITHOUT_MLX) for n in LOOKAHEADS]
#: On a processor, MLX takes long for large blocks.
MLX_DAILY = [pytest.param("mlx", "fp32", 3, marks=WITHOUT_MLX)]


@cache
def long_sound():
    """What sounds are cut from the middle of, so that no two are the same."""
    return speech_like(120, seed=17)


MODELS = [
    *(("thin", 0), ("small", 0), ("small", 1), ("wide", 0), ("window-29", 0), ("capped", 0)),
    *(("deep", 0), ("many-heads", 0)),
]


@pytest.fixture(scope="module")
def load(random_checkpoint, tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    opened = {}

    def one(model, runtime, precision, lookahead):
        key = (model, runtime, precision, lookahead)
        if key not in opened:
            folder = "demo" if model == "demo" else random_checkpoint(*model)
            if precision != "fp32":
                folder = _convert(folder, root / f"{Path(folder).name}-{precision}", precision)
            opened[key] = nemocli.load(
                folder, runtime=runtime, precision=precision, lookahead=lookahead
            )
        return opened[key]

    return one


def _convert(checkpoint, out, precision):
    from nemocli.models.convert import convert

    convert(checkpoint, out, precision=precision)
    return out


@st.composite
def batches(draw, longest):
    """Draw lengths in samples, blocks in chunks and languages for 1 to 16 streams."""
    count = draw(st.integers(1, 16))
    length = st.one_of(st.integers(0, 400), st.integers(0, RATE), st.integers(0, longest // count))
    lengths = draw(st.lists(length, min_size=count, max_size=count))
    starts = draw(st.lists(st.integers(0, 10 * RATE), min_size=count, max_size=count))
    langs = draw(
        st.lists(st.sampled_from(["en-US", "ja-JP", "auto"]), min_size=count, max_size=count)
    )
    block = st.one_of(st.integers(1, 64), st.sampled_from([1, 2, 32, 64]))
    return lengths, starts, langs, draw(st.lists(block, min_size=1, max_size=5))


@pytest.mark.parametrize(
    "runtime,precision,lookahead",
    repeats([("numpy", "fp32", n) for n in LOOKAHEADS], 0) + repeats(CASES, 2) + MLX_DAILY,
)
@settings(
    max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_blocks_of_any_streams(load, runtime, precision, lookahead, data):
    model = data.draw(st.sampled_from([*MODELS[:3], "demo"]))
    runtime = "onnx" if precision == "int8" else runtime
    transcriber = load(model, "auto" if precision == "int8" else runtime, precision, lookahead)
    _check(transcriber, *data.draw(batches(longest=8 * RATE)))


@pytest.mark.slow
@pytest.mark.parametrize("runtime,precision,lookahead", CASES + MLX_CASES)
@pytest.mark.parametrize("model", [*MODELS, "demo"], ids=str)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_more_of_them(load, model, runtime, precision, lookahead, data):
    runtime = "auto" if precision == "int8" else runtime  # a model folder has its own
    _check(load(model, runtime, precision, lookahead), *data.draw(batches(longest=100 * RATE)))


@pytest.mark.slow
@pytest.mark.parametrize("lookahead", LOOKAHEADS)
def test_ten_minutes_beside_nothing(load, lookahead):
    """A long and an empty sound are transcribed together."""
    ten_minutes = speech_like(600, seed=23)
    transcriber = load(("small", 0), "onnx", "fp32", lookahead)
    sounds = [ten_minutes, ten_minutes[:0], ten_minutes[:1], ten_minutes[: 61 * RATE]]
    _compare(transcriber, sounds, ["auto"] * 4, [64, 7])


def _check(transcriber, lengths, starts, langs, blocks):
    sounds = [long_sound()[a : a + n] for a, n in zip(starts, lengths, strict=True)]
    _compare(transcriber, sounds, langs, blocks)


def _compare(transcriber, sounds, langs, blocks):
    alone = [_alone(transcriber, sound, lang) for sound, lang in zip(sounds, langs, strict=True)]
    together = _together(transcriber, sounds, langs, blocks)
    assert together == alone


def _alone(transcriber, sound, lang):
    """Return tokens and frames of a single stream, advanced chunk by chunk."""
    session = transcriber.session(lang)
    packet = 1280 * (transcriber.lookahead + 1)
    for start in range(0, len(sound), packet):
        session.feed(sound[start : start + packet])
    return symbols(session.finish())


def _together(transcriber, sounds, langs, blocks):
    """Return the same of streams advanced together, by blocks of changing sizes."""
    streams = [transcriber._begin_stream(lang) for lang in langs]
    for stream, sound in zip(streams, sounds, strict=True):
        stream.push(stream.compute_rows(sound))
        stream.push(stream.compute_last_rows())
        stream.end()
    turn = 0
    while waiting := [stream for stream in streams if stream.chunks]:
        advance(waiting, blocks[turn % len(blocks)])
        turn += 1
    return [symbols(stream.build_transcript(final=True)) for stream in streams]


def symbols(transcript):
    return [(token.id, token.frame) for token in transcript.tokens]


def test_the_sound_makes_tokens(load):
    """Otherwise the tests above would compare nothing."""
    transcriber = load(("small", 0), "onnx", "fp32", 3)
    assert len(_alone(transcriber, long_sound()[: 30 * RATE], "en-US")) > 30
