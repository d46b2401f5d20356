"""The demo diarizer: the released architecture, made small, and initialised so that it learns fast.

Nothing to run: train.py and evaluate.py use it.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from transformers import (
    Nemotron3DiarizationConfig,
    Nemotron3DiarizationForAudioFrameClassification,
)

HIDDEN, LAYERS, HEAD, SPEAKERS = 80, 6, 32, 4
CACHE, FIFO, PERIOD = 132, 132, 100  # frames of 80 ms; the cache holds 32 of each speaker
OFFLINE_CHUNK, OFFLINE_AHEAD, OFFLINE_FIFO, OFFLINE_PERIOD = 220, 28, 40, 180


def configuration() -> Nemotron3DiarizationConfig:
    """The released configuration with small sizes."""
    return Nemotron3DiarizationConfig(
        audio_config={
            "hidden_size": HIDDEN,
            "intermediate_size": 2 * HIDDEN,
            "num_hidden_layers": LAYERS,
            "num_attention_heads": 4,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0},
        },
        head_config={"hidden_size": HEAD, "audio_hidden_size": HIDDEN, "num_speakers": SPEAKERS},
        streaming_config={
            "num_speakers": SPEAKERS,
            "speaker_cache_length": CACHE,
            "fifo_length": FIFO,
            "speaker_cache_update_period": PERIOD,
        },
        chunk_length=OFFLINE_CHUNK,
        chunk_right_context=OFFLINE_AHEAD,
        fifo_length=OFFLINE_FIFO,
        speaker_cache_update_period=OFFLINE_PERIOD,
    )


@torch.no_grad()
def new_model() -> Nemotron3DiarizationForAudioFrameClassification:
    """A model with fresh weights.

    Log-mel values lie around -9; rows of the embedder that sum to zero do not see that mean, nor
    how loud the sound is.
    """
    model = Nemotron3DiarizationForAudioFrameClassification(configuration())
    for name, weights in model.named_parameters():
        if weights.dim() == 2 and "upsampler" not in name:
            nn.init.xavier_uniform_(weights)
            if name.endswith(("o_proj.weight", "fc2.weight")):
                weights /= math.sqrt(2 * LAYERS)
    embedder = model.model.audio_tower.embedder.projection.weight
    embedder -= embedder.mean(1, keepdim=True)
    model.silence_embeds.normal_(std=0.1)
    return model
