"""What finding speakers takes is not more than `--max-memory` counts with."""

import tracemalloc
from copy import deepcopy

import numpy as np
import pytest

import nemocli
from nemocli.batch.limits import _estimate_speaker_bytes
from nemocli.diarization.modes import OFFLINE
from tests.diarizers import CONFIG_JSON, write_tiny_diarizer


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """A model with the proportions of the released one: wide feed forwards, long steps."""
    settings = deepcopy(CONFIG_JSON)
    sizes = {"hidden_size": 128, "intermediate_size": 1024, "max_position_embeddings": 5000}
    settings["audio_config"].update(sizes)
    settings["head_config"]["audio_hidden_size"] = 128
    settings["streaming_config"].update(speaker_cache_length=264, fifo_length=40)
    settings.update(chunk_length=340, chunk_right_context=40, fifo_length=40)
    return write_tiny_diarizer(tmp_path_factory.mktemp("wide") / "model", settings=settings)


@pytest.mark.parametrize("model", ["wide", "demo"])
def test_no_step_takes_more_than_is_counted(model, wide):
    """By numpy, whose arrays are counted as they are made, on any machine."""
    with nemocli.load_diarizer(wide if model == "wide" else model, runtime="numpy") as diarizer:
        config, mode = diarizer.config, diarizer.modes[OFFLINE]
        rows = np.random.default_rng(0).standard_normal(
            (2 * 8 * mode.embed_frames, config.features.num_mels), np.float32
        )
        diarizer.begin(OFFLINE).feed(rows[: 8 * mode.embed_frames])  # loads the weights
        tracemalloc.start()
        try:
            stream = diarizer.begin(OFFLINE)
            stream.feed(rows)
            stream.finish()
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    counted = _estimate_speaker_bytes(config, 1)
    assert counted / 4 < most < counted
