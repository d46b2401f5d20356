"""The mel front end: its sizes, and reading them; all models that nemocli runs have the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nemocli.errors import ModelError, quote
from nemocli.network.config_values import MAX_COUNT, MAX_SIZE, Numbers, get_value

#: The least and the most that each size may be.
FEATURE_LIMITS: dict[str, tuple[int, int]] = {
    **dict.fromkeys(("n_fft", "win_length", "hop_length", "num_mels"), (1, MAX_COUNT)),
    "sampling_rate": (1, MAX_SIZE),
}


@dataclass(frozen=True)
class FeatureConfig:
    """Sizes of the mel front end. Lengths are in samples at `sampling_rate` Hz."""

    sampling_rate: int
    n_fft: int
    win_length: int
    hop_length: int
    num_mels: int
    preemphasis: float


def read_features(processor: Mapping[str, Any], num_mels: int) -> FeatureConfig:
    """Read processor_config.json's feature extractor, which must make `num_mels` mels."""
    extractor = get_value(processor, "feature_extractor", "processor_config.json", dict)
    number = Numbers(extractor, "processor_config.json's feature_extractor", FEATURE_LIMITS)
    if (made := number("num_mels", "feature_size")) != num_mels:
        raise ModelError(
            f"processor_config.json makes {made} mels,"
            f" but the encoder in config.json takes {num_mels}."
        )
    rounding = extractor.get("mel_filters_dtype", "float32")
    if rounding != "float32":
        raise ModelError(
            f"processor_config.json sets mel_filters_dtype to {quote(rounding)};"
            " nemocli implements only 'float32'."
        )
    return FeatureConfig(
        sampling_rate=number("sampling_rate", "sampling_rate"),
        n_fft=number("n_fft", "n_fft"),
        win_length=number("win_length", "win_length"),
        hop_length=number("hop_length", "hop_length"),
        num_mels=num_mels,
        preemphasis=_read_preemphasis(extractor),
    )


def _read_preemphasis(extractor: Mapping[str, Any]) -> float:
    value = extractor.get("preemphasis", 0.97)
    if not is_preemphasis(value):
        raise ModelError(
            f"processor_config.json gives preemphasis as {quote(value)}; it must be from 0 to 1."
        )
    return float(value)


def is_preemphasis(value: Any) -> bool:
    """Tell whether a value is a number from 0 to 1."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def list_feature_problems(features: FeatureConfig) -> list[tuple[bool, str]]:
    """Return what sizes must not be, each with whether they are."""
    return [
        (features.sampling_rate != 16000, "sampling_rate must be 16000"),
        (features.hop_length != 160, "hop_length must be 160"),
        (not 2 <= features.win_length <= features.n_fft, "win_length does not fit"),
    ]
