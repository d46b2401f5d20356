"""NeMo's model_config.yaml, translated to the hub's three configuration files."""

from collections.abc import Mapping
from typing import Any, Never

import yaml

from nemocli.errors import ModelError, quote
from nemocli.network.architectures import ENGLISH, MULTILINGUAL, Architecture
from nemocli.network.config_values import MAX_COUNT, MAX_SIZE, is_number

#: Section and key of a setting, the only value that is implemented, and NeMo's default.
_REQUIRED: tuple[tuple[str, str, Any, Any], ...] = (
    ("encoder", "self_attention_model", "rel_pos", "rel_pos"),
    ("encoder", "subsampling", "dw_striding", "striding"),
    ("encoder", "subsampling_factor", 8, 4),
    ("encoder", "causal_downsampling", True, False),
    ("encoder", "att_context_style", "chunked_limited", "regular"),
    ("encoder", "conv_norm_type", "layer_norm", "batch_norm"),
    ("encoder", "conv_context_size", "causal", None),
    ("encoder", "use_bias", False, True),
    ("encoder", "xscaling", False, True),
    ("encoder", "reduction", None, None),
    ("preprocessor", "window", "hann", "hann"),
    ("preprocessor", "log", True, True),
    ("preprocessor", "frame_splicing", 1, 1),
    ("decoder", "normalization_mode", None, None),
)

#: YAML 1.1 reads the bare key `no`, the code of Norwegian, as a truth value.
_TRUTH = {False: "no", True: "yes"}

Json = dict[str, Any]

#: The most characters that a number may have.
MAX_NUMBER_LENGTH = 40


def make_hub_configs(
    settings: Mapping[str, Any], prompt_size: int, pieces: int, where: str
) -> tuple[Json, Json, Json]:
    """Return the contents of config.json, generation_config.json and processor_config.json.

    `prompt_size` is the width of prompt fusion, `pieces` the size of the SentencePiece model.
    Raises ModelError, naming the archive (`where`) and the setting, if one is missing or has a
    value that is not implemented.
    """
    read = NemoSettings(settings, where)
    for section, key, required, default in _REQUIRED:
        read.check_required(section, key, required, default)
    labels = settings.get("labels") or read.section("joint").get("vocabulary")
    if isinstance(labels, list) and len(labels) != pieces:
        read.refuse(f"has {len(labels)} labels, but a tokenizer of {pieces} pieces")
    processor: Json = {"feature_extractor": read_nemo_features(read)}
    if prompt_size or _names_prompts(settings):
        prompts = _read_prompts(read)
        processor["prompt_dictionary"] = prompts
        config = _make_config(read, MULTILINGUAL, pieces) | {
            "num_prompts": read.number("model_defaults", "num_prompts"),
            "prompt_intermediate_size": prompt_size,
            "default_prompt_id": prompts["auto"],
        }
    else:
        config = _make_config(read, ENGLISH, pieces)
    return config, {"decoder_start_token_id": pieces}, processor


def _names_prompts(settings: Mapping[str, Any]) -> bool:
    """Return whether the settings are those of a model with prompts."""
    defaults, target = settings.get("model_defaults"), settings.get("target")
    is_named = isinstance(target, str) and target.endswith("WithPrompt")
    return is_named or (isinstance(defaults, dict) and "prompt_dictionary" in defaults)


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # it comes without types
    """Reads plain values, without the parts of YAML by which a small file costs hours or memory."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Leave merge keys alone: nested merges would fill the memory."""

    def construct_scalar(self, node: yaml.ScalarNode) -> Any:
        """Refuse long numbers: one in base 60, such as 1:1:1:1 and so on, could take hours."""
        if node.tag.endswith((":int", ":float")) and len(node.value) > MAX_NUMBER_LENGTH:
            raise ValueError("no number of a setting")
        return super().construct_scalar(node)


def read_yaml(text: bytes) -> Any:
    """Read plain values. Raises ValueError or RecursionError for bad or too deep YAML."""
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None


