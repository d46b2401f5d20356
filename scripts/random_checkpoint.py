#!/usr/bin/env python
"""Write a checkpoint with random weights, in the layout of nvidia/nemotron-3.5-asr-streaming-0.6b.

    python scripts/random_checkpoint.py --out DIR [--shape NAME] [--seed N]
    python scripts/random_checkpoint.py --out DIR --full        # the released sizes, 2.6 GB

Shapes whose names begin with english are those of nvidia/nemotron-speech-streaming-en-0.6b.

The released weights cannot be part of a test: they are large and cannot be chosen. With these,
nemocli and Hugging Face transformers can be compared on any size of the network. Three things make
the comparison mean something.

- Nothing has a neutral value: every scale differs from one and every bias from zero, so a port that
  forgets one gives other results. Each sub-layer changes the residual stream by about its own size,
  so a wrong cache shows.
- The subsampling is rescaled on some sound until the encoder's output depends on the sound.
- A transducer with random weights is silent or never stops. So the decoder gets a rule that limits
  itself (see `plant_decoder`), set to a quarter of a token per encoder frame.

Needs torch and transformers: `pip install nemocli[test]`.
"""

import argparse
import itertools
import json
import math
import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import torch
from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from transformers import (
    Nemotron3_5AsrConfig,
    Nemotron3_5AsrForRNNT,
    Nemotron3_5AsrProcessor,
    NemotronAsrStreamingConfig,
    NemotronAsrStreamingEncoderConfig,
    NemotronAsrStreamingFeatureExtractor,
    NemotronAsrStreamingForRNNT,
    NemotronAsrStreamingProcessor,
    ParakeetTokenizer,
)

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.sounds import RATE, speech_like

Model: TypeAlias = Nemotron3_5AsrForRNNT | NemotronAsrStreamingForRNNT
Processor: TypeAlias = Nemotron3_5AsrProcessor | NemotronAsrStreamingProcessor

TAGS = ["<bg-BG>", "<de-DE>", "<en-US>", "<es-US>", "<ja-JP>", "<zh-CN>"]
LOOKAHEADS = [3, 0, 6, 13]
ENGLISH_LOOKAHEADS = [13, 6, 1, 0]

#: Tokens per encoder frame that the decoder is set to.
TARGET_RATE = 0.25

#: Symbols on one frame from which on a decoder is unsuitable.
RUNAWAY = 10

#: Vocabulary entries that the decoder can emit; see `plant_decoder`.
RULE = 16


@dataclass(frozen=True)
class Shape:
    """Sizes of a checkpoint, and how its weights are stored."""

    layers: int = 4
    hidden: int = 64
    heads: int = 4
    ff: int = 192
    channels: int = 16
    prompt: int = 96
    decoder: int = 48
    lstm_layers: int = 2
    vocab: int = 97
    kernel: int = 9
    window: int = 57  # a multiple of 28, plus one, suits the lookaheads 0, 3, 6 and 13
    max_symbols: int = 10
    dtype: str = "float32"
    shard_size: str = "10GB"
    #: Whether it is a model for English alone, without prompts.
    is_english: bool = False
    #: Whether config.json lists the lookaheads, and not only processor_config.json.
    lists_lookaheads: bool = True

    @property
    def lookaheads(self) -> list[int]:
        return ENGLISH_LOOKAHEADS if self.is_english else LOOKAHEADS


#: The released size.
FULL = Shape(
    layers=24,
    hidden=1024,
    heads=8,
    ff=4096,
    channels=256,
    prompt=2048,
    decoder=640,
    vocab=13088,
)

