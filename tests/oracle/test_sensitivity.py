"""The comparison can fail: a fault in any part changes the results of these checkpoints.

Without this, identical tokens would prove little: a model that ignores its caches, its language or
the sound would give identical tokens too.
"""

import itertools
import re

import numpy as np
import pytest

from nemocli.runtimes.numpy.runtime import NumpyRuntime
from tests.oracle.compare import (
    CONFIDENCE_TOLERANCE,
    ENCODER_TOLERANCE,
    encoder_difference,
    transcribe,
)
from tests.oracle.conftest import CHECKPOINTS
from tests.repeats import repeats
from tests.sounds import speech_like


@pytest.mark.parametrize("name", repeats(["demo", *CHECKPOINTS], 6))
def test_decisions_are_clear(oracle, name):
    """No decision is so close that rounding alone might change it, and tokens are frequent."""
    sound = speech_like(8, seed=sum(name.encode()))
    want = oracle.expected("offline", name, 3, "auto", sound)
    assert want.margins.min() > 1e-4
    if name != "demo":  # it was trained to emit nothing for sound without speech
        assert 0.03 < len(want.tokens) / len(want.enc_proj) < 0.7
        assert len(set(want.tokens)) > 5


def test_frames_carry_several_symbols(oracle):
    """`capped` reaches its limit of two, and continues with the next frame."""

    def counts(name):
        sound = speech_like(8, seed=1)
        return np.bincount(oracle.expected("offline", name, 3, "en-US", sound).frames)

    free = np.concatenate([counts("small-0"), counts("wide")])
    assert (free > 1).sum() > 3
    assert free.max() > 2
    assert (counts("capped") == 2).sum() > 1


def test_sound_language_and_lookahead_change_the_tokens(oracle):
    sounds = [speech_like(5, seed=seed) for seed in (1, 2)]
    cases = itertools.product(sounds, ("en-US", "ja-JP", "auto"), (0, 3))
    results = [
        tuple(oracle.expected("offline", "small-0", lookahead, lang, sound).tokens)
        for sound, lang, lookahead in cases
    ]
    assert len(set(results)) == len(results) == 12


@pytest.mark.parametrize("lookahead", [0, 3])
@pytest.mark.parametrize(
    "forgotten", ["k_cache", "v_cache", "conv_cache", "cache0", "cache1", "cache2", "c"]
)
def test_a_forgotten_cache_changes_the_tokens(oracle, monkeypatch, forgotten, lookahead):
    right, wrong = _with_fault(oracle, monkeypatch, lookahead, forgotten, np.zeros_like)
    assert wrong.tokens != right.tokens


def test_a_forgotten_hidden_state_is_noticed(oracle, monkeypatch):
    """The tokens depend on the cells alone, but the logits also depend on h."""
    assert _differ(*_with_fault(oracle, monkeypatch, 3, "h", np.zeros_like))


@pytest.mark.parametrize("fault", [np.zeros_like, lambda mask: np.roll(mask, 1, -1)])
def test_a_wrong_mask_changes_the_tokens(oracle, monkeypatch, fault):
    right, wrong = _with_fault(oracle, monkeypatch, 3, "neg_mask", fault)
    assert wrong.tokens != right.tokens


def _with_fault(oracle, monkeypatch, lookahead, name, fault):
    """Transcribe correctly, and then with `fault` applied to the graphs' input `name`."""
    transcriber = oracle.transcriber("small-1", "numpy", lookahead)
    sound = speech_like(6, seed=5)
    _, right = transcribe(transcriber, sound, "auto")
    run = NumpyRuntime.run

    def faulty(self, graph, inputs):
        # The name of a layer's cache ends with the layer's number.
        faults = {n: fault(x) for n, x in inputs.items() if re.fullmatch(name + r"\d*", n)}
        return run(self, graph, {**inputs, **faults})

    monkeypatch.setattr(NumpyRuntime, "run", faulty)
    _, wrong = transcribe(transcriber, sound, "auto")
    return right, wrong


def test_no_tensor_is_without_effect(oracle):
    """Leaving out any one tensor exceeds a tolerance tenfold."""
    import torch

    reference = oracle.reference("thin")
    sound = speech_like(2, seed=9)
    right = reference.offline(sound, 3, "en-US")
    unnoticed = []
    for name, parameter in reference.model.named_parameters():
        kept = parameter.detach().clone()
        with torch.no_grad():
            parameter.fill_(1) if ".norm" in name and name.endswith("weight") else parameter.zero_()
            wrong = reference.offline(sound, 3, "en-US")
            parameter.copy_(kept)
        if not _differ(right, wrong):
            unnoticed.append(name)
    assert unnoticed == []


def _differ(right, wrong):
    if wrong.tokens != right.tokens:
        return True
    confidence = np.abs(wrong.confidences - right.confidences).max()
    return (
        encoder_difference(wrong, right) > 10 * ENCODER_TOLERANCE
        or confidence > 10 * CONFIDENCE_TOLERANCE
    )
