"""A diarization checkpoint of the smallest sizes: kilobytes of random weights, without torch."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from nemocli.network.diarizer_config import read_diarizer_config
from nemocli.network.diarizer_parameters import list_diarizer_shapes

CONFIG_JSON: dict[str, Any] = {
    "model_type": "nemotron3_diarization",
    "audio_config": {
        "hidden_act": "gelu",
        "hidden_size": 8,
        "intermediate_size": 12,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "max_position_embeddings": 500,
        "num_mel_bins": 16,
        "subsampling_factor": 8,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
    },
    "head_config": {
        "hidden_size": 4,
        "num_speakers": 3,
        "audio_hidden_size": 8,
        "subsampling_factor": 8,
    },
    "streaming_config": {
        "speaker_cache_length": 12,
        "fifo_length": 10,
        "speaker_cache_update_period": 5,
        "speaker_cache_silence_frames_per_speaker": 1,
        "prediction_score_threshold": 0.25,
        "latest_frames_score_boost": 0.05,
        "strong_boost_rate": 0.75,
        "weak_boost_rate": 1.5,
        "min_positive_scores_rate": 0.5,
        "num_speakers": 3,
        "subsampling_factor": 8,
    },
    "chunk_length": 20,
    "chunk_right_context": 3,
    "chunk_left_context": 0,
    "fifo_length": 6,
    "speaker_cache_update_period": 12,
}
PROCESSOR_JSON: dict[str, Any] = {
    "feature_extractor": {
        "feature_size": 16,
        "sampling_rate": 16000,
        "n_fft": 512,
        "win_length": 400,
        "hop_length": 160,
        "preemphasis": 0.97,
    },
    "subsampling_factor": 8,
    "streaming_mode": "low_latency",
    "streaming_modes": {"ultra_low_latency": [2, 1], "low_latency": [5, 2]},
}

#: Settings of the same sizes in a .nemo archive.
NEMO_SETTINGS: dict[str, Any] = {
    "target": "nemo.collections.asr.models.sortformer_diar_models.SortformerEncLabelModel",
    "encoder": {"d_model": 8, "n_layers": 1, "n_heads": 2, "feat_in": 16, "subsampling_factor": 8},
    "preprocessor": {
        **{"normalize": "NA", "sample_rate": 16000, "features": 16, "n_fft": 512},
        **{"window_size": 0.025, "window_stride": 0.01, "preemph": 0.97},
    },
    "sortformer_modules": {"fifo_len": 0, "spkcache_len": 188, "num_spks": 3},
}


def write_tiny_diarizer(
    folder: Path, seed: int = 0, mels: int = 16, settings: dict[str, Any] = CONFIG_JSON
) -> Path:
    """Write config.json, processor_config.json and model.safetensors; return the folder.

    It takes rows of `mels`; 128 are those of the demo. `settings` are those of config.json.
    """
    config, processor = deepcopy(settings), deepcopy(PROCESSOR_JSON)
    config["audio_config"]["num_mel_bins"] = mels
    processor["feature_extractor"]["feature_size"] = mels
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "processor_config.json").write_text(json.dumps(processor))
    random = np.random.default_rng(seed)
    shapes = list_diarizer_shapes(read_diarizer_config(config, processor))
    weights = {
        name: random.normal(size=shape).astype(np.float32) / np.float32(shape[-1] ** 0.5)
        for name, shape in shapes.items()
    }
    save_file(weights, folder / "model.safetensors")
    return folder
