"""The model for English alone, in both forms; and other models, which are refused by name."""

import json

import numpy as np
import pytest
import yaml

from nemocli.errors import ModelError
from nemocli.models.convert import convert
from nemocli.models.folder import MODEL_MANIFEST, parse_manifest
from nemocli.network.checkpoint import Checkpoint
from nemocli.network.config import ModelConfig, read_config
from nemocli.network.nemo import NemoCheckpoint
from nemocli.network.nemo_archive import CONFIG
from nemocli.network.parameters import list_shapes
from tests.fuzz import tiny
from tests.nemo import tar
from tests.network.broken import write


@pytest.fixture(scope="module")
def english(tmp_path_factory):
    return write(tmp_path_factory.mktemp("english") / "checkpoint", tiny.english_files())


def configured(change):
    """Read the configuration after `change` was called with the two files that say most."""
    config, processor = (
        json.loads(json.dumps(data))
        for data in (tiny.ENGLISH_CONFIG_JSON, tiny.ENGLISH_PROCESSOR_JSON)
    )
    change(config, processor)
    return read_config(config, tiny.GENERATION_JSON, processor)


def test_it_has_no_prompts_and_one_language(english):
    config = Checkpoint(english).config
    assert (config.num_prompts, config.prompt_size, config.prompts) == (0, 0, {})
    assert config.languages == ("en-US",)
    assert not any("prompt" in name for name in list_shapes(config))
    assert ModelConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


@pytest.mark.parametrize(
    ("key", "value"),
    [("prompt_size", 4), ("prompts", {"en-US": 0}), ("languages", []), ("num_prompts", False)],
)
def test_a_manifest_that_contradicts_itself(english, key, value):
    data = Checkpoint(english).config.to_json() | {key: value}
    with pytest.raises((ValueError, ModelError)):
        ModelConfig.from_json(data)


def test_the_tokenizer_s_blank_is_not_the_model_s(english):
    checkpoint = Checkpoint(english)
    pieces = {
        token["content"]: token["id"] for token in json.loads(checkpoint.tokenizer)["added_tokens"]
    }
    assert pieces["<blank>"] == checkpoint.config.blank_id == len(tiny.ENGLISH_PIECES)
    assert "<pad>" not in pieces


@pytest.mark.parametrize(
    ("in_config", "in_processor", "lookaheads", "default"),
    [
        ([1, 0], None, (1, 0), 1),
        (None, [6, 1], (6, 1), 6),
        (None, None, (13, 6, 1, 0), 13),
    ],
)
def test_the_lookaheads_are_those_listed_or_transformers_own(
    in_config, in_processor, lookaheads, default
):
    key = "supported_num_lookahead_tokens"

    def change(config, processor):
        del config["encoder_config"][key], config["encoder_config"]["default_num_lookahead_tokens"]
        if in_config:
            config["encoder_config"][key] = in_config
        if in_processor:
            processor[key] = in_processor

    read = configured(change)
    assert (read.lookaheads, read.default_lookahead) == (lookaheads, default)


@pytest.mark.parametrize("key", ["attention_bias", "convolution_bias", "scale_input"])
def test_what_is_left_out_is_true_in_transformers(key):
    def change(config, processor):
        del config["encoder_config"][key]

    with pytest.raises(ModelError, match=f"does not set {key}, which then is True"):
        configured(change)


@pytest.mark.parametrize("key", ["num_mel_bins", "sliding_window", "hidden_size"])
def test_a_size_that_is_left_out_is_not_assumed(key):
    def change(config, processor):
        del config["encoder_config"][key]

    with pytest.raises(ModelError, match=key):
        configured(change)


def test_an_archive_with_a_ctc_head_and_a_front_end_is_the_same_model(english, tmp_path):
    path = tmp_path / "english.nemo"
    path.write_bytes(tar(tiny.english_nemo_members().items()))
    archive, folder = NemoCheckpoint(path), Checkpoint(english)
    assert archive.config == folder.config
    for name in folder.weights.shapes():
        np.testing.assert_array_equal(archive.weights.read(name), folder.weights.read(name))
    for source, out in ((path, "archive"), (english, "folder")):
        convert(source, tmp_path / out, "onnx")
    files = [
        {file.name: file.read_bytes() for file in (tmp_path / out).iterdir()}
        for out in ("archive", "folder")
    ]
    for each in files:
        del each[MODEL_MANIFEST]  # it names the source
    assert files[0] == files[1]
    assert parse_manifest(tmp_path / "archive").lookaheads == (0, 1)


def test_an_archive_whose_settings_and_weights_are_of_two_models(tmp_path):
    """Prompts in the weights alone: the settings must have their dictionary."""
    members = tiny.nemo_members()
    settings = yaml.safe_load(members[CONFIG])
    del settings["model_defaults"]
    path = tmp_path / "mixed.nemo"
    path.write_bytes(tar((members | {CONFIG: yaml.safe_dump(settings).encode()}).items()))
    with pytest.raises(ModelError, match="lacks the section model_defaults"):
        NemoCheckpoint(path)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("parakeet_tdt", "Parakeet TDT, which also predicts durations"),
        ("parakeet_ctc", "Parakeet CTC"),
        ("canary", "Canary, which translates too"),
        ("whisper", "Whisper"),
    ],
)
def test_another_architecture_is_refused_by_what_it_is(english, tmp_path, name, what):
    files = tiny.english_files()
    config = json.loads(files["config.json"]) | {"model_type": name}
    folder = write(tmp_path / "other", files | {"config.json": json.dumps(config).encode()})
    with pytest.raises(ModelError) as caught:
        Checkpoint(folder)
    sentence = str(caught.value)
    assert repr(name) in sentence and what in sentence
    assert "'nemotron3_5_asr'" in sentence and "'nemotron_asr_streaming'" in sentence
    assert sentence.endswith(".") and "\n" not in sentence


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"target": "nemo.collections.asr.models.EncDecMultiTaskModel"}, "Canary"),
        (
            {"target": "nemo.multitalker_asr_models.EncDecMultiTalkerRNNTBPEModel"},
            "Multitalker Parakeet, which needs a diarization model",
        ),
        ({"target": "nemo.collections.asr.models.EncDecCTCModelBPE"}, "Parakeet CTC"),
        ({"target": "nemo.SortformerEncLabelModel"}, "who speaks"),
        ({"target": "nemo.tts.models.FastPitchModel"}, "NeMo's class 'FastPitchModel'"),
        ({"loss": {"loss_name": "tdt"}}, "Parakeet TDT"),
        ({"decoding": {"durations": [0, 1, 2]}}, "Parakeet TDT"),
        ({"model_defaults": {"tdt_durations": [0, 1]}}, "Parakeet TDT"),
        ({"encoder": {"att_context_style": "chunked_limited_with_rc"}}, "Parakeet Unified"),
    ],
)
def test_another_kind_of_archive_is_refused_by_what_it_is(tmp_path, change, what):
    """Before anything else of it is read: such an archive may have several tokenizers."""
    path = tmp_path / "other.nemo"
    settings = {"target": "nemo.collections.asr.models.EncDecRNNTBPEModel"} | change
    path.write_bytes(tar([(CONFIG, yaml.safe_dump(settings).encode())]))
    with pytest.raises(ModelError) as caught:
        NemoCheckpoint(path)
    sentence = str(caught.value)
    assert what in sentence and "nemocli runs only" in sentence
    assert sentence.endswith(".") and "\n" not in sentence
