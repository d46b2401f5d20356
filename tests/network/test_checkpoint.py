"""A damaged or foreign checkpoint is refused in one sentence that names the file or the tensor."""

import json
import os
import re
import struct
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from nemocli.errors import ModelError
from nemocli.network.checkpoint import Checkpoint, SafetensorsFiles
from nemocli.network.config import ModelConfig
from nemocli.network.parameters import list_shapes
from nemocli.transcript.token_decoder import TokenDecoder


def edit_json(path, change):
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def refused(folder, *words):
    """Assert that the checkpoint is refused in one sentence with these words; return it."""
    with pytest.raises(ModelError) as caught:
        Checkpoint(folder)
    message = str(caught.value)
    assert "\n" not in message and message.endswith(".")
    for word in words:
        assert word in message
    return message


def test_sizes_come_from_the_configuration(demo):
    checkpoint = Checkpoint(demo)
    raw = json.loads((demo / "config.json").read_text())
    assert checkpoint.config.vocab_size == raw["vocab_size"]
    assert checkpoint.config.left_context == raw["encoder_config"]["sliding_window"] - 1
    assert set(checkpoint.weights.shapes()) == set(list_shapes(checkpoint.config))
    assert ModelConfig.from_json(json.loads(json.dumps(checkpoint.config.to_json()))) == (
        checkpoint.config
    )


@pytest.mark.parametrize(
    "name",
    [
        "config.json",
        "generation_config.json",
        "processor_config.json",
        "tokenizer.json",
        "model.safetensors",
    ],
)
def test_missing_file(checkpoint, name):
    (checkpoint / name).unlink()
    refused(checkpoint, "lacks the file", name)


def test_missing_folder(tmp_path):
    refused(tmp_path / "nowhere", "no checkpoint folder", "nowhere")


@pytest.mark.parametrize("name", ["config.json", "processor_config.json"])
@pytest.mark.parametrize("text", ["", "{", "[]", "\x00\x01"])
def test_damaged_json(checkpoint, name, text):
    (checkpoint / name).write_text(text)
    refused(checkpoint, name)


def test_unknown_architecture(checkpoint):
    edit_json(checkpoint / "config.json", lambda c: c.update(model_type="whisper"))
    refused(checkpoint, "'whisper'", "nemotron3_5_asr")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("attention_bias", True),
        ("scale_input", True),
        ("hidden_act", "gelu"),
        ("subsampling_factor", 4),
        ("num_hidden_layers", 1),
        ("num_attention_heads", 7),
        ("hidden_size", "144"),
        ("conv_kernel_size", None),
    ],
)
def test_what_is_not_implemented_is_refused(checkpoint, key, value):
    edit_json(checkpoint / "config.json", lambda c: c["encoder_config"].update({key: value}))
    refused(checkpoint)


def test_missing_key(checkpoint):
    edit_json(checkpoint / "config.json", lambda c: c.pop("blank_token_id"))
    refused(checkpoint, "blank_token_id")


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_truncated_weights(checkpoint, keep):
    path = checkpoint / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    refused(checkpoint, "model.safetensors", "truncated or damaged")


def test_missing_tensor(checkpoint):
    path = checkpoint / "model.safetensors"
    tensors = load_file(path)
    del tensors["encoder.layers.1.self_attn.bias_u"]
    save_file(tensors, path)
    refused(checkpoint, "encoder.layers.1.self_attn.bias_u")


def test_misshapen_tensor(checkpoint):
    path = checkpoint / "model.safetensors"
    tensors = load_file(path)
    name = "joint.head.weight"
    tensors[name] = np.ascontiguousarray(tensors[name].T)
    save_file(tensors, path)
    message = refused(checkpoint, name)
    assert len(re.findall(r"\[\d+, \d+\]", message)) == 2  # its shape, and the expected one


