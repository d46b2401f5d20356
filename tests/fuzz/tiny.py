"""A checkpoint of the smallest sizes, in both forms: some kilobytes, so that cases are quick."""

import io
import json
import struct
import zipfile
from typing import Any

import numpy as np
import yaml
from safetensors.numpy import save
from tokenizers import AddedToken, Tokenizer, decoders
from tokenizers.models import WordLevel

from nemocli.network.config import ModelConfig, read_config
from nemocli.network.nemo_archive import CONFIG, WEIGHTS
from nemocli.network.parameters import list_shapes
from nemocli.network.sentencepiece import PieceKind
from tests.nemo import nemo_name, sentencepiece_model

PIECES = ("<unk>", "<en-US>", "▁a", "b", "。", "<0xE4>", "<0xBB>", "<0x8A>", "▁")
BLANK = len(PIECES)

CONFIG_JSON: dict[str, Any] = {
    "model_type": "nemotron3_5_asr",
    "hidden_act": "relu",
    "blank_token_id": BLANK,
    "vocab_size": BLANK + 1,
    "decoder_hidden_size": 4,
    "num_decoder_layers": 1,
    "max_symbols_per_step": 3,
    "num_prompts": 3,
    "default_prompt_id": 2,
    "prompt_intermediate_size": 4,
    "supported_languages": ["en-US"],
    "encoder_config": {
        "hidden_act": "silu",
        "hidden_size": 4,
        "num_attention_heads": 2,
        "intermediate_size": 4,
        "num_hidden_layers": 2,
        "conv_kernel_size": 3,
        "subsampling_conv_channels": 2,
        "subsampling_factor": 8,
        "num_mel_bins": 8,
        "sliding_window": 9,
        "attention_bias": False,
        "convolution_bias": False,
        "scale_input": False,
        "supported_num_lookahead_tokens": [3, 0],
        "default_num_lookahead_tokens": 3,
    },
}
GENERATION_JSON: dict[str, Any] = {"decoder_start_token_id": BLANK}
PROCESSOR_JSON: dict[str, Any] = {
    "feature_extractor": {
        "feature_size": 8,
        "sampling_rate": 16000,
        "n_fft": 512,
        "win_length": 400,
        "hop_length": 160,
        "preemphasis": 0.97,
        "mel_filters_dtype": "float32",
    },
    "prompt_dictionary": {"en-US": 0, "en": 0, "de-DE": 1, "auto": 2},
}


#: The same sizes for English alone: no prompts, and another list of lookaheads.
ENGLISH_PIECES = ("<unk>", "▁the", *PIECES[2:])
ENGLISH_CONFIG_JSON: dict[str, Any] = {
    "model_type": "nemotron_asr_streaming",
    **{
        key: value
        for key, value in CONFIG_JSON.items()
        if "prompt" not in key and key not in ("model_type", "supported_languages")
    },
    "encoder_config": {
        **CONFIG_JSON["encoder_config"],
        "supported_num_lookahead_tokens": [1, 0],
        "default_num_lookahead_tokens": 1,
    },
}
ENGLISH_PROCESSOR_JSON = {"feature_extractor": PROCESSOR_JSON["feature_extractor"]}


def _make_decoder() -> Any:
    return decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="always")])


def english_files() -> dict[str, bytes]:
    """The files of a checkpoint for English alone, in the hub's layout.

    As in the released one, the tokenizer has <pad> where the model has its blank.
    """
    vocabulary = {piece: number for number, piece in enumerate(ENGLISH_PIECES)}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.decoder = _make_decoder()
    special = ("<unk>", "<pad>", "<blank>")
    tokenizer.add_special_tokens([AddedToken(piece, normalized=False) for piece in special])
    jsons = (ENGLISH_CONFIG_JSON, GENERATION_JSON, ENGLISH_PROCESSOR_JSON)
    arrays = {name: array for name, array in tensors().items() if "prompt" not in name}
    names = ("config.json", "generation_config.json", "processor_config.json")
    return {
        **{name: json.dumps(data).encode() for name, data in zip(names, jsons, strict=True)},
        "tokenizer.json": tokenizer.to_str().encode(),
        "model.safetensors": save(arrays),
    }


def config() -> ModelConfig:
    return read_config(CONFIG_JSON, GENERATION_JSON, PROCESSOR_JSON)


def tensors() -> dict[str, np.ndarray]:
    """Every tensor under the hub's name, drawn at random."""
    rng = np.random.default_rng(0)
    return {
        name: rng.normal(size=shape).astype(np.float32)
        for name, shape in list_shapes(config()).items()
    }


def safetensors() -> bytes:
    return save(tensors())


def tokenizer_json() -> bytes:
    """A tokenizer.json of PIECES and <blank>."""
    vocabulary = {piece: number for number, piece in enumerate((*PIECES, "<blank>"))}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.decoder = _make_decoder()
    special = ("<unk>", "<en-US>", "<blank>")
    tokenizer.add_special_tokens([AddedToken(piece, normalized=False) for piece in special])
    text: str = tokenizer.to_str()
    return text.encode()


# --------------------------------------------------------------------------------- NeMo's form


def sentencepiece() -> bytes:
    """A serialized ModelProto of PIECES."""
    kinds = map(PieceKind, (2, 1, 1, 1, 1, 6, 6, 6, 1))
    return sentencepiece_model(zip(PIECES, kinds, strict=True))


