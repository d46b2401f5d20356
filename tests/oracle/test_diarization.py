"""Who speaks, against transformers: logits, compressions, ends, packets, fixed shapes.

Both get the same mel rows, and the reference's compressions: where two scores are nearly equal,
rounding decides which frame is kept, and in a random network everything after depends on it.
Whether compressions are right is compared on equal input, to the last bit.
"""

import functools
from unittest.mock import patch

import numpy as np
import pytest

from nemocli.diarization.diarizer import Diarizer
from nemocli.diarization.modes import LARGE_CHUNK, OFFLINE, list_modes
from nemocli.diarization.speaker_cache import SpeakerCache
from nemocli.models.load_diarizer import load_diarizer
from nemocli.network.diarizer_checkpoint import DiarizerFolder
from nemocli.network.diarizer_graphs import build_diarizer_graph
from nemocli.runtimes.kinds import KINDS
from nemocli.runtimes.numpy.runtime import NumpyGraphs
from tests.kinds_here import PORTABLE_HERE
from tests.repeats import repeats
from tests.sounds import converse

#: The shapes of scripts/random_diarizer.py that take seconds.
SHAPES = (
    *("small", "five-speakers", "two-speakers", "half-rotary", "no-silence", "look-back"),
    *("wide", "deep", "long-pop", "released-cache"),
)
LIVE = ("ultra_low_latency", "very_low_latency", "low_latency")
MODES = (*LIVE, LARGE_CHUNK, OFFLINE)

#: Shape and mode of the cases in the default run.
BY_DEFAULT = {
    ("small", "low_latency"),
    ("half-rotary", "ultra_low_latency"),
    ("five-speakers", "very_low_latency"),
    ("no-silence", LARGE_CHUNK),
    ("look-back", OFFLINE),
}

#: The runtimes here that open checkpoints or convert them, but numpy, which the other tests run.
DIARIZE_HERE = [n for n in PORTABLE_HERE if KINDS[n].runs_diarizers and n != "numpy"]

#: The largest difference of a logit. Logits reach from -40 to 40.
TOLERANCE = 2e-4

#: Seconds of the sound: with small caches, some compressions. With those of the released sizes,
#: the first comes after 39 s.
SECONDS, LONG_SECONDS = 7.37, 75.37


class Case:
    """A checkpoint in transformers and in nemocli, with one sound."""

    def __init__(self, folder, seconds):
        from tests.oracle.diarizer_reference import DiarizerReference

        self.folder = folder
        self.reference = DiarizerReference(folder)
        self.checkpoint = DiarizerFolder(folder)
        self.config = self.checkpoint.config
        self.rows = self.reference.compute_rows(converse(seconds, seed=3))
        self.load = functools.cache(lambda runtime: load_diarizer(folder, runtime, "fp32"))

    @functools.cached_property
    def exact_reference(self):
        import torch

        from tests.oracle.diarizer_reference import DiarizerReference

        return DiarizerReference(self.folder, torch.float64)

    def expect_exactly(self, mode, rows, compressions):
        """Return what the reference finds in float64, given the compressions."""
        self.exact_reference.given = compressions
        return self._ask(self.exact_reference, mode, rows)[0]

    def expect(self, mode, rows):
        """Return what the reference finds, and how many rows of it count."""
        return self._ask(self.reference, mode, rows)

    def _ask(self, reference, mode, rows):
        if mode == OFFLINE:
            # If the rows fill whole frames, the masked row is a frame more, and the convolution
            # of the head reads it: the last eight rows are others than those of a stream.
            count = len(rows) - 8 * (len(rows) % 8 == 0)
            return reference.whole(rows), count
        sizes = list_modes(self.config)[mode]
        own = {"fifo": sizes.fifo, "pop": sizes.pop} if mode == LARGE_CHUNK else {}
        return reference.stream(rows, sizes.chunk, sizes.lookahead, **own), len(rows)


