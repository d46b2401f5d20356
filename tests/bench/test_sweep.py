"""A sweep: which variants it covers, its points, and the curve drawn from them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemocli.bench import sweep, variants
from nemocli.bench.curve import SHARED, draw_curve
from nemocli.bench.run_config import RunConfig
from nemocli.bench.sweep import (
    SweepChoice,
    SweepPoint,
    compute_points,
    list_chunks_per_call,
    sweep_models,
)
from nemocli.errors import UnsupportedError, UsageError
from nemocli.models.resolve import resolve
from nemocli.models.spec import ModelSpec
from nemocli.runtimes.kinds import KINDS
from tests.bench.reports import report

EVERYTHING = SweepChoice(None, None, None, None)


def test_numbers_of_chunks_per_call():
    assert list_chunks_per_call(3) == [1, 2, 4, 8, 16, 32]
    assert list_chunks_per_call(13) == [1, 2, 4, 8, 9]


def swept_variants(choice, model="demo"):
    notes = []
    found = sweep_models(model, choice, lambda step: None, notes.append)
    return [str(RunConfig.of(model)) for model in found], notes


@pytest.fixture
def only_onnx(monkeypatch):
    monkeypatch.setattr(
        sweep, "list_variants", lambda: [("numpy", "fp32"), ("onnx", "fp32"), ("onnx", "int8")]
    )


def test_every_variant_at_every_lookahead(only_onnx):
    found, notes = swept_variants(EVERYTHING)
    assert len(found) == len(set(found)) == 12 and notes == []
    assert {"numpy fp32, lookahead 0", "onnx int8, lookahead 13"} < set(found)


def test_restrictions(only_onnx):
    assert swept_variants(SweepChoice("onnx", None, 3, None))[0] == [
        "onnx fp32, lookahead 3",
        "onnx int8, lookahead 3",
    ]
    assert swept_variants(SweepChoice(None, "int8", 0, None))[0] == ["onnx int8, lookahead 0"]
    with pytest.raises(UsageError, match="no lookahead 5"):
        swept_variants(SweepChoice(None, None, 5, None))
    found = swept_variants(SweepChoice(None, None, 1, None, untrained_lookahead=True))[0]
    assert found == [f"{each}, lookahead 1" for each in ("numpy fp32", "onnx fp32", "onnx int8")]
    with pytest.raises(UsageError, match="No variant"):
        swept_variants(SweepChoice("numpy", "int8", None, None))


def test_variants_that_this_machine_cannot_run_are_reported(only_onnx, monkeypatch):
    def refuse(system):
        raise UnsupportedError("It needs another machine.")

    monkeypatch.setattr(KINDS["onnx"], "check_machine", refuse)
    found, notes = swept_variants(SweepChoice(None, None, 3, None))
    assert found == ["numpy fp32, lookahead 3"]
    assert notes[0] == "onnx fp32 is left out: It needs another machine."


def test_numpy_is_left_out_for_large_models(only_onnx, monkeypatch):
    monkeypatch.setattr(variants, "MAX_SLOW_WEIGHTS", 1000)
    found, notes = swept_variants(SweepChoice(None, None, 3, None))
    assert len(found) == 2 and "hours" in notes[0]
    assert "numpy fp32, lookahead 3" in swept_variants(SweepChoice("numpy", None, 3, None))[0]


def test_a_converted_folder_is_swept_as_it_is(cache):
    folder = resolve(ModelSpec("demo", "onnx", "fp32", 3)).convert().path
    found, _ = swept_variants(EVERYTHING, str(folder))
    assert found == [f"onnx fp32, lookahead {n}" for n in (0, 3, 6, 13)]
    for choice in (SweepChoice("numpy", None, 3, None), SweepChoice(None, "int8", 3, None)):
        with pytest.raises(UsageError, match="is converted"):
            swept_variants(choice, str(folder))


def test_a_point():
    made = report([10, 10])
    made.results[0].ways = {"sweep": made.results[0].ways["stream"]}
    (point,) = compute_points(made)
    assert (point.series, point.lookahead, point.chunks_per_call) == ("onnx fp32", 3, 1)
    assert point.latency_ms == 320 + point.chunk_ms
    assert point.speed == pytest.approx(32 / 1.02, rel=0.01)
    for run in made.results[0].ways["sweep"]:
        run.heard[0].chunks = []  # the sound is shorter than a call
    assert compute_points(made) == []


amounts = st.floats(0.01, 1e5)
some_points = st.lists(
    st.builds(
        SweepPoint,
        st.sampled_from("xyz"),
        st.just(3),
        st.just(1),
        amounts,
        amounts,
        amounts,
        amounts,
    ),
    min_size=1,
)


@given(some_points, st.integers(30, 200))
def test_the_curve_fits_and_shows_every_series(drawn, width):
    lines = draw_curve(drawn, width)
    assert max(map(len, lines)) <= max(width, 60)
    grid = "".join(line.partition("|")[2] for line in lines)
    for number, _ in enumerate(dict.fromkeys(point.series for point in drawn)):
        assert "abc"[number] in grid or SHARED in grid
    assert sum(not mark.isspace() for mark in grid) <= len(drawn)


def test_nothing_to_draw():
    assert draw_curve([], 80) == []