class NemoSettings:
    """Reads settings by section and key; its errors name both."""

    def __init__(self, settings: Mapping[str, Any], where: str) -> None:
        self._settings, self._where = settings, where

    def section(self, *names: str) -> Mapping[str, Any]:
        found: Any = self._settings
        for name in names:
            found = found.get(name) if isinstance(found, dict) else None
        if not isinstance(found, dict):
            self.refuse(f"lacks the section {'.'.join(names)}")
        return found

    def number(self, *names: str) -> int:
        """Read a whole number, by the names of its sections and its key."""
        section, key = self.section(*names[:-1]), names[-1]
        value: Any = section.get(key)
        if not is_number(value, 0, MAX_SIZE):
            self.refuse(f"gives {'.'.join(names)} as {quote(value)}, where a whole number belongs")
        assert isinstance(value, int)
        return value

    def factor(self, section: str, key: str) -> float:
        """Read a number above zero, whole or not."""
        value = self.section(section).get(key)
        if (
            not isinstance(value, int | float)
            or isinstance(value, bool)
            or not 0 < value <= MAX_COUNT
        ):
            self.refuse(f"gives {section}.{key} as {quote(value)}, where a number belongs")
        return value

    def check_required(self, section: str, key: str, required: Any, default: Any) -> None:
        value = self.section(section).get(key, default)
        if value != required:
            self.refuse(
                f"sets {section}.{key} to {quote(value)}; nemocli implements only {required!r}"
            )

    def refuse(self, what: str) -> Never:
        raise ModelError(f"The model_config.yaml in {self._where} {what}.")


def _make_config(read: NemoSettings, architecture: Architecture, pieces: int) -> Json:
    activation = read.section("joint", "jointnet").get("activation", "relu")
    greedy = read.section("decoding").get("greedy") if "decoding" in read._settings else None
    symbols = greedy.get("max_symbols") if isinstance(greedy, dict) else None
    return {
        "model_type": architecture.name,
        "hidden_act": activation,
        "vocab_size": pieces + 1,
        "blank_token_id": pieces,
        "decoder_hidden_size": read.number("decoder", "prednet", "pred_hidden"),
        "num_decoder_layers": read.number("decoder", "prednet", "pred_rnn_layers"),
        "max_symbols_per_step": symbols or 10,
        "encoder_config": _make_encoder(read),
    }


def _make_encoder(read: NemoSettings) -> Json:
    hidden = read.number("encoder", "d_model")
    left, lookaheads = _read_contexts(read)
    return {
        "num_hidden_layers": read.number("encoder", "n_layers"),
        "hidden_size": hidden,
        "num_attention_heads": read.number("encoder", "n_heads"),
        "intermediate_size": round(hidden * read.factor("encoder", "ff_expansion_factor")),
        "subsampling_conv_channels": read.number("encoder", "subsampling_conv_channels"),
        "conv_kernel_size": read.number("encoder", "conv_kernel_size"),
        "num_mel_bins": read.number("encoder", "feat_in"),
        # Other values of what these come from are refused by _REQUIRED.
        "attention_bias": False,
        "convolution_bias": False,
        "scale_input": False,
        "sliding_window": left + 1,
        "supported_num_lookahead_tokens": lookaheads,
        "default_num_lookahead_tokens": lookaheads[0],
    }


def _read_contexts(read: NemoSettings) -> tuple[int, list[int]]:
    """Return the frames of left context, and the trained lookaheads with the default first."""
    value = read.section("encoder").get("att_context_size")
    pairs = value if isinstance(value, list) and isinstance(value[:1], list) else []
    if pairs and not isinstance(pairs[0], list):
        pairs = [pairs]
    whole = all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(n, int) for n in pair)
        for pair in pairs
    )
    if not pairs or not whole or len({left for left, _ in pairs}) > 1 or min(map(min, pairs)) < 0:
        read.refuse(
            f"gives encoder.att_context_size as {quote(value)}; nemocli runs limited contexts with"
            " one left size, such as [[56, 3], [56, 0]]"
        )
    return pairs[0][0], [right for _, right in pairs]


def _read_prompts(read: NemoSettings) -> dict[str, int]:
    prompts = {
        str(_TRUTH.get(name, name) if isinstance(name, bool) else name): index
        for name, index in read.section("model_defaults", "prompt_dictionary").items()
    }
    if not all(isinstance(index, int) for index in prompts.values()) or "auto" not in prompts:
        read.refuse("lacks a prompt_dictionary that gives each language and 'auto' a number")
    return prompts


def read_nemo_features(read: NemoSettings) -> Json:
    """Return the feature extractor of processor_config.json.

    Raises ModelError for a setting that is missing, or that is not implemented.
    """
    section = read.section("preprocessor")
    normalize = section.get("normalize")
    if normalize not in (None, "NA", "None", False):
        read.refuse(
            f"sets preprocessor.normalize to {quote(normalize)}; nemocli does not normalize"
        )
    rate = read.number("preprocessor", "sample_rate")
    return {
        "feature_size": read.number("preprocessor", "features"),
        "sampling_rate": rate,
        "n_fft": read.number("preprocessor", "n_fft"),
        "win_length": round(rate * read.factor("preprocessor", "window_size")),
        "hop_length": round(rate * read.factor("preprocessor", "window_stride")),
        "preemphasis": section.get("preemph", section.get("preemphasis", 0.97)),
    }