@pytest.fixture(scope="module")
def case(oracle, tmp_path_factory):
    """Give a function for the case of a shape; each is made once."""

    @functools.cache
    def make(shape):
        from scripts.random_diarizer import write_random_diarizer

        folder = tmp_path_factory.mktemp("diarizer") / shape
        write_random_diarizer(folder, shape, seed=SHAPES.index(shape))
        return Case(folder, LONG_SECONDS if shape == "released-cache" else SECONDS)

    return make


def decide(diarizer, mode, rows, compressions=(), packet=77):
    """Return the logits of a sound that comes in packets, given the reference's compressions."""
    given = iter(compressions)
    inner = SpeakerCache.compress

    def compress(cache, embeds, probabilities):
        known = next(given, None)
        return inner(cache, embeds, probabilities) if known is None else known.after

    with patch.object(SpeakerCache, "compress", compress):
        stream = diarizer.begin(mode, keep_logits=True)
        parts = [stream.feed(rows[n : n + packet]) for n in range(0, len(rows), packet)]
        parts.append(stream.finish())
    logits = np.concatenate([np.zeros((0, diarizer.config.num_speakers), "f"), *stream.logits])
    np.testing.assert_array_equal(np.concatenate(parts), 1 / (1 + np.exp(-logits)))
    return logits


def assert_same(got, expected, count, expect_exactly=None):
    """Assert that logits agree, and decisions too but where a logit is nearly 0.

    Seldom (two values of 54 cases), both round in opposite directions, each by about half the
    tolerance. Then both must be within it of the values without rounding: those of
    `expect_exactly`, the reference in float64.
    """
    want = expected.logits
    assert got.shape == want.shape
    got, want = got[:count], want[:count]
    if expect_exactly and np.abs(got - want).max() > TOLERANCE:
        exact = expect_exactly(expected.compressions).logits[:count]
        assert exact.dtype == np.float64
        np.testing.assert_allclose(want, exact, atol=TOLERANCE, rtol=0)
        np.testing.assert_allclose(got, exact, atol=TOLERANCE, rtol=0)
    else:
        np.testing.assert_allclose(got, want, atol=TOLERANCE, rtol=0)
    assert np.all(((got > 0) == (want > 0)) | (np.abs(want) < 1e-4))


def slowly(cases):
    """Mark all but the cases of the default run as slow."""
    return [
        each if each in BY_DEFAULT else pytest.param(*each, marks=pytest.mark.slow)
        for each in cases
    ]


@pytest.mark.parametrize(("shape", "mode"), slowly([(s, m) for s in SHAPES for m in MODES]))
def test_logits_and_compressions_are_the_reference_s(case, shape, mode):
    case = case(shape)
    expected, count = case.expect(mode, case.rows)
    got = decide(case.load("numpy"), mode, case.rows, expected.compressions)
    assert_same(got, expected, count, functools.partial(case.expect_exactly, mode, case.rows))
    assert 0.02 < np.mean(expected.logits > 0) < 0.6
    assert expected.compressions
    diarizer = case.load("numpy")
    for compression in expected.compressions:
        cache = SpeakerCache(case.config, diarizer.silence, 1, 1)
        for mine, theirs in zip(
            cache.compress(*compression.before), compression.after, strict=True
        ):
            np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize(
    ("mode", "apart"), repeats([(OFFLINE, 41), ("low_latency", 13), *((m, 1) for m in MODES)], 2)
)
def test_every_end(case, mode, apart):
    """The sound ends everywhere in a step, and around the first two pops of frames."""
    case = case("small")
    sizes = list_modes(case.config)[mode]
    step = 8 * (sizes.chunk + sizes.lookahead)
    first = 0 if mode in LIVE else 8 * (sizes.chunk - 2)
    for count in (*range(first, first + step + 4, apart), 255, 256):
        rows = case.rows[:count]
        expected, known = case.expect(mode, rows) if count else (None, 0)
        got = decide(case.load("numpy"), mode, rows, expected.compressions if count else ())
        if count:
            assert_same(got, expected, known)
        else:
            assert got.shape == (0, case.config.num_speakers)