def pickled(arrays: dict[str, np.ndarray]) -> bytes:
    """What torch.save pickles of float32 tensors: a dictionary of calls that rebuild them."""
    parts = [b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01("]
    for number, (name, array) in enumerate(arrays.items()):
        parts += [
            text(name),
            b"ctorch._utils\n_rebuild_tensor_v2\n((",
            text("storage") + b"ctorch\nFloatStorage\n" + text(str(number)) + text("cpu"),
            whole(array.size) + b"tQK\x00(",
            *map(whole, array.shape),
            b"t(",
            *(whole(stride // array.itemsize) for stride in array.strides),
            b"t\x89h\x00)RtR",
        ]
    return b"".join([*parts, b"u}", text("_metadata"), b"h\x00)Rsb."])


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def whole(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def torch_file(
    pickle: bytes,
    storages: dict[str, bytes],
    order: bytes = b"little",
    compression: int = zipfile.ZIP_STORED,
) -> bytes:
    """The zip archive around a pickle and the storages' bytes."""
    parts = {"data.pkl": pickle, "byteorder": order}
    parts |= {f"data/{key}": data for key, data in storages.items()}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in parts.items():
            archive.writestr(zipfile.ZipInfo(f"archive/{name}"), data, compression)
    return content.getvalue()


def torch_tensors(arrays: dict[str, np.ndarray]) -> bytes:
    storages = {str(number): array.tobytes() for number, array in enumerate(arrays.values())}
    return torch_file(pickled(arrays), storages)


def nemo_settings() -> dict[str, Any]:
    """model_config.yaml, as scripts/write_nemo.py makes it of the hub's files."""
    encoder = CONFIG_JSON["encoder_config"]
    return {
        "labels": list(PIECES),
        "model_defaults": {
            "num_prompts": 3,
            "prompt_dictionary": {"en-US": 0, False: 1, "auto": 2},
        },
        "tokenizer": {"model_path": "nemo:tokenizer.model"},
        "preprocessor": {
            "sample_rate": 16000,
            "normalize": "NA",
            "window_size": 0.025,
            "window_stride": 0.01,
            "window": "hann",
            "features": 8,
            "n_fft": 512,
            "frame_splicing": 1,
        },
        "encoder": {
            "feat_in": 8,
            "n_layers": encoder["num_hidden_layers"],
            "d_model": encoder["hidden_size"],
            "use_bias": False,
            "subsampling": "dw_striding",
            "subsampling_factor": 8,
            "subsampling_conv_channels": encoder["subsampling_conv_channels"],
            "causal_downsampling": True,
            "reduction": None,
            "ff_expansion_factor": 1,
            "self_attention_model": "rel_pos",
            "n_heads": encoder["num_attention_heads"],
            "att_context_size": [[8, 3], [8, 0]],
            "att_context_style": "chunked_limited",
            "xscaling": False,
            "conv_kernel_size": encoder["conv_kernel_size"],
            "conv_norm_type": "layer_norm",
            "conv_context_size": "causal",
        },
        "decoder": {"prednet": {"pred_hidden": 4, "pred_rnn_layers": 1}},
        "joint": {"jointnet": {"activation": "relu"}},
        "decoding": {"greedy": {"max_symbols": 3}},
    }


def nemo_members() -> dict[str, bytes]:
    """The files of the archive, by name."""
    arrays = {nemo_name(name): array for name, array in tensors().items()}
    return {
        CONFIG: yaml.safe_dump(nemo_settings(), allow_unicode=True).encode(),
        WEIGHTS: torch_tensors(arrays),
        "tokenizer.model": sentencepiece(),
    }


def configurations() -> bytes:
    """The three files of the hub's layout, in one list."""
    return json.dumps([CONFIG_JSON, GENERATION_JSON, PROCESSOR_JSON]).encode()


def english_nemo_members() -> dict[str, bytes]:
    """The files of an archive for English alone, with an auxiliary CTC head and a front end."""
    settings = nemo_settings()
    settings["target"] = "nemo.collections.asr.models.EncDecHybridRNNTCTCBPEModel"
    settings["labels"] = list(ENGLISH_PIECES)
    del settings["model_defaults"]
    settings["encoder"]["att_context_size"] = [[8, 1], [8, 0]]
    settings["aux_ctc"] = {
        "ctc_loss_weight": 0.3,
        "decoder": {"feat_in": 4, "num_classes": 9, "vocabulary": list(ENGLISH_PIECES)},
        "decoding": {"strategy": "greedy"},
    }
    settings["spec_augment"] = {"freq_masks": 2, "time_masks": 10}
    arrays = {nemo_name(n): array for n, array in tensors().items() if "prompt" not in n}
    more = {
        "preprocessor.featurizer.window": np.zeros(400, np.float32),
        "preprocessor.featurizer.fb": np.zeros((1, 8, 257), np.float32),
        "ctc_decoder.decoder_layers.0.weight": np.ones((10, 4, 1), np.float32),
        "ctc_decoder.decoder_layers.0.bias": np.ones(10, np.float32),
    }
    kinds = map(PieceKind, (2, 1, 1, 1, 1, 6, 6, 6, 1))
    return {
        CONFIG: yaml.safe_dump(settings, allow_unicode=True).encode(),
        WEIGHTS: torch_tensors(more | arrays),
        "tokenizer.model": sentencepiece_model(zip(ENGLISH_PIECES, kinds, strict=True)),
        "tokenizer.vocab": "\n".join(ENGLISH_PIECES).encode(),
        "vocab.txt": b"the",
    }
