#!/usr/bin/env python
"""Write a checkpoint folder in the hub's layout as a `.nemo` archive, NVIDIA NeMo's own form.

    python scripts/write_nemo.py assets/demo --out demo.nemo

The released archive is too large for a test. This one has NeMo's layout, tensor names and settings,
and weights that exist in the hub's layout too, so a test can show that both are read as the same
model. Names of members and settings follow NeMo's save_restore_connector and configuration files.

Needs torch: `pip install nemocli[test]`.
"""

import argparse
import io
import json
import os
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import IO, Any

import yaml
from tokenizers import Tokenizer

sys.path.insert(0, str(Path(__file__).parents[1]))
from nemocli.network.nemo_archive import CONFIG, WEIGHTS
from nemocli.network.sentencepiece import PieceKind
from tests.nemo import nemo_name, sentencepiece_model

TOKENIZER = "0123456789abcdef0123456789abcdef_tokenizer.model"


def write_nemo(folder: Path, out: Path) -> None:
    """Write the archive `out` from the checkpoint `folder`, weights in one safetensors file."""
    pieces = read_pieces(folder)
    settings = yaml.safe_dump(make_settings(folder, pieces), allow_unicode=True).encode()
    with tarfile.open(out, "w:") as tar, tempfile.NamedTemporaryFile(dir=out.parent) as weights:
        save_weights(folder, weights.name)
        add(tar, CONFIG, io.BytesIO(settings), len(settings))
        add(tar, WEIGHTS, weights, os.path.getsize(weights.name))
        tokenizer = sentencepiece_model(pieces)
        add(tar, TOKENIZER, io.BytesIO(tokenizer), len(tokenizer))


def add(tar: tarfile.TarFile, name: str, content: IO[bytes], size: int) -> None:
    member = tarfile.TarInfo(f"./{name}")
    member.size = size
    tar.addfile(member, content)


def save_weights(folder: Path, out: str) -> None:
    """Save the state dictionary, with the front end's tensors that NeMo keeps in it."""
    import torch  # here, as the tests import this file for other things too
    from safetensors.torch import load_file

    tensors = load_file(folder / "model.safetensors")
    state = torch.nn.Module().state_dict()  # an OrderedDict with what torch adds to it
    state["preprocessor.featurizer.window"] = torch.hann_window(400, periodic=False)
    state["preprocessor.featurizer.fb"] = torch.zeros(1, 128, 257)
    for name in sorted(tensors):
        state[nemo_name(name)] = tensors[name]
    torch.save(state, out)


# ----------------------------------------------------------------------------------- settings


def make_settings(folder: Path, pieces: list[tuple[str, PieceKind]]) -> dict[str, Any]:
    """Return the content of model_config.yaml, with interpolations resolved as NeMo saves it."""
    config, processor = (
        json.loads((folder / name).read_text()) for name in ("config.json", "processor_config.json")
    )
    hidden, decoder = config["encoder_config"]["hidden_size"], config["decoder_hidden_size"]
    target, prompts = "rnnt_bpe_models.EncDecRNNTBPEModel", {}
    if "num_prompts" in config:  # the model for English alone has none
        target = "rnnt_bpe_models_prompt.EncDecRNNTBPEModelWithPrompt"
        prompts = {
            "initialize_prompt_feature": True,
            "num_prompts": config["num_prompts"],
            # A bare `no` is False in YAML, and NeMo writes it so.
            "prompt_dictionary": {
                False if name == "no" else name: index
                for name, index in processor["prompt_dictionary"].items()
            },
        }
    return {
        "target": f"nemo.collections.asr.models.{target}",
        "sample_rate": 16000,
        "labels": [piece for piece, _ in pieces],
        "model_defaults": {
            "enc_hidden": hidden,
            "pred_hidden": decoder,
            "joint_hidden": decoder,
            **prompts,
        },
        "tokenizer": {"dir": "?", "type": "bpe", "model_path": f"nemo:{TOKENIZER}"},
        "preprocessor": preprocessor_settings(processor["feature_extractor"]),
        "encoder": encoder_settings(config["encoder_config"]),
        "decoder": {
            "normalization_mode": None,
            "blank_as_pad": True,
            "prednet": {"pred_hidden": decoder, "pred_rnn_layers": config["num_decoder_layers"]},
            "vocab_size": len(pieces),
        },
        "joint": {
            "num_classes": len(pieces),
            "jointnet": {"joint_hidden": decoder, "activation": "relu", "dropout": 0.2},
        },
        "decoding": {
            "strategy": "greedy_batch",
            "greedy": {"max_symbols": config["max_symbols_per_step"]},
        },
    }


def preprocessor_settings(extractor: dict[str, Any]) -> dict[str, Any]:
    return {
        "sample_rate": extractor["sampling_rate"],
        "normalize": "NA",
        "window_size": extractor["win_length"] / extractor["sampling_rate"],
        "window_stride": extractor["hop_length"] / extractor["sampling_rate"],
        "window": "hann",
        "features": extractor["feature_size"],
        "n_fft": extractor["n_fft"],
        "frame_splicing": 1,
        "dither": 1e-5,
        "pad_to": 0,
    }


def encoder_settings(encoder: dict[str, Any]) -> dict[str, Any]:
    left = encoder["sliding_window"] - 1
    return {
        "feat_in": encoder["num_mel_bins"],
        "n_layers": encoder["num_hidden_layers"],
        "d_model": encoder["hidden_size"],
        "use_bias": False,
        "subsampling": "dw_striding",
        "subsampling_factor": 8,
        "subsampling_conv_channels": encoder["subsampling_conv_channels"],
        "causal_downsampling": True,
        "reduction": None,
        "ff_expansion_factor": encoder["intermediate_size"] / encoder["hidden_size"],
        "self_attention_model": "rel_pos",
        "n_heads": encoder["num_attention_heads"],
        "att_context_size": [[left, right] for right in encoder["supported_num_lookahead_tokens"]],
        "att_context_style": "chunked_limited",
        "xscaling": False,
        "untie_biases": True,
        "conv_kernel_size": encoder["conv_kernel_size"],
        "conv_norm_type": "layer_norm",
        "conv_context_size": "causal",
    }


# ---------------------------------------------------------------------------------- tokenizer


def read_pieces(folder: Path) -> list[tuple[str, PieceKind]]:
    """Return the pieces before the blank; language tags are ordinary pieces in NeMo's tokenizer."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    blank = json.loads((folder / "config.json").read_text())["blank_token_id"]
    return [
        (piece, PieceKind.UNKNOWN if piece == "<unk>" else PieceKind.NORMAL)
        for piece in map(tokenizer.id_to_token, range(blank))
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkpoint", type=Path, help="checkpoint folder in the hub's layout")
    parser.add_argument("--out", type=Path, required=True, help="archive to write")
    arguments = parser.parse_args()
    write_nemo(arguments.checkpoint, arguments.out)


if __name__ == "__main__":
    main()
