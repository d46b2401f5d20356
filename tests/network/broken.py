"""Checkpoints that are broken in one way each, made from a tiny checkpoint."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save
from tokenizers import AddedToken, Tokenizer

from nemocli.models.paths import find_demo_folder
from tests.fuzz import tiny

Files = dict[str, bytes]

#: Values that are no valid size, where a configuration should have a whole number.
ODD = (None, "4", -1, 1.5, True, [4], 10**12, 1e99)

#: Those for numbers that may not be 0.
COUNTS = (
    *("vocab_size", "decoder_hidden_size", "num_decoder_layers", "max_symbols_per_step"),
    *("num_prompts", "prompt_intermediate_size"),
)

#: Weights that no training gives.
NUMBERS: dict[str, float] = {"NaN": np.nan, "infinite": np.inf, "minus infinite": -np.inf}


def sound_files() -> Files:
    """Return the files of a checkpoint with nothing wrong."""
    return {
        "config.json": json.dumps(tiny.CONFIG_JSON).encode(),
        "generation_config.json": json.dumps(tiny.GENERATION_JSON).encode(),
        "processor_config.json": json.dumps(tiny.PROCESSOR_JSON).encode(),
        "tokenizer.json": tiny.tokenizer_json(),
        "model.safetensors": tiny.safetensors(),
    }


def write(folder: Path, files: Files) -> Path:
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def broken_checkpoints() -> Iterator[tuple[str, Files]]:
    """Give, for each broken checkpoint, what is wrong and its files."""
    for about, changed in (*_configurations(), *_tensors(), *_tokenizers(), *_files()):
        yield about, sound_files() | changed
    for name in sound_files():
        yield f"{name} is missing", {k: v for k, v in sound_files().items() if k != name}


# ------------------------------------------------------------------------------- configurations


def _configurations() -> Iterator[tuple[str, Files]]:
    sizes = {
        (): ("blank_token_id", "default_prompt_id", *COUNTS),
        ("encoder_config",): (
            *("hidden_size", "num_attention_heads", "intermediate_size", "num_hidden_layers"),
            *("conv_kernel_size", "subsampling_conv_channels", "num_mel_bins", "sliding_window"),
        ),
    }
    for above, keys in sizes.items():
        for key in keys:
            for value in ODD if above or key not in COUNTS else (*ODD, 0):
                yield _configured((*above, key), value)
            yield _configured((*above, key), _left_out)
    front_end = ("feature_size", "sampling_rate", "n_fft", "win_length", "hop_length")
    for key in front_end:
        for value in (*ODD, 0):
            yield _configured(("feature_extractor", key), value, "processor_config.json")
    for place, value in (
        *((("encoder_config", key), 8) for key in ("hidden_size", "intermediate_size")),
        *((("encoder_config", "num_attention_heads"), value) for value in (1, 3, 4)),
        *((("encoder_config", "num_hidden_layers"), value) for value in (0, 1, 3, 24)),
        *((("encoder_config", "conv_kernel_size"), value) for value in (1, 9)),
        *((("encoder_config", "sliding_window"), value) for value in (0, 1)),
        (("encoder_config", "num_key_value_heads"), 1),
        (("encoder_config", "hidden_act"), "relu"),
        (("encoder_config", "subsampling_factor"), 4),
        (("encoder_config", "scale_input"), True),
        (("encoder_config", "attention_bias"), True),
        (("encoder_config", "supported_num_lookahead_tokens"), []),
        (("encoder_config", "supported_num_lookahead_tokens"), [3, -1]),
        (("encoder_config", "default_num_lookahead_tokens"), 5),
        (("encoder_config",), []),
        (("model_type",), "whisper"),
        (("model_type",), None),
        (("hidden_act",), "gelu"),
        (("vocab_size",), 296),
        (("blank_token_id",), 2),
        (("blank_token_id",), 10),
        (("default_prompt_id",), 3),
        (("num_prompts",), 128),
        (("num_decoder_layers",), 2),
        (("supported_languages",), ["de-DE"]),
        (("supported_languages",), {"en": 1}),
    ):
        yield _configured(place, value)
    for place, value in (
        (("feature_extractor", "hop_length"), 80),
        (("feature_extractor", "sampling_rate"), 8000),
        (("feature_extractor", "win_length"), 1024),
        (("feature_extractor", "preemphasis"), 97),
        (("feature_extractor", "mel_filters_dtype"), "bfloat16"),
        (("num_prompts",), 64),
        (("prompt_dictionary",), _left_out),
        (("prompt_dictionary", "auto"), 3),
        (("prompt_dictionary", "auto"), "two"),
    ):
        yield _configured(place, value, "processor_config.json")
    yield _configured(("decoder_start_token_id",), 0, "generation_config.json")


def _left_out() -> None:
    """Stands for a key that is missing."""


def _configured(place: tuple[str, ...], value: Any, name: str = "config.json") -> tuple[str, Files]:
    data = json.loads(sound_files()[name])
    holder = data
    for key in place[:-1]:
        holder = holder[key]
    if value is _left_out:
        del holder[place[-1]]
    else:
        holder[place[-1]] = value
    about = "left out" if value is _left_out else f"{value!r}"
    return f"{'.'.join(place)} is {about}", {name: json.dumps(data).encode()}


# --------------------------------------------------------------------------------------- tensors


def _tensors() -> Iterator[tuple[str, Files]]:
    whole = tiny.tensors()
    for name, array in whole.items():
        if ".layers.1." in name:  # the first layer has the same
            continue
        for about, number in NUMBERS.items():
            spoiled = array.copy()
            spoiled.flat[array.size // 2] = number
            yield _with(f"{name} has a number that is {about}", {name: spoiled})
        if not name.rpartition(".")[2].startswith("bias"):
            yield _with(f"{name} is all zeros", {name: np.zeros_like(array)})
        yield _with(f"{name} has a row more", {name: np.concatenate([array, array[:1]])})
        yield _with(f"{name} holds whole numbers", {name: array.astype(np.int32)})
        rest = {other: values for other, values in whole.items() if other != name}
        yield f"{name} is missing", {"model.safetensors": save(rest)}
    kinds: dict[str, Callable[[Any], Any]] = {
        "truth values": lambda a: a > 0,
        "bytes": lambda a: a.astype(np.uint8),
        "numbers beyond float32": lambda a: a.astype(np.float64) * 1e300,
    }
    for about, change in kinds.items():
        changed = {name: change(array) for name, array in whole.items()}
        yield _with(f"all tensors hold {about}", changed)
    yield _with("all tensors are zeros", {n: np.zeros_like(a) for n, a in whole.items()})
    yield _with("all tensors are ones", {n: np.ones_like(a) for n, a in whole.items()})
    yield _with("a tensor more", {"lm_head.weight": whole["joint.head.weight"]})
    third = {n.replace(".1.", ".2."): a for n, a in whole.items() if "encoder.layers.1." in n}
    yield _with("a layer more than the configuration has", third)
    yield "no tensor at all", {"model.safetensors": save({})}
    turned = {"joint.head.weight": np.ascontiguousarray(whole["joint.head.weight"].T)}
    yield _with("a matrix that is turned", turned)


def _with(about: str, changed: dict[str, Any]) -> tuple[str, Files]:
    return about, {"model.safetensors": save(tiny.tensors() | changed)}


# ------------------------------------------------------------------------------------- tokenizers


def _tokenizers() -> Iterator[tuple[str, Files]]:
    own = json.loads(tiny.tokenizer_json())

    def changed(about: str, vocabulary: dict[str, int], added: Any = ()) -> tuple[str, Files]:
        data = own | {"added_tokens": list(added), "model": own["model"] | {"vocab": vocabulary}}
        return f"a tokenizer {about}", {"tokenizer.json": json.dumps(data).encode()}

    vocabulary = dict(own["model"]["vocab"])
    yield changed("without pieces", {})
    yield changed("of one piece", {"<unk>": 0})
    yield changed("that lacks a piece", {k: v for k, v in vocabulary.items() if k != "b"})
    yield changed("that has a piece more", vocabulary | {"more": len(vocabulary)})
    yield changed(
        "with the tags of other languages",
        {k.replace("en-US", "xx-YY"): v for k, v in vocabulary.items()},
    )
    yield changed("that counts from 1", {piece: index + 1 for piece, index in vocabulary.items()})
    tokenizer = Tokenizer.from_str(tiny.tokenizer_json().decode())
    tokenizer.add_tokens([AddedToken("<pad>")])
    assert tokenizer.get_vocab_size() == len(vocabulary) + 1  # ids of added tokens may be beyond


# ------------------------------------------------------------------------------------------ files


def _files() -> Iterator[tuple[str, Files]]:
    for name, content in sound_files().items():
        yield f"{name} is empty", {name: b""}
        yield f"{name} is cut off", {name: content[: len(content) // 2]}
        yield f"{name} is zeros", {name: bytes(len(content))}
        other = (find_demo_folder() / name).read_bytes()
        if name != "generation_config.json":  # it only has the blank token, which others have too
            yield f"{name} is another model's", {name: other}
