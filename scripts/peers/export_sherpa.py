"""Write a checkpoint in sherpa-onnx's form, by NVIDIA NeMo's own export.

    python scripts/peers/export_sherpa.py CHECKPOINT OUT [LOOKAHEAD]      # where NeMo is installed

sherpa-onnx's users run what its export script for this model makes of NeMo's modules. So that the
comparison is with that and not with a graph of our making, the same is done here: NeMo's encoder,
predictor and joint are given the checkpoint's weights and exported by NeMo and torch.onnx, with the
language as an input as sherpa-onnx's recognizer has it; then all three are quantized by
onnxruntime's quantize_dynamic with unsigned 8-bit weights. Nothing is made faster or slower than
what that gives: the graph projects the keys and values of all cached frames anew in each chunk, and
the position table in each layer, because NeMo's export does.
"""

import json
import sys
from pathlib import Path
from typing import Any

import onnx
import torch
from nemo.collections.asr.modules import ConformerEncoder, RNNTDecoder, RNNTJoint
from onnxruntime.quantization import QuantType, quantize_dynamic
from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).parents[2]))
from scripts.write_nemo import encoder_settings, read_pieces
from tests.nemo import nemo_name

PROCESSOR = "processor_config.json"

Weights = dict[str, torch.Tensor]

#: Mel frames before a chunk that the subsampling looks back to, as NeMo counts them.
MEL_BEFORE = 9

FRAME_MS = 80


