"""Every size of the model, as a checkpoint's configuration files give it; none is assumed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nemocli.errors import ModelError, quote
from nemocli.network.architectures import ENGLISH, Architecture, refuse_other_architecture
from nemocli.network.config_values import MAX_COUNT, MAX_SIZE, Numbers, get_value, is_number
from nemocli.network.features import (
    FEATURE_LIMITS,
    FeatureConfig,
    is_preemphasis,
    list_feature_problems,
    read_features,
)

#: The most symbols on a frame, and lookaheads: each of them costs much more than other sizes.
MAX_SYMBOLS = MAX_LOOKAHEADS = 100

#: The least and the most that each size may be, by its name in the classes below.
LIMITS: dict[str, tuple[int, int]] = {
    **FEATURE_LIMITS,
    **dict.fromkeys(("conv_kernel", "decoder_layers"), (1, MAX_COUNT)),
    **dict.fromkeys(("hidden_size", "num_heads", "ff_size"), (1, MAX_SIZE)),
    **dict.fromkeys(("subsampling_channels", "num_prompts", "prompt_size"), (1, MAX_SIZE)),
    **dict.fromkeys(("vocab_size", "decoder_size"), (1, MAX_SIZE)),
    **dict.fromkeys(("blank_id", "default_prompt"), (0, MAX_SIZE)),
    "num_layers": (2, MAX_COUNT),
    "left_context": (1, MAX_COUNT - 1),
    "max_symbols": (1, MAX_SYMBOLS),
}

#: Sizes that a model without prompts does not have: they are 0.
_PROMPT_SIZES = ("num_prompts", "prompt_size", "default_prompt")

#: What transformers takes for a checkpoint of the English model that does not list lookaheads.
_ENGLISH_LOOKAHEADS = [13, 6, 1, 0]

#: The most values that a stream's caches may hold: a hundred times the released model's.
MAX_CACHED = 1 << 28


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of encoder, prompt fusion, predictor and joint; languages, lookaheads and blank."""

    features: FeatureConfig
    hidden_size: int
    num_layers: int
    num_heads: int
    ff_size: int
    conv_kernel: int
    subsampling_channels: int
    #: Encoder frames of left context kept in the key and value caches.
    left_context: int
    lookaheads: tuple[int, ...]
    default_lookahead: int
    #: 0 for a model without prompts, which is for certain languages alone.
    num_prompts: int
    prompt_size: int
    default_prompt: int
    vocab_size: int
    blank_id: int
    decoder_size: int
    decoder_layers: int
    max_symbols: int
    #: Locale or alias -> index of the prompt's one-hot vector.
    prompts: dict[str, int]
    #: Locales that the checkpoint says it was trained on; empty if it does not say.
    languages: tuple[str, ...] = ()

    @property
    def has_prompts(self) -> bool:
        """Whether the language is an input of the network."""
        return self.num_prompts > 0

    @property
    def head_size(self) -> int:
        return self.hidden_size // self.num_heads

    @property
    def first_half(self) -> int:
        """Layers in `conformer_a`; the others are in `conformer_b`."""
        return (self.num_layers + 1) // 2

    @property
    def subsampled_mels(self) -> tuple[int, int, int]:
        """Frequency rows after each stride-2 stage, n -> n // 2 + 1: 65, 33, 17 from 128."""
        first = self.features.num_mels // 2 + 1
        second = first // 2 + 1
        return first, second, second // 2 + 1

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a manifest; `ModelConfig.from_json` reads them back."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "ModelConfig":
        """Read what `to_json` returned.

        Raises ValueError, TypeError, KeyError or ModelError for anything else.
        """
        fields = dict(data)
        fields["features"] = FeatureConfig(**fields["features"])
        fields["lookaheads"] = tuple(fields["lookaheads"])
        fields["languages"] = tuple(fields.get("languages", ()))
        config = cls(**fields)
        if not _is_plausible(config):
            raise ValueError("sizes that no model has")
        _check_sizes(config, {})
        return config