def test_any_packets_give_the_same(case):
    case, random = case("small"), np.random.default_rng(8)
    diarizer, rows = case.load("numpy"), case.rows[:400]
    whole = decide(diarizer, "low_latency", rows, packet=len(rows))
    for _ in range(2):
        stream = diarizer.begin("low_latency", keep_logits=True)
        cuts = np.sort(random.integers(0, len(rows), 20))
        for part in np.split(rows, cuts):
            stream.feed(part)
        stream.finish()
        np.testing.assert_array_equal(np.concatenate(stream.logits), whole)


@pytest.mark.parametrize(("shape", "mode"), [("five-speakers", "low_latency"), ("small", OFFLINE)])
@pytest.mark.parametrize("kind", DIARIZE_HERE)
def test_every_runtime(case, shape, mode, kind):
    case = case(shape)
    expected, count = case.expect(mode, case.rows)
    assert_same(decide(case.load(kind), mode, case.rows, expected.compressions), expected, count)


class FixedShapes(NumpyGraphs):
    """Graphs of fixed shapes, with junk where a mask hides what is there."""

    has_fixed_shapes = True

    def run(self, graph, inputs):
        if "keep" in inputs:
            junk = np.random.default_rng(0).normal(size=inputs["embeds"].shape).astype("f")
            inputs = inputs | {"embeds": np.where(inputs["keep"] > 0, inputs["embeds"], 3 * junk)}
        return super().run(graph, inputs)


@pytest.mark.parametrize("mode", repeats([OFFLINE, LARGE_CHUNK, *LIVE], 1))
def test_fixed_shapes_with_junk_behind_the_mask(case, mode):
    case = case("wide")
    runtime = FixedShapes(lambda graph: build_diarizer_graph(graph, case.checkpoint.parameters))
    expected, count = case.expect(mode, case.rows)
    got = decide(Diarizer(runtime, case.config), mode, case.rows, expected.compressions)
    assert_same(got, expected, count)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", ["wide", "half-rotary"])
def test_core_ai_s_packages(case, shape, mode, tmp_path):
    """Packages of fixed shapes, run by Apple's own runtime."""
    pytest.importorskip("coreai")
    from nemocli.models.convert import convert

    case = case(shape)
    convert(case.folder, tmp_path / "made", "coreai", "fp32")
    expected, count = case.expect(mode, case.rows)
    with load_diarizer(tmp_path / "made") as diarizer:
        got = decide(diarizer, mode, case.rows, expected.compressions)
    assert_same(got, expected, count, functools.partial(case.expect_exactly, mode, case.rows))


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", ["wide", "half-rotary"])
def test_core_ml_s_packages(case, shape, mode, tmp_path):
    """Packages of fixed shapes, evaluated in float32."""
    pytest.importorskip("coremltools")
    from nemocli.models.convert import convert
    from tests.mlprogram.runtime import EvaluatedDiarizer

    case = case(shape)
    config = convert(case.folder, tmp_path / "made", "coreml", "fp32").config
    expected, count = case.expect(mode, case.rows)
    runtime = EvaluatedDiarizer(tmp_path / "made", config, exact=True)
    got = decide(Diarizer(runtime, config), mode, case.rows, expected.compressions)
    assert_same(got, expected, count, functools.partial(case.expect_exactly, mode, case.rows))


def test_streams_share_a_call(case):
    """Streams of different ages, one of them at its end, get what each alone would get."""
    case = case("small")
    diarizer, rows = case.load("numpy"), case.rows
    sounds = [rows[:600], rows[300:550], rows[100:477]]
    alone = [decide(diarizer, "very_low_latency", sound) for sound in sounds]
    streams = [diarizer.begin("very_low_latency", keep_logits=True) for _ in sounds]
    for stream, sound in zip(streams, sounds, strict=True):
        stream.push(sound)
    streams[1].feed(rows[550:551])  # is ahead of the others
    alone[1] = decide(diarizer, "very_low_latency", np.concatenate([sounds[1], rows[550:551]]))
    while steps := [(one, step) for one in streams if (step := one.find_step()) is not None]:
        diarizer.advance(steps)
    for stream, expected in zip(streams, alone, strict=True):
        stream.finish()
        np.testing.assert_allclose(np.concatenate(stream.logits), expected, atol=TOLERANCE)
