#!/usr/bin/env python
"""Write a diarization checkpoint with random weights, as nvidia/Nemotron-3-Diarization is laid out.

    python scripts/random_diarizer.py --out DIR [--shape NAME] [--seed N]
    python scripts/random_diarizer.py --out DIR --shape full     # the released sizes, 400 MB

As with scripts/random_checkpoint.py, no weight has a neutral value: a port that forgets one gives
other results. The head is set on sound, so that each speaker is active for a share of its own of
the time, and all probabilities occur.

Needs torch and transformers: `pip install nemocli[test]`.
"""

import argparse
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import (
    Nemotron3DiarizationConfig,
    Nemotron3DiarizationForAudioFrameClassification,
    Nemotron3DiarizationProcessor,
    NemotronAsrStreamingFeatureExtractor,
)

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.sounds import RATE, converse

#: The logits' standard deviation before thresholds are set.
LOGIT_SCALE = 4.0

#: The shares of the time that the first and the last speaker are active for.
MOST, LEAST = 0.38, 0.06


@dataclass(frozen=True)
class Shape:
    """Sizes of a checkpoint. Cache and FIFO are small, so that a minute compresses them often."""

    layers: int = 2
    hidden: int = 64
    heads: int = 4
    ff: int = 128
    head: int = 24
    speakers: int = 8
    silence: int = 1
    rotary: float | None = None
    cache: int = 40
    fifo: int = 30
    pop: int = 17
    chunk: int = 34
    lookahead: int = 4
    lookback: int = 0
    offline_fifo: int = 7
    offline_pop: int = 28


#: By the names that tests use.
SHAPES = {
    "small": Shape(),
    "five-speakers": Shape(speakers=5, silence=2, cache=30),
    "two-speakers": Shape(speakers=2, cache=12, fifo=20, pop=5),
    "half-rotary": Shape(rotary=0.5),
    "no-silence": Shape(speakers=4, silence=0, cache=24),
    "look-back": Shape(lookback=3, rotary=0.75, heads=2),
    "wide": Shape(hidden=96, heads=6, ff=80, head=40),
    "deep": Shape(layers=6),
    "long-pop": Shape(fifo=12, pop=40, cache=64),
    "released-cache": Shape(2, 64, 4, 128, 24, 8, 1, None, 264, 264, 222, 340, 40, 0, 40, 300),
    "full": Shape(31, 512, 8, 2048, 192, 8, 1, None, 264, 264, 222, 340, 40, 0, 40, 300),
}


def write_random_diarizer(folder: Path, shape: str = "small", seed: int = 0) -> None:
    """Write config.json, processor_config.json and model.safetensors into a folder."""
    sizes = SHAPES[shape]
    generator = torch.Generator().manual_seed(seed)
    model = Nemotron3DiarizationForAudioFrameClassification(make_config(sizes)).eval()
    extractor = NemotronAsrStreamingFeatureExtractor(feature_size=128)
    processor = Nemotron3DiarizationProcessor(extractor)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_(_draw(name, weight.shape, sizes.layers, generator))
        sounds = [converse(10, seed=seed + n) for n in range(2)]
        rows = [extractor(each, sampling_rate=RATE)["input_features"] for each in sounds]
        _set_embedder(model, rows)
        _set_head(model, rows, generator)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


def make_config(sizes: Shape) -> Nemotron3DiarizationConfig:
    """Return transformers' configuration for the sizes."""
    rope = {"rope_type": "default", "rope_theta": 10000.0}
    if sizes.rotary is not None:
        rope["partial_rotary_factor"] = sizes.rotary
    return Nemotron3DiarizationConfig(
        audio_config={
            "hidden_size": sizes.hidden,
            "intermediate_size": sizes.ff,
            "num_hidden_layers": sizes.layers,
            "num_attention_heads": sizes.heads,
            "rope_parameters": rope,
        },
        head_config={
            "hidden_size": sizes.head,
            "audio_hidden_size": sizes.hidden,
            "num_speakers": sizes.speakers,
        },
        streaming_config={
            "num_speakers": sizes.speakers,
            "speaker_cache_silence_frames_per_speaker": sizes.silence,
            "speaker_cache_length": sizes.cache,
            "fifo_length": sizes.fifo,
            "speaker_cache_update_period": sizes.pop,
        },
        chunk_length=sizes.chunk,
        chunk_right_context=sizes.lookahead,
        chunk_left_context=sizes.lookback,
        fifo_length=sizes.offline_fifo,
        speaker_cache_update_period=sizes.offline_pop,
    )


def _draw(name: str, shape: torch.Size, layers: int, generator: torch.Generator) -> torch.Tensor:
    """Draw a weight at a scale that keeps every part of the network audible in the result."""
    values = torch.randn(shape, generator=generator)
    kind = name.rpartition(".")[2]
    if name == "silence_embeds":
        return values
    if kind == "bias":
        return 0.15 * values
    if "norm" in name:
        return 1 + 0.15 * values
    values /= math.sqrt(values[0].numel())
    if "q_proj" in name or "k_proj" in name:
        return 1.7 * values
    if "o_proj" in name or "fc2" in name:  # many layers add up to no more than a few
        return 1.5 * min(1.0, math.sqrt(3 / layers)) * values
    if "upsampler" in name:  # near a repetition of the frame, so that its eight rows are alike
        size = shape[1]
        values = 0.5 * values
        values[:, :, 1] += torch.eye(size).repeat(shape[0] // size, 1)
    return values


def _set_embedder(
    model: Nemotron3DiarizationForAudioFrameClassification, rows: list[torch.Tensor]
) -> None:
    """Take the mean out of log-mel energies, which are all negative, and set the scale to 1."""
    embedder = model.model.audio_tower.embedder
    weight = embedder.projection.weight
    weight.sub_(0.98 * weight.mean(1, keepdim=True))
    embeds = torch.cat([embedder(each)[0] for each in rows])
    weight.div_(embeds.std(0).mean())
    model.silence_embeds.mul_(0.7).add_(embeds.mean(0) / embeds.std(0).mean())


def _set_head(
    model: Nemotron3DiarizationForAudioFrameClassification,
    rows: list[torch.Tensor],
    generator: torch.Generator,
) -> None:
    """Set the last layer: each speaker has a threshold for its share of the time."""
    found: list[torch.Tensor] = []
    hook = model.classifier.dense.register_forward_hook(
        lambda module, inputs, output: found.append(torch.relu(output)[0].clone())
    )
    for each in rows:
        model(each)
    hook.remove()
    hidden = torch.cat(found)
    mean, speakers = hidden.mean(0), len(model.classifier.out_proj.bias)
    weight = torch.randn(speakers, hidden.shape[1], generator=generator)
    weight = weight / ((hidden - mean) @ weight.T).std(0)[:, None]
    scores = (hidden - mean) @ weight.T
    shares = torch.linspace(MOST, LEAST, speakers)
    limits = torch.stack([scores[:, n].quantile(1 - share) for n, share in enumerate(shares)])
    model.classifier.out_proj.weight.copy_(LOGIT_SCALE * weight)
    model.classifier.out_proj.bias.copy_(-LOGIT_SCALE * (limits + weight @ mean))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--shape", choices=SHAPES, default="small")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    write_random_diarizer(arguments.out, arguments.shape, arguments.seed)


if __name__ == "__main__":
    main()