def read_config(
    config: Mapping[str, Any], generation: Mapping[str, Any], processor: Mapping[str, Any]
) -> ModelConfig:
    """Read the sizes from config.json, generation_config.json and processor_config.json.

    Raises ModelError, naming the key, if one is missing or has a value that is not implemented.
    """
    architecture = refuse_other_architecture(config)
    encoder = get_value(config, "encoder_config", "config.json", dict)
    _refuse_unimplemented(config, encoder)
    lookaheads = _read_lookaheads(encoder, processor, architecture)
    is_english = architecture is ENGLISH
    number = Numbers(config, "config.json", LIMITS)
    enc = Numbers(encoder, "config.json's encoder_config", LIMITS)
    result = ModelConfig(
        features=read_features(processor, enc("num_mels", "num_mel_bins")),
        hidden_size=enc("hidden_size", "hidden_size"),
        num_layers=enc("num_layers", "num_hidden_layers"),
        num_heads=enc("num_heads", "num_attention_heads"),
        ff_size=enc("ff_size", "intermediate_size"),
        conv_kernel=enc("conv_kernel", "conv_kernel_size"),
        subsampling_channels=enc("subsampling_channels", "subsampling_conv_channels"),
        left_context=enc("left_context", "sliding_window", frames_more=1),
        lookaheads=lookaheads,
        default_lookahead=_read_default_lookahead(encoder, processor, lookaheads),
        num_prompts=0 if is_english else number("num_prompts", "num_prompts"),
        prompt_size=0 if is_english else number("prompt_size", "prompt_intermediate_size"),
        default_prompt=0 if is_english else number("default_prompt", "default_prompt_id"),
        vocab_size=number("vocab_size", "vocab_size"),
        blank_id=number("blank_id", "blank_token_id"),
        decoder_size=number("decoder_size", "decoder_hidden_size"),
        decoder_layers=number("decoder_layers", "num_decoder_layers"),
        max_symbols=number("max_symbols", "max_symbols_per_step"),
        prompts={} if is_english else _read_prompts(processor),
        languages=_read_languages(config) or (("en-US",) if is_english else ()),
    )
    _check_sizes(result, generation)
    _check_copies(config, processor, result)
    return result


def _refuse_unimplemented(config: Mapping[str, Any], encoder: Mapping[str, Any]) -> None:
    # The last is what transformers takes for a key that is missing.
    required: list[tuple[Mapping[str, Any], str, Any, Any]] = [
        (config, "hidden_act", "relu", "relu"),
        (encoder, "hidden_act", "silu", "silu"),
        (encoder, "subsampling_factor", 8, 8),
        (encoder, "subsampling_conv_kernel_size", 3, 3),
        (encoder, "subsampling_conv_stride", 2, 2),
        (encoder, "attention_bias", False, True),
        (encoder, "convolution_bias", False, True),
        (encoder, "scale_input", False, True),
    ]
    for data, key, value, default in required:
        if data.get(key, default) != value:
            how = f"sets {key} to" if key in data else f"does not set {key}, which then is"
            raise ModelError(
                f"config.json {how} {quote(data.get(key, default))}; nemocli implements only"
                f" {value!r}."
            )


def _read_lookaheads(
    encoder: Mapping[str, Any], processor: Mapping[str, Any], architecture: Architecture
) -> tuple[int, ...]:
    key = "supported_num_lookahead_tokens"
    values = encoder.get(key) or processor.get(key)
    if architecture is ENGLISH and key not in encoder and key not in processor:
        values = _ENGLISH_LOOKAHEADS
    if not isinstance(values, list) or not _are_lookaheads(values):
        raise ModelError(
            f"config.json's encoder_config lacks a list {key!r} of whole numbers up to {MAX_COUNT}."
        )
    return tuple(values)


