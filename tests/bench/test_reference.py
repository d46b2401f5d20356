"""The tokens that numpy computes from a checkpoint, which are kept in the cache folder."""

import numpy as np
import pytest

from nemocli.bench import reference
from nemocli.bench.reference import compute_reference
from nemocli.network.checkpoint import Checkpoint

IDS = [5, 6, 7]


@pytest.fixture
def computed(monkeypatch, tmp_path):
    """Count how often tokens are computed."""
    runs = []

    def run_once(runtime, decoder, sound):
        runs.append(len(sound))
        return IDS, np.zeros((0, 1))

    monkeypatch.setattr(reference, "run_once", run_once)
    monkeypatch.setenv("NEMOCLI_CACHE_DIR", str(tmp_path / "cache"))
    return runs


def tokens(demo):
    return compute_reference(Checkpoint(demo), 3).tokens[3]


def test_they_are_computed_once(demo, computed, tmp_path):
    assert tokens(demo) == tokens(demo) == IDS
    assert len(computed) == 1
    (kept,) = (tmp_path / "cache" / "reference").iterdir()
    for count, damaged in enumerate(("[5, 6", '{"a": 1}', '["5"]', "null", "[true]"), 2):
        kept.write_text(damaged)
        assert tokens(demo) == IDS
        assert len(computed) == count
        assert tokens(demo) == IDS  # it was mended


def test_a_cache_that_cannot_be_used_is_done_without(demo, computed, tmp_path):
    (tmp_path / "cache").write_text("a file")
    assert tokens(demo) == tokens(demo) == IDS
    assert len(computed) == 2