SHAPES = {
    "small": Shape(),
    "thin": Shape(
        layers=2, hidden=32, heads=2, ff=64, channels=8, decoder=40, lstm_layers=1, vocab=64
    ),
    "wide": Shape(layers=3, hidden=96, heads=8, ff=384, channels=24, decoder=64, vocab=300),
    "deep": Shape(layers=5, hidden=48, heads=2, ff=128, channels=12, lstm_layers=3),
    "many-heads": Shape(layers=3, hidden=40, heads=8, ff=160, channels=10, prompt=64, vocab=150),
    "kernel-5": Shape(layers=3, kernel=5),
    "window-29": Shape(layers=3, window=29),
    "window-85": Shape(layers=2, window=85, lstm_layers=1),
    "capped": Shape(layers=3, max_symbols=2, decoder=56),
    "bfloat16": Shape(layers=3, dtype="bfloat16"),
    "float16": Shape(layers=2, hidden=80, heads=4, dtype="float16"),
    "sharded": Shape(layers=3, vocab=120, shard_size="200KB"),
    "full": FULL,
    "english": Shape(window=71, is_english=True),
    "english-thin": Shape(
        layers=2,
        hidden=32,
        heads=2,
        ff=64,
        channels=8,
        decoder=40,
        lstm_layers=1,
        vocab=64,
        window=71,
        is_english=True,
        lists_lookaheads=False,
    ),
    "english-sharded": Shape(
        layers=3, window=29, vocab=150, shard_size="200KB", dtype="bfloat16", is_english=True
    ),
    "english-full": replace(FULL, prompt=Shape.prompt, vocab=1025, window=71, is_english=True),
}


def write_random_checkpoint(path: Path, seed: int = 0, shape: str = "small") -> dict[str, float]:
    """Write the checkpoint into the folder `path`; return what greedy decoding did on some sound.

    The same seed and shape give the same weights on the same machine. Raises RuntimeError if the
    decoder found is silent or runs away, which calls for another seed.
    """
    sizes = SHAPES[shape]
    generator = torch.Generator().manual_seed(seed)
    kind = NemotronAsrStreamingForRNNT if sizes.is_english else Nemotron3_5AsrForRNNT
    model = kind(make_config(sizes)).eval()
    processor = make_processor(sizes)
    with torch.no_grad():
        draw_weights(model, generator)
        features = calibrate_encoder(model, processor)
        plant_decoder(model, features, generator)
        report = set_threshold(model, features)
    if not 0.05 < report["tokens per frame"] < 0.5 or report["most on a frame"] >= RUNAWAY:
        raise RuntimeError(f"Seed {seed} makes an unsuitable decoder ({report}); take another.")
    processor.save_pretrained(path)
    model.generation_config.decoder_start_token_id = model.config.blank_token_id
    model.to(getattr(torch, sizes.dtype)).save_pretrained(path, max_shard_size=sizes.shard_size)
    return report


# ------------------------------------------------------------------- configuration and tokenizer


def make_config(sizes: Shape) -> Nemotron3_5AsrConfig | NemotronAsrStreamingConfig:
    listed = {"supported_num_lookahead_tokens": sizes.lookaheads} if sizes.lists_lookaheads else {}
    encoder = NemotronAsrStreamingEncoderConfig(
        num_hidden_layers=sizes.layers,
        hidden_size=sizes.hidden,
        num_attention_heads=sizes.heads,
        intermediate_size=sizes.ff,
        subsampling_conv_channels=sizes.channels,
        conv_kernel_size=sizes.kernel,
        sliding_window=sizes.window,
        num_mel_bins=128,
        attention_bias=False,
        convolution_bias=False,
        scale_input=False,
        default_num_lookahead_tokens=sizes.lookaheads[0],
        **listed,
    )
    common = {
        "vocab_size": sizes.vocab,
        "blank_token_id": sizes.vocab - 1,
        "decoder_hidden_size": sizes.decoder,
        "num_decoder_layers": sizes.lstm_layers,
        "max_symbols_per_step": sizes.max_symbols,
        "encoder_config": encoder.to_dict(),
    }
    if sizes.is_english:
        return NemotronAsrStreamingConfig(**common)
    return Nemotron3_5AsrConfig(**common, prompt_intermediate_size=sizes.prompt)


def make_processor(sizes: Shape) -> Processor:
    kind = NemotronAsrStreamingProcessor if sizes.is_english else Nemotron3_5AsrProcessor
    make = make_english_tokenizer if sizes.is_english else make_tokenizer
    return kind(
        feature_extractor=NemotronAsrStreamingFeatureExtractor(feature_size=128),
        tokenizer=make(sizes.vocab - 1),
        supported_num_lookahead_tokens=sizes.lookaheads,
        default_num_lookahead_tokens=sizes.lookaheads[0],
    )