def _read_default_lookahead(
    encoder: Mapping[str, Any], processor: Mapping[str, Any], lookaheads: tuple[int, ...]
) -> int:
    key = "default_num_lookahead_tokens"
    value = encoder.get(key, processor.get(key, lookaheads[0]))
    if value not in lookaheads:
        raise ModelError(
            f"config.json's encoder_config gives default_num_lookahead_tokens as {quote(value)},"
            " which is not among its supported ones."
        )
    return int(value)


def _are_lookaheads(values: Sequence[Any]) -> bool:
    fits = 0 < len(values) <= MAX_LOOKAHEADS
    return fits and all(is_number(value, 0, MAX_COUNT) for value in values)


def _is_plausible(config: ModelConfig) -> bool:
    """Tell whether a manifest's values have the types and limits that `read_config` demands."""
    sizes = vars(config) | vars(config.features)
    limits = LIMITS
    if is_number(config.num_prompts, 0, 0):
        limits = LIMITS | dict.fromkeys(_PROMPT_SIZES, (0, 0))
    return (
        all(is_number(sizes[size], *limit) for size, limit in limits.items())
        and _are_lookaheads(config.lookaheads)
        and is_number(config.default_lookahead, 0, MAX_COUNT)
        and is_preemphasis(config.features.preemphasis)
        and all(isinstance(name, str) for name in (*config.prompts, *config.languages))
        and all(is_number(index, 0, MAX_SIZE) for index in config.prompts.values())
    )


def _read_languages(config: Mapping[str, Any]) -> tuple[str, ...]:
    key = "supported_languages"
    values = config.get(key) or []
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ModelError(
            f"config.json gives {key} as {quote(values)}, where a list of names belongs."
        )
    return tuple(values)


def _read_prompts(processor: Mapping[str, Any]) -> dict[str, int]:
    prompts = get_value(processor, "prompt_dictionary", "processor_config.json", dict)
    for name, index in prompts.items():
        if not isinstance(index, int) or isinstance(index, bool) or index < 0:
            raise ModelError(
                f"processor_config.json's prompt_dictionary gives {quote(name)} as {quote(index)},"
                " where the number of a prompt belongs."
            )
    return dict(prompts)


def _check_sizes(config: ModelConfig, generation: Mapping[str, Any]) -> None:
    start = generation.get("decoder_start_token_id", config.blank_id)
    prompts = (config.default_prompt, *config.prompts.values()) if config.has_prompts else ()
    cached = config.num_layers * config.hidden_size * (2 * config.left_context + config.conv_kernel)
    problems = [
        (config.hidden_size % config.num_heads != 0, "hidden_size must divide into heads"),
        (config.blank_id >= config.vocab_size, "blank_token_id lies outside the vocabulary"),
        (start != config.blank_id, "decoder_start_token_id must be the blank token"),
        *list_feature_problems(config.features),
        (config.default_lookahead not in config.lookaheads, "it lacks its default lookahead"),
        (any(i >= config.num_prompts for i in prompts), "a prompt id is too large"),
        (
            not config.has_prompts and bool(config.prompts),
            "it has names of prompts, but no prompts",
        ),
        (not config.has_prompts and not config.languages, "it has no language"),
        (cached > MAX_CACHED, "its caches would fill the memory"),
    ]
    for wrong, why in problems:
        if wrong:
            raise ModelError(f"The checkpoint's configuration contradicts itself: {why}.")


def _check_copies(
    config: Mapping[str, Any], processor: Mapping[str, Any], read: ModelConfig
) -> None:
    """Raise ModelError where a file repeats a size that was read elsewhere, with another value."""
    encoder = config["encoder_config"]
    copies: list[tuple[str, Mapping[str, Any], str, Any]] = [
        ("config.json", encoder, "num_key_value_heads", read.num_heads),
    ]
    if read.has_prompts:
        copies.append(("processor_config.json", processor, "num_prompts", read.num_prompts))
    for file, data, key, value in copies:
        if data.get(key, value) != value:
            raise ModelError(
                f"{file} gives {key} as {quote(data[key])}, where the model has {value}."
            )
