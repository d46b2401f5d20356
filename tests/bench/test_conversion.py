"""Verification finds converted models that differ from their checkpoint."""

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from nemocli.bench import conversion
from nemocli.bench.conversion import check_conversion, verify_folder
from nemocli.bench.reference import CHECK_SOUND_S, find_known_text, read_bundled_sound
from nemocli.errors import ModelError, NemocliError, UsageError
from nemocli.models.convert import convert
from nemocli.network.checkpoint import open_checkpoint

SOUND = read_bundled_sound(CHECK_SOUND_S)


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
    with pytest.raises(NemocliError, match=r"15 of 18 tokens agree.*differs by 4\.9e-01"):
        verify_folder(folder, open_checkpoint(checkpoint), SOUND)


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
    assert str(report).startswith("neither the model nor its checkpoint emits any token on")


def spoiled(checkpoint, name, change):
    """Apply `change` to a tensor of the checkpoint; return it and a conversion of it."""
    path = checkpoint / "model.safetensors"
    tensors = load_file(path)
    tensors[name] = tensors[name].astype(np.float32)
    change(tensors[name])
    save_file(tensors, path)
    out = checkpoint.parent / "converted"
    convert(checkpoint, out, lookaheads=[3])
    return open_checkpoint(checkpoint), out


@pytest.mark.parametrize(
    ("factor", "words"),
    [(1e38, "infinite or none at all"), (1e-20, "the same for every moment")],
)
def test_agreement_on_implausible_output_is_refused(checkpoint, factor, words):
    """Finite weights that a flipped bit of an exponent can give."""

    def scale(weight):
        weight *= np.float32(factor)

    source, out = spoiled(checkpoint, "encoder_projector.weight", scale)
    with pytest.raises(ModelError, match=words):
        verify_folder(out, source, SOUND)


def test_agreement_on_one_token_repeated_is_refused(checkpoint):
    def insist(bias):
        bias[7] = 3e4

    source, out = spoiled(checkpoint, "joint.head.bias", insist)
    with pytest.raises(ModelError, match=r"the same token \d+ times"):
        verify_folder(out, source, SOUND)


def test_agreement_on_far_too_many_tokens_is_refused(checkpoint):
    def never_stop(bias):
        bias[-1] = -3e4

    source, out = spoiled(checkpoint, "joint.head.bias", never_stop)
    with pytest.raises(ModelError, match=r"\d+ tokens in \d+ moments"):
        verify_folder(out, source, SOUND)


def test_the_demo_s_text_is_known(demo, folder, monkeypatch):
    """A wrong front end, for example, makes both wrong in the same way."""
    source = open_checkpoint(demo)
    assert find_known_text(source, 3) == "No, it is twelve thirty. Ja, es ist zwanzig Uhr"
    assert check_conversion(folder, source).tokens == 15
    run_once = conversion.run_once
    monkeypatch.setattr(conversion, "run_once", lambda r, p, sound: run_once(r, p, sound[::-1]))
    with pytest.raises(NemocliError, match="where 'No, it is twelve thirty"):
        check_conversion(folder, source)


def test_no_text_is_known_for_another_checkpoint(checkpoint):
    assert find_known_text(open_checkpoint(checkpoint), 3) is None