def make_english_tokenizer(pieces: int) -> ParakeetTokenizer:
    """Make a tokenizer of this many pieces, without tags.

    As in the released one, <pad> has the model's id of the blank, and <blank> one that the model
    does not have.
    """
    syllables = map("".join, itertools.product("etaoinshrdlu", repeat=3))
    known = ["<unk>", *WORDS, *"etaoinshrdlu.,?'ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    filler = ("▁" + s if n % 3 == 0 else s for n, s in enumerate(syllables))
    inventory = itertools.islice(dict.fromkeys(itertools.chain(known, filler)), pieces)
    result = wrap_tokenizer({piece: number for number, piece in enumerate(inventory)})
    result.add_special_tokens({"unk_token": special("<unk>"), "pad_token": special("<pad>")})
    result.add_tokens([special("<blank>")])
    assert result.convert_tokens_to_ids("<blank>") == pieces + 1
    return result


WORDS = ("▁the", "▁a", "▁and", "▁of", "▁to", "ing", "er", "ed", "▁in", "▁is")


def special(piece: str) -> AddedToken:
    return AddedToken(piece, normalized=False, special=True)


def wrap_tokenizer(vocab: dict[str, int]) -> ParakeetTokenizer:
    tokenizer = Tokenizer(BPE(vocab, [], unk_token="<unk>", fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    return ParakeetTokenizer(tokenizer_object=tokenizer, clean_up_tokenization_spaces=False)


def make_tokenizer(pieces: int) -> ParakeetTokenizer:
    """Make a tokenizer of this many pieces and <blank>: special tags, words, several scripts."""
    characters = "etaoinshrdlu.,?é今日は你好мире"
    syllables = map("".join, itertools.product("aeioukstnmrlpbdgvfzh", repeat=4))
    filler = ("▁" + s if n % 3 == 0 else s for n, s in enumerate(syllables))
    known = ["<unk>", "<pad>", "▁", *TAGS, *WORDS, *characters]
    inventory = itertools.islice(itertools.chain(known, filler), pieces)
    result = wrap_tokenizer({piece: number for number, piece in enumerate(inventory)})
    result.add_tokens([special("<blank>")])
    result.add_special_tokens(
        {
            "unk_token": special("<unk>"),
            "pad_token": special("<pad>"),
            "additional_special_tokens": [special(tag) for tag in TAGS],
        }
    )
    assert result.convert_tokens_to_ids("<blank>") == pieces
    return result


# --------------------------------------------------------------------------------------- encoder

#: Standard deviation of a matrix's output for unit input, by the end of the name; 1 for the others.
GAINS = {
    "linear2.weight": 1.6,
    "pointwise_conv1.weight": 1.6,
    "q_proj.weight": 1.4,
    "k_proj.weight": 1.4,
    "v_proj.weight": 1.2,
    "o_proj.weight": 1.2,
    "linear_1.weight": 1.5,
    "linear_2.weight": 1.5,
}

#: Matrices whose output joins the residual stream.
BRANCH_ENDS = ("linear2.weight", "o_proj.weight", "pointwise_conv2.weight")


def draw_weights(model: Model, generator: torch.Generator) -> None:
    """Overwrite every parameter outside the decoder (which `plant_decoder` fills)."""
    # Many layers at full strength would add so much that nothing of the sound remained.
    depth_gain = min(1.0, math.sqrt(4 / model.config.encoder_config.num_hidden_layers))
    for name, parameter in model.named_parameters():
        if parameter.dim() == 1 or name.endswith(("bias_u", "bias_v")):
            _draw_vector(name, parameter, generator)
            continue
        gain = next((gain for end, gain in GAINS.items() if name.endswith(end)), 1.0)
        if "subsampling" in name:
            gain = 1.4
        if name.endswith(BRANCH_ENDS):
            gain *= depth_gain
        parameter.normal_(0, gain / math.sqrt(parameter[0].numel()), generator=generator)
    stem = model.encoder.subsampling.conv_in.weight
    # Log-mel rows lie around -10: remove most of their mean, so that the sound remains.
    stem -= 0.97 * stem.mean((1, 2, 3), keepdim=True)


def _draw_vector(name: str, parameter: torch.Tensor, generator: torch.Generator) -> None:
    if ".norm" in name and name.endswith("weight"):
        parameter.normal_(1, 0.15, generator=generator)
    else:
        wide = name.endswith(("bias_u", "bias_v"))
        parameter.normal_(0, 0.4 if wide else 0.1, generator=generator)


def calibrate_encoder(
    model: Model, processor: Processor, seconds: float = 12.0
) -> list[torch.Tensor]:
    """Rescale the subsampling to carry the sound; return fused encoder outputs [frames, hidden].

    The outputs are of several sounds, each in several languages, so that the decoder does not
    depend on one of them. Without prompts, they are the encoder's own.
    """
    inputs = [processor(speech_like(seconds, seed), sampling_rate=RATE) for seed in (1001, 1002)]
    subsampling = model.encoder.subsampling
    out = torch.cat([subsampling(i["input_features"], i["attention_mask"])[0] for i in inputs])
    mean, spread = out.mean(0), out.std(0).mean()
    subsampling.linear.weight /= spread
    subsampling.linear.bias.copy_((subsampling.linear.bias - mean) / spread)
    hidden = []
    for one in inputs:
        encoded = model.encoder(
            one["input_features"], attention_mask=one["attention_mask"], num_lookahead_tokens=3
        )
        hidden.append(encoded.last_hidden_state[0, : int(encoded.attention_mask.sum())])
    if isinstance(model, NemotronAsrStreamingForRNNT):
        return hidden
    _balance_languages(model, torch.cat(hidden))
    features = []
    for number, frames in enumerate(hidden):
        for prompt in (101, 9 * number):  # auto, and a language
            one_hot = torch.zeros(len(frames), model.config.num_prompts)
            one_hot[:, prompt] = 1
            features.append(model.prompt_projector(torch.cat([frames, one_hot], 1)))
    return features


def _balance_languages(model: Nemotron3_5AsrForRNNT, hidden: torch.Tensor) -> None:
    """Scale the columns of the languages to have about as much effect as the sound."""
    weight = model.prompt_projector.linear_1.weight
    of_sound, of_language = weight[:, : hidden.shape[1]], weight[:, hidden.shape[1] :]
    of_language *= 0.7 * (hidden @ of_sound.T).std(0).mean() / of_language.std()


# --------------------------------------------------------------------------------------- decoder


def plant_decoder(model: Model, features: list[torch.Tensor], generator: torch.Generator) -> None:
    """Fill encoder projector, predictor and joint: random, except for a rule that limits itself.

    The first `RULE` joint dimensions carry it, one vocabulary entry each. There the encoder's part
    is "a direction of the encoder output, less a threshold", and the predictor's is a strong no as
    long as the entry is among the last few emitted, which LSTM cells remember. So an entry comes
    when its direction shows and it was not just said: several on a frame when several directions
    show together, but of two opposite directions only one can. The other dimensions are random and
    shift all logits, so that every weight has a part in the result.
    """
    hidden, vocab = model.config.decoder_hidden_size, model.config.vocab_size
    # Language tags 3 and 4, and other entries anywhere in the vocabulary.
    chosen = 5 + torch.randperm(vocab - 6, generator=generator)[: RULE - 2]
    chosen = torch.cat([torch.tensor([3, 4]), chosen])
    _plant_encoder_projector(model, torch.cat(features), generator)
    _plant_predictor(model, chosen, generator)
    projector, head = model.decoder.decoder_projector, model.joint.head
    projector.weight[:RULE] *= 0.2
    projector.weight[:RULE, :RULE] -= 9 * torch.eye(RULE)
    head.weight.normal_(0, 0.5 / math.sqrt(hidden), generator=generator)
    head.weight[:, :RULE] *= 0.2
    head.bias.normal_(-6, 0.1, generator=generator)
    head.weight[chosen, torch.arange(RULE)] += 6
    head.bias[chosen] += 3.5
    head.bias[model.config.blank_token_id] += 6


def _plant_encoder_projector(
    model: Model, features: torch.Tensor, generator: torch.Generator
) -> None:
    """Fill the rule's rows with opposite pairs of directions of unit variance, others randomly."""
    size, mean = model.config.decoder_hidden_size, features.mean(0)
    directions = torch.randn(len(mean), 4000, generator=generator)
    directions /= (features @ directions).std(0)
    seen = (features - mean) @ directions
    # Directions without outliers come first, or the first frames of a stream would emit everything.
    taken: list[int] = []
    for number in seen.abs().amax(0).argsort().tolist():
        alike = (seen[:, taken].T @ seen[:, number]).abs() / len(seen)
        if (alike < 0.5).all():
            taken.append(number)
        if len(taken) == RULE // 2:
            break
    rule = directions[:, taken]
    rest = 0.7 * directions[:, -(size - RULE) :]
    weight = torch.cat([rule, -rule, rest], 1).T
    model.encoder_projector.weight.copy_(weight)
    model.encoder_projector.bias.copy_(-weight @ mean)


def _plant_predictor(model: Model, chosen: torch.Tensor, generator: torch.Generator) -> None:
    """Fill embedding and LSTM; cell k of the last layer is a fading memory of entry chosen[k]."""
    decoder, hidden = model.decoder, model.config.decoder_hidden_size
    decoder.embedding.weight.normal_(0, 0.3, generator=generator)
    decoder.embedding.weight[:, :RULE] *= 0.01
    decoder.embedding.weight[chosen, torch.arange(RULE)] = 1.5
    # Part of a memory that remains when another entry is emitted: it fades over five emissions.
    keep = 0.12 ** (1 / 5)
    remember = math.log(keep / (1 - keep))
    for layer in range(model.config.num_decoder_layers):
        last = layer == model.config.num_decoder_layers - 1
        weights = [getattr(decoder.lstm, f"weight_{kind}_l{layer}") for kind in ("ih", "hh")]
        biases = [getattr(decoder.lstm, f"bias_{kind}_l{layer}") for kind in ("ih", "hh")]
        for weight, std in zip(weights, (0.8, 0.5), strict=True):
            weight.normal_(0, std / math.sqrt(hidden), generator=generator)
        for bias in biases:
            bias.normal_(0, 0.2, generator=generator)
        # torch's order: input gate, forget gate, cell, output gate.
        for gate, opening in enumerate((2.0, remember if last else -5.0, 0.0, 3.0)):
            rows = slice(gate * hidden, gate * hidden + RULE)
            for parameter in (*weights, *biases):
                parameter[rows] *= 0.02
            biases[0][rows] += opening
        weights[0][2 * hidden : 2 * hidden + RULE, :RULE] += 3 * torch.eye(RULE)


def set_threshold(model: Model, features: list[torch.Tensor]) -> dict[str, float]:
    """Lower the rule's encoder biases until `TARGET_RATE` is met; return its figures."""
    bias = model.encoder_projector.bias
    highest = bias[:RULE].clone()

    def decode(threshold: float) -> tuple[list[float], int]:
        """Return the tokens per frame of each part, and the most on any one frame."""
        bias[:RULE] = highest - threshold
        parts = [greedy_frames(model, model.encoder_projector(part)) for part in features]
        rates = [len(frames) / len(part) for frames, part in zip(parts, features, strict=True)]
        return rates, max(max(Counter(frames).values(), default=0) for frames in parts)

    low, high, found = 0.0, 3.0, {}
    for _ in range(6):
        threshold = (low + high) / 2
        rates, most = decode(threshold)
        rate = sum(rates) / len(rates)
        found[threshold] = (most >= RUNAWAY, abs(rate - TARGET_RATE))
        low, high = (threshold, high) if rate > TARGET_RATE else (low, threshold)
    rates, most = decode(min(found, key=found.__getitem__))
    return {
        "tokens per frame": sum(rates) / len(rates),
        "least": min(rates),
        "largest": max(rates),
        "most on a frame": most,
    }


def greedy_frames(model: Model, projected: torch.Tensor) -> list[int]:
    """Return the frame of each symbol that greedy decoding of [frames, decoder size] emits."""
    decoder, blank = model.decoder, model.config.blank_token_id
    cap = model.config.max_symbols_per_step
    state = None

    def step(token: int) -> torch.Tensor:
        nonlocal state
        out, state = decoder.lstm(decoder.embedding(torch.tensor([[token]])), state)
        return decoder.decoder_projector(out)[0, 0]

    output, emitted, at, symbols = step(blank), [], 0, 0
    while at < len(projected):
        best = model.joint.head(torch.relu(projected[at : at + 8] + output)).argmax(-1)
        spoken = (best != blank).nonzero()
        if len(spoken) == 0 or symbols == cap:
            at, symbols = at + (1 if symbols == cap else len(best)), 0
            continue
        blanks = int(spoken[0])
        at, symbols = at + blanks, symbols + 1 if blanks == 0 else 1
        emitted.append(at)
        output = step(int(best[blanks]))
    return emitted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shape", choices=SHAPES, default="small")
    parser.add_argument("--full", action="store_true", help="the same as --shape full")
    arguments = parser.parse_args()
    shape = "full" if arguments.full else arguments.shape
    report = write_random_checkpoint(arguments.out, arguments.seed, shape)
    print(json.dumps({name: round(value, 3) for name, value in report.items()}))


if __name__ == "__main__":
    main()