@pytest.mark.parametrize("how", ["written to", "replaced"])
def test_weights_that_are_changed_while_they_are_read(checkpoint, how):
    weights = checkpoint / "model.safetensors"
    parameters, name = Checkpoint(checkpoint).parameters, "joint.head.bias"
    parameters[name].load()
    if how == "replaced":
        other = checkpoint / "other"
        other.write_bytes(weights.read_bytes())
        other.rename(weights)
    else:
        with weights.open("r+b") as file:
            file.seek(-4, 2)
            file.write(b"1234")
        os.utime(weights, ns=(1, 1))  # as a clock that ticks would have it
    with pytest.raises(ModelError, match="was changed while it was read"):
        parameters[name].load()


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_what_was_read_does_not_stay_in_memory(checkpoint):
    parameters = Checkpoint(checkpoint).parameters
    parameters.check()
    assert "model.safetensors" not in Path("/proc/self/maps").read_text()


def test_shards_are_the_same_checkpoint(checkpoint, demo):
    path = checkpoint / "model.safetensors"
    tensors = load_file(path)
    names = sorted(tensors)
    parts = {"model-1.safetensors": names[::2], "model-2.safetensors": names[1::2]}
    for file, part in parts.items():
        save_file({name: tensors[name] for name in part}, checkpoint / file)
    weight_map = {name: file for file, part in parts.items() for name in part}
    index = checkpoint / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    path.unlink()
    whole, sharded = Checkpoint(demo), Checkpoint(checkpoint)
    for name in names:
        np.testing.assert_array_equal(sharded.weights.read(name), whole.weights.read(name))
    (checkpoint / "model-2.safetensors").unlink()
    refused(checkpoint, "model-2.safetensors")


def test_index_must_not_lead_outside_the_folder(checkpoint):
    (checkpoint / "model.safetensors").unlink()
    index = checkpoint / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "../secret.safetensors"}}))
    refused(checkpoint, "index.json")


@pytest.mark.parametrize(
    ("dtype", "shape", "size"),
    [("F4", [2], 1), ("C64", [1], 8), ("F32", [0, 2**40, 2**40], 0), ("F32", [1] * 70, 4)],
)
def test_a_tensor_of_a_kind_that_numpy_lacks(tmp_path, dtype, shape, size):
    header = {"a": {"dtype": dtype, "shape": shape, "data_offsets": [0, size]}}
    text = json.dumps(header).encode()
    content = struct.pack("<Q", len(text)) + text + b"\0" * size
    (tmp_path / "model.safetensors").write_bytes(content)
    # Older versions of safetensors do not know these data types, and refuse the whole file.
    with pytest.raises(
        ModelError, match=r"(The tensor '?a'? cannot be read: |is truncated or d).*\.$"
    ):
        SafetensorsFiles(tmp_path).read("a")


def test_numbers_beyond_float32_are_infinite_without_a_warning(tmp_path):
    save_file({"a": np.array([1e300, 1.0])}, tmp_path / "model.safetensors")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert SafetensorsFiles(tmp_path).read("a").tolist() == [np.inf, 1.0]


def test_an_empty_list_of_lookaheads(checkpoint):
    key = "supported_num_lookahead_tokens"
    edit_json(checkpoint / "config.json", lambda c: c["encoder_config"].update({key: []}))
    edit_json(checkpoint / "processor_config.json", lambda c: c.update({key: []}))
    refused(checkpoint, key)


def test_a_default_prompt_that_does_not_exist(checkpoint):
    edit_json(checkpoint / "config.json", lambda c: c.update(default_prompt_id=128))
    refused(checkpoint, "a prompt id is too large")


@pytest.mark.parametrize(
    "change",
    [
        # Values that the library computes with unchecked, so that it panics.
        lambda data: data["model"].update(continuing_subword_prefix="####"),
        lambda data: data.update(decoder={"type": "Strip", "content": "▁", "start": 0, "stop": 1}),
    ],
)
def test_a_tokenizer_at_which_the_library_panics(demo, checkpoint, change):
    vocabulary = {"<unk>": 0, "▁": 1, "b": 2, "▁b": 3, "": 4}
    data = json.loads((demo / "tokenizer.json").read_text())
    data["added_tokens"] = []
    data["model"] = {"type": "BPE", "unk_token": "<unk>", "vocab": vocabulary}
    data["model"]["merges"] = [["▁", "b"]]
    change(data)
    (checkpoint / "tokenizer.json").write_text(json.dumps(data))
    with pytest.raises(ModelError, match=r"tokenizer"):
        pieces = TokenDecoder(Checkpoint(checkpoint).tokenizer)
        for token in range(len(vocabulary)):
            pieces.decode_text([token])