class PromptedEncoder(torch.nn.Module):
    """NeMo's encoder and the language fused into its output, as one graph for a chunk."""

    def __init__(self, encoder: ConformerEncoder, prompts: int, width: int) -> None:
        super().__init__()
        self.encoder, self.prompts = encoder, prompts
        hidden = encoder.d_model
        self.prompt_kernel = torch.nn.Sequential(
            torch.nn.Linear(hidden + prompts, width),
            torch.nn.ReLU(),
            torch.nn.Linear(width, hidden),
        )

    def forward(
        self,
        mel: torch.Tensor,
        length: torch.Tensor,
        channel: torch.Tensor,
        time: torch.Tensor,
        filled: torch.Tensor,
        prompt: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        """mel [B, 128, T], caches and the number of the language [B] -> output [B, hidden, t]."""
        encoded, *state = self.encoder.forward_for_export(mel, length, channel, time, filled)
        frames = encoded.transpose(1, 2)
        language = torch.nn.functional.one_hot(prompt, self.prompts).to(frames.dtype)
        language = language[:, None].expand(-1, frames.shape[1], -1)
        fused = self.prompt_kernel(torch.cat([frames, language], -1))
        return fused.transpose(1, 2), *state


#: Inputs and outputs of the encoder by the names that sherpa-onnx knows, and their free dimensions.
INPUTS = {
    "audio_signal": {0: "batch", 2: "time"},
    "length": {0: "batch"},
    "cache_last_channel": {0: "batch", 2: "channel_time"},
    "cache_last_time": {0: "batch", 3: "time_width"},
    "cache_last_channel_len": {0: "batch"},
    "prompt_index": {0: "batch"},
}
OUTPUTS = {
    "outputs": {0: "batch", 2: "frames"},
    "encoded_lengths": {0: "batch"},
    "cache_last_channel_next": {0: "batch", 2: "channel_time"},
    "cache_last_time_next": {0: "batch", 3: "time_width"},
    "cache_last_channel_next_len": {0: "batch"},
}


@torch.no_grad()
def export(checkpoint: Path, out: Path, lookahead: int) -> None:
    """Write the folder `out`: encoder, decoder, joiner (int8) and tokens.txt."""
    out.mkdir(parents=True, exist_ok=True)
    config, processor = (
        json.loads((checkpoint / name).read_text()) for name in ("config.json", PROCESSOR)
    )
    weights = {nemo_name(k): v for k, v in load_file(checkpoint / "model.safetensors").items()}
    encoder = make_encoder(config, weights, lookahead)
    write_encoder(encoder, out / "encoder.onnx", encoder_facts(config, processor, lookahead))
    del encoder
    # NeMo's own way for these two; its joint keeps the encoder's projection.
    make_decoder(config, weights).export(str(out / "decoder.onnx"))
    make_joint(config, weights).export(str(out / "joiner.onnx"))
    write_tokens(checkpoint, out / "tokens.txt")
    weights.clear()
    for name in ("encoder", "decoder", "joiner"):
        float32 = out / f"{name}.onnx"
        quantize_dynamic(float32, out / f"{name}.int8.onnx", weight_type=QuantType.QUInt8)
        float32.unlink()
    (out / "encoder.data").unlink()


def part(weights: Weights, prefix: str) -> Weights:
    return {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}


# ------------------------------------------------------------------------------------- modules


def make_encoder(config: dict[str, Any], weights: Weights, lookahead: int) -> PromptedEncoder:
    settings = encoder_settings(config["encoder_config"])
    settings["ff_expansion_factor"] = round(settings["ff_expansion_factor"])
    encoder = ConformerEncoder(**settings)
    encoder.set_default_att_context_size([settings["att_context_size"][0][0], lookahead])
    encoder.export_cache_support = True
    model = PromptedEncoder(encoder, config["num_prompts"], config["prompt_intermediate_size"])
    mine = {k: v for k, v in weights.items() if k.startswith(("encoder.", "prompt_kernel."))}
    model.load_state_dict(mine, assign=True)
    return model.eval()


def make_decoder(config: dict[str, Any], weights: Weights) -> RNNTDecoder:
    prednet = {
        "pred_hidden": config["decoder_hidden_size"],
        "pred_rnn_layers": config["num_decoder_layers"],
    }
    decoder = RNNTDecoder(prednet, config["vocab_size"] - 1)
    decoder.load_state_dict(part(weights, "decoder."), assign=True)
    return decoder.eval()


def make_joint(config: dict[str, Any], weights: Weights) -> RNNTJoint:
    jointnet = {
        "encoder_hidden": config["encoder_config"]["hidden_size"],
        "pred_hidden": config["decoder_hidden_size"],
        "joint_hidden": config["decoder_hidden_size"],
        "activation": "relu",
        "dropout": 0.2,
    }
    joint = RNNTJoint(jointnet, config["vocab_size"] - 1)
    joint.load_state_dict(part(weights, "joint."), assign=True)
    return joint.eval()


# --------------------------------------------------------------------------------------- files


def encoder_facts(
    config: dict[str, Any], processor: dict[str, Any], lookahead: int
) -> dict[str, str]:
    """What sherpa-onnx reads from the encoder's metadata."""
    encoder = config["encoder_config"]
    layers, hidden = encoder["num_hidden_layers"], encoder["hidden_size"]
    shift = 8 * (lookahead + 1)
    facts: dict[str, object] = {
        "vocab_size": config["vocab_size"] - 1,
        "window_size": shift + MEL_BEFORE,
        "chunk_shift": shift,
        "chunk_size_ms": FRAME_MS * (lookahead + 1),
        "normalize_type": "",
        "cache_last_channel_dim1": layers,
        "cache_last_channel_dim2": encoder["sliding_window"] - 1,
        "cache_last_channel_dim3": hidden,
        "cache_last_time_dim1": layers,
        "cache_last_time_dim2": hidden,
        "cache_last_time_dim3": encoder["conv_kernel_size"] - 1,
        "pred_rnn_layers": config["num_decoder_layers"],
        "pred_hidden": config["decoder_hidden_size"],
        "subsampling_factor": 8,
        "feat_dim": encoder["num_mel_bins"],
        "model_type": "EncDecRNNTBPEModelWithPrompt",
        "version": "1",
        "prompt_dictionary": json.dumps(processor["prompt_dictionary"]),
        "auto_prompt_id": processor["prompt_dictionary"]["auto"],
    }
    return {name: str(value) for name, value in facts.items()}


def write_encoder(model: PromptedEncoder, path: Path, facts: dict[str, str]) -> None:
    rows = int(facts["window_size"])
    channel, time = (
        tuple(int(facts[f"cache_last_{name}_dim{n}"]) for n in (1, 2, 3))
        for name in ("channel", "time")
    )
    example = (
        torch.zeros(1, int(facts["feat_dim"]), rows),
        torch.tensor([rows]),
        torch.zeros(1, *channel),
        torch.zeros(1, *time),
        torch.tensor([0]),
        torch.tensor([int(facts["auto_prompt_id"])]),
    )
    # A graph beyond 2 GB is written with each weight in a file of its own.
    parts = path.parent / "parts"
    parts.mkdir(exist_ok=True)
    torch.onnx.export(
        model,
        example,
        str(parts / path.name),
        input_names=list(INPUTS),
        output_names=list(OUTPUTS),
        dynamic_axes=INPUTS | OUTPUTS,
        opset_version=17,
        dynamo=False,
    )
    graph = onnx.load(parts / path.name)
    onnx.helper.set_model_props(graph, facts)
    data = path.with_suffix(".data")
    data.unlink(missing_ok=True)
    onnx.save(graph, path, save_as_external_data=True, location=data.name)
    for file in parts.iterdir():
        file.unlink()
    parts.rmdir()


def write_tokens(checkpoint: Path, path: Path) -> None:
    pieces = [piece for piece, _ in read_pieces(checkpoint)]
    lines = [f"{piece} {number}\n" for number, piece in enumerate([*pieces, "<blk>"])]
    path.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    export(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 3)
