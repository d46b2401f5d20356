"""Comparing two measurements: which differences are called real."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemocli.bench.compare import compare, estimate_ratio_interval
from nemocli.errors import UsageError
from tests.bench.reports import MACHINE, report

STEADY = [4.0, 4.02, 3.99, 4.05, 4.01]


def verdicts(then, now):
    return {d.figure: d.verdict for d in compare(then, now).differences if d.way != "machine"}


def scaled(by):
    return [by * ms for ms in STEADY]


def test_the_same_again_is_equal():
    assert set(verdicts(report(STEADY), report(STEADY)).values()) == {"equal"}


@pytest.mark.parametrize(("by", "verdict"), [(1.2, "higher"), (0.8, "lower"), (1.02, "equal")])
def test_a_change_of_speed(by, verdict):
    found = verdicts(report(STEADY), report(scaled(by)))
    assert {found["chunk, p50"], found["chunk, p95"], found["RTF"]} == {verdict}
    assert found["peak memory"] == found["load, warm"] == "equal"


def test_the_ratio_lies_within_its_bounds():
    differences = compare(report(STEADY), report(scaled(1.5))).differences
    p50 = next(d for d in differences if d.figure == "chunk, p50")
    assert p50.ratio == pytest.approx(1.5)
    assert p50.low <= p50.ratio <= p50.high


def test_overlapping_repeats_are_equal():
    assert verdicts(report(STEADY), report([*scaled(1.3)[:4], 4.0]))["chunk, p50"] == "equal"


def test_a_slower_machine_explains_slower_figures():
    then = report(STEADY)
    assert verdicts(then, report(scaled(1.25), slowness=1.3))["chunk, p50"] == "equal"
    assert verdicts(then, report(scaled(1.6), slowness=1.3))["chunk, p50"] == "higher"


def test_a_faster_machine_explains_faster_figures():
    assert verdicts(report(STEADY, slowness=1.3), report(scaled(0.8)))["chunk, p50"] == "equal"


def test_a_slower_machine_does_not_explain_more_memory():
    now = report(STEADY, memory=120_000_000, slowness=1.5)
    assert verdicts(report(STEADY), now)["peak memory"] == "higher"


@pytest.mark.parametrize("repeats", [1, 3])
def test_too_few_repeats(repeats):
    found = verdicts(report(STEADY), report(scaled(9)[:repeats]))
    assert found["chunk, p50"] == "too few repeats"


@given(st.lists(st.floats(0.1, 100), min_size=5, max_size=8), st.randoms())
def test_the_same_values_in_any_order_are_equal(values, random):
    shuffled = random.sample(values, len(values))
    assert set(verdicts(report(values), report(shuffled)).values()) == {"equal"}
    low, high = estimate_ratio_interval(values, shuffled)
    assert low <= 1 <= high


@pytest.mark.parametrize("noise", [0.01, 0.1, 0.4])
def test_noise_is_seldom_called_real(noise):
    draw = np.random.default_rng(0)
    found = [
        verdicts(*(report(list(4 * np.exp(draw.normal(0, noise, 5)))) for _ in range(2)))["RTF"]
        for _ in range(60)
    ]
    assert found.count("equal") >= 58


def test_energy_of_zero_is_left_out():
    then = report(STEADY)
    for run in then.results[0].ways["stream"]:
        run.heard[0].joules = 0.0
    assert "energy" not in verdicts(then, then)
    for run in then.results[0].ways["stream"]:
        run.heard[0].joules = 5.0
    assert verdicts(then, then)["energy"] == "equal"


def test_other_sounds_are_refused():
    with pytest.raises(UsageError, match="other sounds"):
        compare(report(STEADY), report(STEADY, sound="1"))


def test_another_lookahead_is_refused():
    with pytest.raises(UsageError, match="no figures for onnx fp32, lookahead 3"):
        compare(report(STEADY, lookahead=0), report(STEADY))


def test_changes_of_machine_software_and_model_are_remarked():
    then = report(STEADY, revision="def", precision="int8")
    then.machine = dataclasses.replace(MACHINE, processor="Another")
    then.software = {"nemocli": "0", "onnxruntime": "1"}
    remarks = compare(then, report(STEADY)).remarks
    assert remarks == [
        "another machine: processor Another then, A processor now",
        "other software: nemocli 0 then, 1 now",
        "other software: onnxruntime 1 then, unset now",
        "another model: demo (def) then, demo (abc) now",
        "another variant: onnx int8, lookahead 3 then, onnx fp32, lookahead 3 now",
    ]


def test_the_same_variant_is_preferred_among_several():
    then = report(STEADY)
    then.results += report(scaled(2), precision="int8").results
    assert verdicts(then, report(STEADY))["chunk, p50"] == "equal"
    with pytest.raises(UsageError, match="no figures for numpy fp32"):
        compare(then, report(STEADY, runtime="numpy"))
