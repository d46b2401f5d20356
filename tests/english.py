"""A checkpoint of the model for English alone, made of the demo: the same layers, no prompts."""

import json
import shutil
from pathlib import Path

import numpy as np
import soundfile
from safetensors.numpy import load_file, save_file

import nemocli
from nemocli.models.paths import find_demo_folder
from nemocli.network import layers

LEFT_CONTEXT, LOOKAHEADS = 70, [13, 6, 1, 0]

#: The weight of small coefficients when prompt fusion is replaced, against noise.
RIDGE = 0.1


def write_english_demo(folder: Path) -> Path:
    """Write it into a new folder, and return that. It transcribes the bundled English clips.

    Prompt fusion for en-US is replaced by the matrix that comes nearest to it on bundled clips,
    which is multiplied into the encoder's projector.
    """
    shutil.copytree(find_demo_folder(), folder)
    config = json.loads((folder / "config.json").read_text())
    for key in [key for key in config if "prompt" in key or key == "supported_languages"]:
        del config[key]
    config |= {
        "model_type": "nemotron_asr_streaming",
        "architectures": ["NemotronAsrStreamingForRNNT"],
    }
    config["encoder_config"] |= {
        "sliding_window": LEFT_CONTEXT + 1,
        "supported_num_lookahead_tokens": LOOKAHEADS,
        "default_num_lookahead_tokens": LOOKAHEADS[0],
    }
    (folder / "config.json").write_text(json.dumps(config))
    processor = json.loads((folder / "processor_config.json").read_text())
    kept = {"feature_extractor": processor["feature_extractor"]}
    (folder / "processor_config.json").write_text(json.dumps(kept))
    tokenizer = (folder / "tokenizer.json").read_text(encoding="utf-8")
    for tag in ("de-DE", "en-US", "es-ES", "fr-FR", "ja-JP"):  # it has no tags
        tokenizer = tokenizer.replace(f"<{tag}>", f"[{tag}]")
    (folder / "tokenizer.json").write_text(tokenizer, encoding="utf-8")
    weights = load_file(folder / "model.safetensors")
    matrix, bias = _fit_fusion()
    projector = weights["encoder_projector.weight"].astype(np.float64)
    own = {name: value for name, value in weights.items() if "prompt" not in name}
    own["encoder_projector.weight"] = (projector @ matrix).astype(np.float32)
    own["encoder_projector.bias"] = (projector @ bias + weights["encoder_projector.bias"]).astype(
        np.float32
    )
    save_file(own, folder / "model.safetensors")
    return folder


def _fit_fusion() -> tuple[np.ndarray, np.ndarray]:
    """Return the matrix [hidden, hidden] and the bias nearest to the demo's fusion for en-US."""
    seen, fused, fuse = [], [], layers.fuse_prompt

    def watched(ops, p, x, one_hot):
        out = fuse(ops, p, x, one_hot)
        seen.append(np.reshape(x, (-1, x.shape[-1])))
        fused.append(np.reshape(out, (-1, out.shape[-1])))
        return out

    transcriber = nemocli.load("demo", runtime="numpy", lookahead=3)
    layers.fuse_prompt = watched
    try:
        for clip in sorted(find_demo_folder().parent.glob("clips/*-[12].flac")):
            transcriber.transcribe(soundfile.read(clip, dtype="float32")[0], lang="en-US")
    finally:
        layers.fuse_prompt = fuse
    inputs = np.concatenate(seen).astype(np.float64)
    inputs = np.concatenate([inputs, np.ones((len(inputs), 1))], 1)
    targets = np.concatenate(fused).astype(np.float64)
    normal = inputs.T @ inputs + RIDGE * np.eye(inputs.shape[1])
    solved = np.linalg.solve(normal, inputs.T @ targets)
    return solved[:-1].T, solved[-1]
