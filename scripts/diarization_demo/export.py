"""Write the trained diarizer in the hub's file layout, with weights of half size.

Run `python export.py --checkpoint WORK/checkpoint --out ../../assets/diarization-demo`. The README
there is not made by this.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoProcessor,
    Nemotron3DiarizationForAudioFrameClassification,
    Nemotron3DiarizationProcessor,
    NemotronAsrStreamingFeatureExtractor,
)

from nemocli.models.demo_integrity import DEMO_HASH
from nemocli.network.diarizer_checkpoint import open_some_checkpoint

Model = Nemotron3DiarizationForAudioFrameClassification


def write_model(checkpoint: Path, out: Path) -> None:
    """config.json, and the weights as float16."""
    Model.from_pretrained(checkpoint, dtype=torch.float32).save_pretrained(out)
    weights = load_file(out / "model.safetensors")
    half = {name: tensor.half().contiguous() for name, tensor in weights.items()}
    save_file(half, out / "model.safetensors", metadata={"format": "pt"})
    (out / "model.safetensors").chmod(0o644)
    path = out / "config.json"
    config = json.loads(path.read_text())
    for part in (config, config["audio_config"], config["head_config"], config["streaming_config"]):
        if "dtype" in part:
            part["dtype"] = "float16"
    path.write_text(json.dumps(config, indent=2) + "\n")


def check(out: Path) -> None:
    """Load the folder as a user would, and diarize a second of silence."""
    model = Model.from_pretrained(out, dtype=torch.float32).eval()
    processor = AutoProcessor.from_pretrained(out)
    with torch.no_grad():
        logits = model(**processor(torch.zeros(16_000).numpy(), sampling_rate=16_000)).logits
    assert logits.shape[2] == model.config.head_config.num_speakers
    assert not (logits > 0).any(), "somebody speaks in silence"
    count = sum(p.numel() for p in model.parameters())
    size = sum(path.stat().st_size for path in out.iterdir())
    print(f"{count} parameters, {size / 1e6:.2f} MB in {out}")


def write_hash(out: Path) -> None:
    """Write the hash by which nemocli knows that the files are as they were exported."""
    (out / DEMO_HASH).write_text(open_some_checkpoint(out).sha256 + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    write_model(args.checkpoint, args.out)
    extractor = NemotronAsrStreamingFeatureExtractor(feature_size=128)
    Nemotron3DiarizationProcessor(extractor).save_pretrained(args.out)
    write_hash(args.out)
    check(args.out)


if __name__ == "__main__":
    main()
