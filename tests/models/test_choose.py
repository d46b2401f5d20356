"""Loading, converting and measuring decide alike what runs, and refuse in the same words."""

import pytest

from nemocli.bench.sweep import SweepChoice, sweep_models
from nemocli.errors import NemocliError
from nemocli.models.convert import convert
from nemocli.models.resolve import resolve
from nemocli.models.spec import ModelSpec


def refusal(call, *arguments):
    with pytest.raises(NemocliError) as caught:
        call(*arguments)
    return type(caught.value), str(caught.value)


def ignore(*_):
    pass


def test_a_lookahead_that_the_model_lacks(tmp_path):
    loading = refusal(resolve, ModelSpec("demo", lookahead=5))
    assert refusal(convert, "demo", tmp_path / "out", "onnx", None, [3, 5]) == loading
    choice = SweepChoice("onnx", "fp32", 5, None)
    assert refusal(sweep_models, "demo", choice, ignore, ignore) == loading


def test_a_precision_that_the_runtime_lacks(tmp_path):
    loading = refusal(resolve, ModelSpec("demo", "onnx", "fp8"))
    assert refusal(convert, "demo", tmp_path / "out", "onnx", "fp8") == loading
