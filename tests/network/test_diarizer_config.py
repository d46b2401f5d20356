"""The configuration of a diarization model: what is read, and what is refused in one sentence."""

import copy
import json

import pytest

from nemocli.errors import ModelError
from nemocli.network.checkpoint import Checkpoint
from nemocli.network.diarizer_checkpoint import DiarizerFolder, open_some_checkpoint
from nemocli.network.diarizer_config import DiarizerConfig, read_diarizer_config
from tests.diarizers import CONFIG_JSON, PROCESSOR_JSON, write_tiny_diarizer

#: Where a value is changed, to what, and what the sentence names.
REFUSED = [
    ("audio_config.hidden_act", "gelu_new", "hidden_act"),
    ("audio_config.rope_parameters.rope_type", "yarn", "rope_type"),
    ("audio_config.num_key_value_heads", 1, "num_key_value_heads"),
    ("audio_config.subsampling_factor", 4, "subsampling_factor"),
    ("audio_config.num_attention_heads", 3, "heads"),
    ("audio_config.max_position_embeddings", 20, "max_position_embeddings"),
    ("audio_config.rope_parameters.partial_rotary_factor", 1.5, "partial_rotary_factor"),
    ("audio_config.rope_parameters.partial_rotary_factor", 0.75, "even number"),
    ("audio_config.rope_parameters", None, "rope_parameters"),
    ("audio_config.hidden_size", "8", "hidden_size"),
    ("audio_config.num_mel_bins", 15, "mels"),
    ("head_config.audio_hidden_size", 9, "audio_hidden_size"),
    ("head_config.num_speakers", 1000, "num_speakers"),
    ("streaming_config.num_speakers", 4, "num_speakers"),
    ("streaming_config.speaker_cache_length", 5, "speaker_cache_length"),
    ("streaming_config.prediction_score_threshold", 0, "prediction_score_threshold"),
    ("streaming_config.weak_boost_rate", float("nan"), "weak_boost_rate"),
    ("chunk_right_context", 20, "chunk_right_context"),
    ("processor.streaming_mode", "lowest", "streaming_mode"),
    ("processor.streaming_modes", {}, "streaming_modes"),
    ("processor.streaming_modes", {"low_latency": [0, 1]}, "low_latency"),
    ("processor.streaming_modes", {"low_latency": 5}, "low_latency"),
    ("processor.feature_extractor.sampling_rate", 8000, "sampling_rate"),
    ("processor.feature_extractor.mel_filters_dtype", "float64", "mel_filters_dtype"),
]


def change(path, value):
    """Return both files with one value changed, or removed if it is None."""
    files = copy.deepcopy({"processor": PROCESSOR_JSON, **CONFIG_JSON})
    *parents, key = path.split(".")
    place = files
    for parent in parents:
        place = place[parent]
    if value is None:
        del place[key]
    else:
        place[key] = value
    return files, files.pop("processor")


@pytest.mark.parametrize(("path", "value", "named"), REFUSED)
def test_what_is_not_implemented_is_refused(path, value, named):
    with pytest.raises(ModelError) as caught:
        read_diarizer_config(*change(path, value))
    sentence = str(caught.value)
    assert named in sentence and sentence.endswith(".") and "\n" not in sentence


@pytest.mark.parametrize("key", [*CONFIG_JSON["streaming_config"]])
def test_a_missing_key_is_named(key):
    if key in ("num_speakers", "subsampling_factor"):
        return  # copies of others
    with pytest.raises(ModelError, match=key):
        read_diarizer_config(*change(f"streaming_config.{key}", None))


def test_a_manifest_gives_the_same_back():
    config = read_diarizer_config(
        *change("audio_config.rope_parameters.partial_rotary_factor", 0.5)
    )
    assert config.rotary_size == 2
    assert read_diarizer_config(CONFIG_JSON, PROCESSOR_JSON).rotary_size == 4
    data = json.loads(json.dumps(config.to_json()))
    assert DiarizerConfig.from_json(data) == config
    for key, value in [("num_speakers", 0), ("modes", {}), ("weak_boost_rate", "1"), ("x", 1)]:
        with pytest.raises((ValueError, TypeError, ModelError)):
            DiarizerConfig.from_json(data | {key: value})


def test_the_kinds_are_not_mistaken_for_each_other(tmp_path, demo):
    folder = write_tiny_diarizer(tmp_path / "diarizer")
    with pytest.raises(ModelError, match="finds who speaks and not what is said; give a model"):
        Checkpoint(folder)
    with pytest.raises(ModelError, match="to find who speaks, nemocli runs only"):
        DiarizerFolder(demo)
    assert isinstance(open_some_checkpoint(folder), DiarizerFolder)
    assert isinstance(open_some_checkpoint(demo), Checkpoint)


def test_weights_of_another_model_are_refused(tmp_path):
    folder = write_tiny_diarizer(tmp_path / "diarizer")
    config = json.loads((folder / "config.json").read_text())
    config["audio_config"]["num_hidden_layers"] = 2
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="lacks the tensor"):
        DiarizerFolder(folder)
