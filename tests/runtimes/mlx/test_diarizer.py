"""A diarization model by MLX on the processor: every precision, several streams, bad folders."""

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from nemocli.errors import ModelError
from nemocli.models.convert import convert
from nemocli.models.folder import parse_manifest
from nemocli.models.load_diarizer import load_diarizer
from nemocli.network.diarizer_checkpoint import DiarizerFolder
from nemocli.runtimes.mlx.kind import KIND
from tests.diarizers import write_tiny_diarizer
from tests.missing import skips_without

pytest_pycollect_makemodule = skips_without("mlx", reason="needs: pip install 'nemocli[mlx]'")

ROWS = np.random.default_rng(1).normal(-9, 3, (403, 16)).astype(np.float32)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return write_tiny_diarizer(tmp_path_factory.mktemp("checkpoints") / "tiny")


def decide(diarizer, mode):
    stream = diarizer.begin(mode)
    return np.concatenate([stream.feed(ROWS[:111]), stream.feed(ROWS[111:]), stream.finish()])


@pytest.mark.parametrize("mode", ["ultra_low_latency", "low_latency", "large_chunk", "offline"])
def test_every_precision_is_near_numpy(checkpoint, tmp_path, mode):
    expected = decide(load_diarizer(checkpoint, "numpy"), mode)
    different = {"fp32": 1e-5, "fp16": 0.01, "int8": 0.2, "int5": 0.9}
    found = []
    for precision, most in different.items():
        convert(checkpoint, tmp_path / precision, "mlx", precision)
        with load_diarizer(tmp_path / precision) as loaded:
            assert loaded.runtime == "mlx"
            found.append(decide(loaded, mode))
        assert np.abs(found[-1] - expected).max() < most
    errors = [np.abs(each - expected).mean() for each in found]
    assert errors == sorted(errors) and errors[0] < errors[-1]


def test_streams_share_a_call(checkpoint):
    diarizer = load_diarizer(checkpoint, "mlx", "fp32")
    alone = [decide(diarizer, "low_latency")[:200] for _ in range(2)]
    streams = [diarizer.begin("low_latency", keep_logits=True) for _ in range(2)]
    for stream, rows in zip(streams, (400, 300), strict=True):
        stream.push(ROWS[:rows])
    while steps := [(one, step) for one in streams if (step := one.find_step()) is not None]:
        diarizer.advance(steps)
    for stream, expected in zip(streams, alone, strict=True):
        logits = np.concatenate(stream.logits)[:200]
        np.testing.assert_allclose(1 / (1 + np.exp(-logits)), expected, atol=1e-5)


def test_weights_that_do_not_fit_are_refused(checkpoint, tmp_path):
    out, config = tmp_path / "made", DiarizerFolder(checkpoint).config
    convert(checkpoint, out, "mlx", "fp32")
    weights = load_file(out / "weights.safetensors")
    precision = parse_manifest(out).precision
    for change, words in (
        ({"model.proj.weight": np.ones((5, 8), np.float32)}, "of other shapes|shapes"),
        ({"silence_embeds": np.ones(7, np.float32)}, "of other shapes"),
    ):
        save_file(weights | change, out / "weights.safetensors")
        folder = _folder(out, config, precision)
        with pytest.raises(ModelError, match=words):
            KIND.open_diarizer(folder, "cpu", print)
    del weights["silence_embeds"]
    save_file(weights, out / "weights.safetensors")
    with pytest.raises(ModelError, match="lacks silence_embeds; convert the model again"):
        KIND.open_diarizer(_folder(out, config, precision), "cpu", print)


def _folder(path, config, precision):
    from nemocli.runtimes.kind import ModelFolder

    return ModelFolder(path, config, precision, {}, lambda: path)
