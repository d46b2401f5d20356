"""MLX's file of weights: quantized matrices, the same bytes, and files that a stranger made."""

import json

import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

import nemocli
from nemocli.errors import ModelError
from nemocli.models.convert import convert
from nemocli.models.folder import Manifest, read_manifest, record_files, write_manifest
from nemocli.runtimes.mlx.files import WEIGHTS_FILE
from nemocli.runtimes.mlx.weights import BITS, GROUP, QuantizedMatrix, quantize
from nemocli.runtimes.mlx.weights_file import WeightsFile, read_weights


@given(
    rows=st.integers(1, 40),
    columns=st.integers(1, 200),
    bits=st.sampled_from(list(BITS.values())),
    seed=st.integers(0, 100),
)
def test_a_quantized_matrix_is_the_matrix_to_half_a_step(rows, columns, bits, seed):
    """Whatever its size: a row that is no whole number of groups is filled up with zeros."""
    random = np.random.default_rng(seed)
    weight = random.normal(size=(rows, columns)).astype(np.float32)
    parts = quantize(weight, mx.float32, bits)
    assert [part.dtype for part in parts] == [mx.uint32, mx.float32, mx.float32]
    found = np.array(QuantizedMatrix(*parts, bits=bits).multiply(mx.eye(columns))).T
    groups = np.pad(weight, ((0, 0), (0, -columns % GROUP))).reshape(rows, -1, GROUP)
    step = np.ptp(groups, axis=2, keepdims=True) / (2**bits - 1)
    # MLX moves the scale so that 0 stays exactly 0, and a group's ends may be half a step off.
    allowed = np.broadcast_to(1.01 * step + 1e-6, groups.shape).reshape(rows, -1)[:, :columns]
    assert (np.abs(found - weight) <= allowed).all()


def test_the_same_weights_make_the_same_bytes(converted, demo, tmp_path):
    convert(demo, tmp_path / "again", "mlx", "int5", lookaheads=[0, 3])
    assert (tmp_path / "again" / WEIGHTS_FILE).read_bytes() == (
        converted("int5") / WEIGHTS_FILE
    ).read_bytes()


def test_another_program_reads_the_file(converted):
    """It is safetensors as its own library reads it, and has each weight once."""
    arrays = load_file(converted("int8") / WEIGHTS_FILE)
    assert arrays["decoder.embedding.weight"].dtype == np.float32
    assert arrays["encoder.layers.0.norm_out.weight"].dtype == np.float16
    packed = arrays["encoder.layers.0.feed_forward1.linear1.weight.values"]
    assert (packed.dtype, packed.shape) == (np.uint32, (512, 192 * 8 // 32))
    assert dict(read_weights(converted("int8") / WEIGHTS_FILE)).keys() == arrays.keys()


def test_a_header_that_does_not_fit_is_no_file(tmp_path):
    with pytest.raises(ValueError), WeightsFile(tmp_path / "x", tensors=1) as file:
        for number in range(10):
            file.add(f"tensor-{number}", np.zeros((2, 3), np.float16))


NORM, TABLE = "encoder.layers.0.norm_out.weight", "decoder.embedding.weight"
LSTM_BIAS = "decoder.lstm.bias_l1"
MATRIX = "encoder.layers.0.self_attn.qkv_proj.weight"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: a.pop(NORM), "lacks"),
        (lambda a: a.pop(f"{MATRIX}.scales"), "lacks"),
        (lambda a: a.update({NORM: a[NORM][:-1]}), "other shapes"),
        # An index beyond a shorter table would read whatever is in memory there.
        (lambda a: a.update({TABLE: a[TABLE][:-1]}), "other shapes"),
        (lambda a: a.update({NORM: a[NORM].astype(np.int64)}), "of the kind I64"),
        (lambda a: a.update({NORM: a[NORM][:0]}), "lacks"),
        (lambda a: a.update({f"{MATRIX}.values": a[f"{MATRIX}.values"].T.copy()}), "cannot load"),
        (lambda a: a.update({f"{MATRIX}.values": a[f"{MATRIX}.scales"]}), "cannot load"),
        (
            lambda a: a.update(
                {
                    f"{MATRIX}.{part}": np.concatenate([a[f"{MATRIX}.{part}"]] * 2)
                    for part in ("values", "scales", "biases")
                }
            ),
            "cannot load",
        ),
        # This would be broadcast: two outputs instead of one.
        (lambda a: a.update({LSTM_BIAS: np.stack([a[LSTM_BIAS]] * 2)[:, None]}), "other shapes"),
    ],
)
def test_weights_that_a_stranger_made_are_refused(converted, tmp_path, change, words):
    """The manifest has their hash, as a stranger could write it."""
    arrays = load_file(converted("int8") / WEIGHTS_FILE)
    change(arrays)
    save_file(arrays, tmp_path / WEIGHTS_FILE)
    refused(converted("int8"), tmp_path, words)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 100,
        (1 << 62).to_bytes(8, "little"),
        (2).to_bytes(8, "little") + b"[]",
        (90).to_bytes(8, "little")
        + b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[1000000000,1000000004]}}'.ljust(90),
    ],
)
def test_a_header_that_lies_is_refused(converted, tmp_path, content):
    (tmp_path / WEIGHTS_FILE).write_bytes(content)
    refused(converted("int8"), tmp_path, "cannot be read")


def test_bits_that_the_manifest_does_not_say_are_refused(converted, tmp_path):
    (tmp_path / WEIGHTS_FILE).write_bytes((converted("int5") / WEIGHTS_FILE).read_bytes())
    refused(converted("int8"), tmp_path, "cannot load")


def refused(good, own, words):
    """Load the folder `own`, whose weights are there already, with the manifest of another."""
    manifest = read_manifest(good)
    (own / "tokenizer.json").write_bytes((good / "tokenizer.json").read_bytes())
    records = manifest.files | record_files(own, [WEIGHTS_FILE])
    write_manifest(own, Manifest(**{**vars(manifest), "files": records}))
    assert json.loads((own / "manifest.json").read_text())["kind"] == "mlx"
    with pytest.raises(ModelError) as caught:
        nemocli.load(own)
    assert words in str(caught.value) and "onvert the" in str(caught.value)
