"""The Core AI packages of a diarization model, run by Apple's own runtime."""

import numpy as np
import pytest

from nemocli.errors import ModelError
from nemocli.models.convert import convert
from nemocli.models.load_diarizer import load_diarizer
from nemocli.runtimes.coreai.kind import KIND
from tests.diarizers import write_tiny_diarizer
from tests.missing import skip_file_without

skip_file_without("coreai", reason="coreai-core has no wheel for this system")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return write_tiny_diarizer(tmp_path_factory.mktemp("checkpoints") / "tiny")


def decide(diarizer, mode):
    """Probabilities of a sound that ends within a frame."""
    rows = np.random.default_rng(1).normal(-9, 3, (203, 16)).astype(np.float32)
    stream = diarizer.begin(mode)
    return np.concatenate([stream.feed(rows[:111]), stream.feed(rows[111:]), stream.finish()])


def test_every_mode_is_numpy_s(checkpoint, tmp_path):
    convert(checkpoint, tmp_path / "made", "coreai", "fp32")
    with load_diarizer(tmp_path / "made") as loaded, load_diarizer(checkpoint, "numpy") as numpy:
        assert loaded.runtime == "coreai"
        for mode in ("ultra_low_latency", "low_latency", "large_chunk", "offline"):
            expected = decide(numpy, mode)
            assert len(expected) == 203
            np.testing.assert_allclose(decide(loaded, mode), expected, atol=1e-5)


def test_float16_computes_nearly_the_same(checkpoint, tmp_path):
    """One step is tested: Apple's runtime is slow at float16 on a processor."""
    convert(checkpoint, tmp_path / "made", "coreai", "fp16")
    found = []
    for model, runtime in ((tmp_path / "made", None), (checkpoint, "numpy")):
        with load_diarizer(model, runtime) as loaded:
            rows = np.random.default_rng(1).normal(-9, 3, (56, 16)).astype(np.float32)
            found.append(loaded.begin("low_latency").feed(rows))
    assert 0 < np.abs(found[0] - found[1]).max() < 0.03


def test_a_missing_package_is_named(checkpoint, tmp_path):
    from nemocli.runtimes.kind import ModelFolder

    manifest = convert(checkpoint, tmp_path / "made", "coreai", "fp32")
    (tmp_path / "made/embed.aimodel").rename(tmp_path / "elsewhere")
    folder = ModelFolder(tmp_path / "made", manifest.config, "fp32", {}, lambda: tmp_path)
    runtime = KIND.open_diarizer(folder, None, print)
    inputs = {"mel": np.zeros((1, 7, 128), "f"), "silent": np.ones((1, 7, 1), "f")}
    with pytest.raises(ModelError, match=r"lacks .*embed\.aimodel; convert the model again"):
        runtime.run("embed7", inputs)
    runtime.close()
