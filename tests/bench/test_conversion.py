"""Verification finds a converted model that says something else than its checkpoint."""

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from nemocli.bench.conversion import verify_folder
from nemocli.bench.reference import SECONDS, bundled_sound
from nemocli.errors import UsageError
from nemocli.models.convert import convert
from nemocli.network.checkpoint import open_checkpoint

SOUND = bundled_sound(SECONDS)


@pytest.fixture(scope="module")
def folder(demo, tmp_path_factory):
    out = tmp_path_factory.mktemp("converted") / "demo"
    convert(demo, out, lookaheads=[3])
    return out


def test_a_conversion_agrees_with_its_checkpoint(demo, folder):
    report = verify_folder(folder, open_checkpoint(demo), SOUND)
    assert report.agreement == 1.0
    assert report.agreeing == report.tokens > 5
    assert (report.runtime, report.lookahead) == ("onnx", 3)
    assert 0 < report.encoder_difference < 1e-5
    assert f"{report.tokens} of {report.tokens} tokens agree" in str(report)


def test_other_weights_are_noticed(checkpoint, folder):
    path = checkpoint / "model.safetensors"
    tensors = load_file(path)
    tensors["encoder.layers.1.self_attn.o_proj.weight"] *= -1
    save_file(tensors, path)
    report = verify_folder(folder, open_checkpoint(checkpoint), SOUND)
    assert report.encoder_difference > 0.01
    assert report.agreement < 1


def test_another_model_is_refused(checkpoint, folder):
    config = checkpoint / "config.json"
    config.write_text(
        config.read_text().replace('"max_symbols_per_step": 10', '"max_symbols_per_step": 5')
    )
    with pytest.raises(UsageError, match="not converted from"):
        verify_folder(folder, open_checkpoint(checkpoint), SOUND)


def test_silence_agrees(demo, folder):
    report = verify_folder(folder, open_checkpoint(demo), np.zeros(16000, np.float32))
    assert report.agreement == 1.0
