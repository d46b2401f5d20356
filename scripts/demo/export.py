"""Write a trained checkpoint in the layout of the released repository.

Why it exists: the demo must be read by exactly the code that reads the real model.

Run `python export.py --checkpoint DIR/checkpoint --out ../../assets/demo` at any time, also while
training goes on. The weights become float16, which halves the repository; the folder is then
loaded back through transformers, as a check.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from grammar import BLANK, LANGUAGES, SPACE, UNKNOWN
from model import LOOKAHEADS
from names import HELD_OUT, KNOWN
from safetensors.torch import load_file, save_file
from spelling import PIECE_COST, PLACE_COST, spell, vocabulary
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoProcessor,
    GenerationConfig,
    Nemotron3_5AsrForRNNT,
    Nemotron3_5AsrProcessor,
)
from transformers.models.nemotron3_5_asr.processing_nemotron3_5_asr import (
    DEFAULT_PROMPT_DICTIONARY as PROMPTS,
)
from transformers.models.nemotron_asr_streaming.feature_extraction_nemotron_asr_streaming import (
    NemotronAsrStreamingFeatureExtractor,
)
from transformers.models.parakeet.tokenization_parakeet import ParakeetTokenizer

PROBES = ("Turn off the light.", "Es ist einundzwanzig Uhr.", "きょうはどようびです。")


def make_tokenizer(pieces: list[str]) -> Tokenizer:
    """Pieces with the usual sign for a space; frequent ones win when text is split."""
    scores = [(piece, -PIECE_COST - PLACE_COST * i) for i, piece in enumerate(pieces)]
    tokenizer = Tokenizer(models.Unigram(scores, unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always", split=False)
    tokenizer.add_special_tokens([UNKNOWN, *(f"<{name}>" for name in LANGUAGES), BLANK])
    return tokenizer


def write_processor(pieces: list[str], out: Path) -> None:
    """tokenizer.json, tokenizer_config.json and processor_config.json."""
    tokenizer = ParakeetTokenizer(
        tokenizer_object=make_tokenizer(pieces), unk_token=UNKNOWN, pad_token=UNKNOWN
    )
    processor = Nemotron3_5AsrProcessor(
        NemotronAsrStreamingFeatureExtractor(feature_size=128),
        tokenizer,
        blank_token=BLANK,
        supported_num_lookahead_tokens=LOOKAHEADS,
        default_num_lookahead_tokens=LOOKAHEADS[0],
        prompt_dictionary=PROMPTS,
    )
    processor.save_pretrained(out)
    update_json(
        out / "processor_config.json",
        prompt_dictionary=PROMPTS,
        num_prompts=128,
        default_num_lookahead_tokens=LOOKAHEADS[0],
        supported_num_lookahead_tokens=LOOKAHEADS,
        blank_token=BLANK,
    )


def write_model(checkpoint: Path, out: Path) -> None:
    """config.json, generation_config.json and the weights, as float16."""
    model = Nemotron3_5AsrForRNNT.from_pretrained(checkpoint, dtype=torch.float32)
    blank = model.config.blank_token_id
    model.generation_config = GenerationConfig(decoder_start_token_id=blank, pad_token_id=0)
    model.save_pretrained(out)
    weights = load_file(out / "model.safetensors")
    half = {name: tensor.half().contiguous() for name, tensor in weights.items()}
    save_file(half, out / "model.safetensors", metadata={"format": "pt"})
    (out / "model.safetensors").chmod(0o644)
    config = json.loads((out / "config.json").read_text())
    encoder = config["encoder_config"] | {"dtype": "float16"}
    update_json(
        out / "config.json",
        dtype="float16",
        encoder_config=encoder,
        supported_languages=list(LANGUAGES),
    )


def update_json(path: Path, **values: object) -> None:
    data = json.loads(path.read_text()) | values
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def check(pieces: list[str], out: Path) -> None:
    """Load the folder as a user would, and take a few sentences apart and together again."""
    model = Nemotron3_5AsrForRNNT.from_pretrained(out, dtype=torch.float32)
    processor = AutoProcessor.from_pretrained(out)
    blank = model.config.blank_token_id
    assert processor.blank_token_id == blank == len(pieces) - 1
    assert model.generation_config.decoder_start_token_id == blank
    assert processor.prompt_dictionary == PROMPTS
    tokenizer = Tokenizer.from_file(str(out / "tokenizer.json"))
    assert [tokenizer.id_to_token(i) for i in range(len(pieces))] == pieces
    for text in PROBES:
        encoded = tokenizer.encode(text)
        print(text, encoded.tokens)
        assert tokenizer.decode([*encoded.ids, 1, blank]) == text
    for names in (*KNOWN.values(), *HELD_OUT.values()):
        for name in names.all():
            marked = SPACE + name.replace(" ", SPACE)
            assert tokenizer.encode(name).tokens == list(spell(marked)), name
    count = sum(p.numel() for p in model.parameters())
    size = sum(path.stat().st_size for path in out.iterdir())
    print(f"{count} parameters, {len(pieces)} tokens, {size / 1e6:.1f} MB in {out}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    pieces = list(vocabulary())
    write_model(args.checkpoint, args.out)
    write_processor(pieces, args.out)
    check(pieces, args.out)


if __name__ == "__main__":
    main()
