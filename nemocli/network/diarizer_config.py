"""Every size of a diarization model, as a checkpoint's configuration files give it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from nemocli.errors import ModelError, quote
from nemocli.network.architectures import DIARIZATION
from nemocli.network.config_values import MAX_COUNT, MAX_SIZE, Numbers, get_value, is_number
from nemocli.network.features import (
    FEATURE_LIMITS,
    FeatureConfig,
    is_preemphasis,
    list_feature_problems,
    read_features,
)

#: Mel rows of 10 ms that make a frame of 80 ms.
ROWS_PER_FRAME = 8

#: The most speakers: the released model has 8.
MAX_SPEAKERS = 100

#: The most modes of latency that a checkpoint may list.
MAX_MODES = 100

#: The least and the most that each size may be, by its name in the class below.
LIMITS: dict[str, tuple[int, int]] = {
    **FEATURE_LIMITS,
    **dict.fromkeys(("hidden_size", "num_heads", "ff_size"), (1, MAX_SIZE)),
    **dict.fromkeys(("head_hidden_size", "max_positions"), (1, MAX_SIZE)),
    "num_layers": (1, MAX_COUNT),
    "num_speakers": (1, MAX_SPEAKERS),
    **dict.fromkeys(("cache_frames", "fifo_frames", "pop_frames"), (1, MAX_COUNT)),
    "silence_frames": (0, MAX_COUNT),
    **dict.fromkeys(("offline_chunk", "offline_fifo", "offline_pop"), (1, MAX_COUNT)),
    **dict.fromkeys(("offline_lookahead", "offline_lookback"), (0, MAX_COUNT)),
}

#: Numbers of the compression that need not be whole, from 0 to this.
MAX_RATE = 1000.0

_RATES = (
    "score_floor",
    "latest_boost",
    "strong_boost_rate",
    "weak_boost_rate",
    "min_positive_rate",
)


@dataclass(frozen=True)
class DiarizerConfig:
    """Sizes of encoder and head, of cache and FIFO, and the modes of latency.

    Lengths are in frames of 80 ms.
    """

    features: FeatureConfig
    hidden_size: int
    num_layers: int
    num_heads: int
    ff_size: int
    #: The most rows that a step may encode.
    max_positions: int
    #: The base of the rotary angles, and how many dimensions of each head they turn.
    rotary_base: float
    rotary_size: int
    head_hidden_size: int
    num_speakers: int
    #: Capacity of the speaker cache, and how many of its frames each speaker has for silence.
    cache_frames: int
    silence_frames: int
    #: In a live mode: capacity of the FIFO, and the least frames that leave it at once.
    fifo_frames: int
    pop_frames: int
    #: Least probability in the scores of the compression.
    score_floor: float
    #: What is added to the scores of the frames that have just come.
    latest_boost: float
    #: Parts of each speaker's places in the cache: how many of the best frames get a strong boost,
    #: how many a weak one, and how many with a positive score make the others unnecessary.
    strong_boost_rate: float
    weak_boost_rate: float
    min_positive_rate: float
    #: The same for whole recordings.
    offline_chunk: int
    offline_lookahead: int
    offline_lookback: int
    offline_fifo: int
    offline_pop: int
    #: Chunk and lookahead of each live mode by its name, and the default one.
    modes: dict[str, tuple[int, int]]
    default_mode: str

    @property
    def head_size(self) -> int:
        """Size of an attention head."""
        return self.hidden_size // self.num_heads

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a manifest; `DiarizerConfig.from_json` reads them back."""
        return {"architecture": DIARIZATION.name, **asdict(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "DiarizerConfig":
        """Read what `to_json` returned.

        Raises ValueError, TypeError, KeyError or ModelError for anything else.
        """
        fields = dict(data)
        if fields.pop("architecture") != DIARIZATION.name:
            raise ValueError("not a diarization model")
        fields["features"] = FeatureConfig(**fields["features"])
        fields["modes"] = {name: tuple(mode) for name, mode in fields["modes"].items()}
        config = cls(**fields)
        if not _is_plausible(config):
            raise ValueError("sizes that no model has")
        _check_sizes(config)
        return config


def read_diarizer_config(config: Mapping[str, Any], processor: Mapping[str, Any]) -> DiarizerConfig:
    """Read the sizes from config.json, whose architecture is known, and processor_config.json.

    Raises ModelError, naming the key, if one is missing or has a value that is not implemented.
    """
    audio, head, streaming = (
        get_value(config, key, "config.json", dict)
        for key in ("audio_config", "head_config", "streaming_config")
    )
    rope = get_value(audio, "rope_parameters", "config.json's audio_config", dict)
    top = Numbers(config, "config.json", LIMITS)
    enc = Numbers(audio, "config.json's audio_config", LIMITS)
    out = Numbers(head, "config.json's head_config", LIMITS)
    live = Numbers(streaming, "config.json's streaming_config", LIMITS)
    _refuse_unimplemented(audio, head, streaming, processor, rope)
    hidden, heads = enc("hidden_size", "hidden_size"), enc("num_heads", "num_attention_heads")
    speakers = out("num_speakers", "num_speakers")
    _check_copies(audio, head, streaming, hidden, heads, speakers)
    modes = _read_modes(processor)
    result = DiarizerConfig(
        features=read_features(processor, enc("num_mels", "num_mel_bins")),
        hidden_size=hidden,
        num_layers=enc("num_layers", "num_hidden_layers"),
        num_heads=heads,
        ff_size=enc("ff_size", "intermediate_size"),
        max_positions=enc("max_positions", "max_position_embeddings"),
        rotary_base=_read_rate(rope, "rope_theta", "rope_parameters", 10000.0, 1.0, 1e9),
        # Without the key, all dimensions turn: this class overrules its parent's 0.5.
        rotary_size=int(
            hidden
            // heads
            * _read_rate(rope, "partial_rotary_factor", "rope_parameters", 1.0, 0.0, 1.0)
        ),
        head_hidden_size=out("head_hidden_size", "hidden_size"),
        num_speakers=speakers,
        cache_frames=live("cache_frames", "speaker_cache_length"),
        silence_frames=live("silence_frames", "speaker_cache_silence_frames_per_speaker"),
        fifo_frames=live("fifo_frames", "fifo_length"),
        pop_frames=live("pop_frames", "speaker_cache_update_period"),
        score_floor=_read_rate(streaming, "prediction_score_threshold"),
        latest_boost=_read_rate(streaming, "latest_frames_score_boost"),
        strong_boost_rate=_read_rate(streaming, "strong_boost_rate"),
        weak_boost_rate=_read_rate(streaming, "weak_boost_rate"),
        min_positive_rate=_read_rate(streaming, "min_positive_scores_rate"),
        offline_chunk=top("offline_chunk", "chunk_length"),
        offline_lookahead=top("offline_lookahead", "chunk_right_context"),
        offline_lookback=top("offline_lookback", "chunk_left_context"),
        offline_fifo=top("offline_fifo", "fifo_length"),
        offline_pop=top("offline_pop", "speaker_cache_update_period"),
        modes=modes,
        default_mode=_read_default_mode(processor, modes),
    )
    _check_sizes(result)
    return result


def _read_rate(
    data: Mapping[str, Any],
    key: str,
    where: str = "streaming_config",
    default: float | None = None,
    least: float = 0.0,
    most: float = MAX_RATE,
) -> float:
    """Read a number that need not be whole; without a default, the key must be there."""
    value = data.get(key, default)
    if value is None:
        raise ModelError(f"config.json's {where} lacks the key {key!r}.")
    if not _is_rate(value, least, most):
        raise ModelError(
            f"config.json's {where} gives {key} as {quote(value)}; it must be from {least:g} to"
            f" {most:g}."
        )
    return float(value)


def _is_rate(value: Any, least: float, most: float) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and least <= value <= most


def _read_modes(processor: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    modes = get_value(processor, "streaming_modes", "processor_config.json", dict)
    for name, mode in modes.items():
        if not _is_mode(mode):
            raise ModelError(
                f"processor_config.json gives the mode {quote(name)} as {quote(mode)}, where chunk"
                " and lookahead belong, in frames."
            )
    if not 0 < len(modes) <= MAX_MODES:
        raise ModelError(f"processor_config.json must list 1 to {MAX_MODES} streaming_modes.")
    return {name: (chunk, lookahead) for name, (chunk, lookahead) in modes.items()}


def _is_mode(mode: Any) -> bool:
    is_pair = isinstance(mode, list | tuple) and len(mode) == 2
    return is_pair and is_number(mode[0], 1, MAX_COUNT) and is_number(mode[1], 0, MAX_COUNT)


def _read_default_mode(processor: Mapping[str, Any], modes: Mapping[str, Any]) -> str:
    name = get_value(processor, "streaming_mode", "processor_config.json", str)
    if name not in modes:
        raise ModelError(
            f"processor_config.json gives streaming_mode as {quote(name)}, which is not among its"
            " streaming_modes."
        )
    return str(name)


def _refuse_unimplemented(
    audio: Mapping[str, Any],
    head: Mapping[str, Any],
    streaming: Mapping[str, Any],
    processor: Mapping[str, Any],
    rope: Mapping[str, Any],
) -> None:
    required: list[tuple[str, Mapping[str, Any], str, Any]] = [
        ("config.json", audio, "hidden_act", "gelu"),
        ("config.json", rope, "rope_type", "default"),
        ("config.json", audio, "subsampling_factor", ROWS_PER_FRAME),
        ("config.json", head, "subsampling_factor", ROWS_PER_FRAME),
        ("config.json", streaming, "subsampling_factor", ROWS_PER_FRAME),
        ("processor_config.json", processor, "subsampling_factor", ROWS_PER_FRAME),
    ]
    for file, data, key, value in required:
        if data.get(key, value) != value:
            raise ModelError(
                f"{file} sets {key} to {quote(data[key])}; nemocli implements only {value!r} for a"
                " diarization model."
            )


def _check_copies(
    audio: Mapping[str, Any],
    head: Mapping[str, Any],
    streaming: Mapping[str, Any],
    hidden: int,
    heads: int,
    speakers: int,
) -> None:
    """Raise ModelError where config.json repeats a size with another value."""
    copies = [
        (audio, "num_key_value_heads", heads),
        (head, "audio_hidden_size", hidden),
        (streaming, "num_speakers", speakers),
    ]
    for data, key, value in copies:
        if data.get(key) not in (None, value):
            raise ModelError(
                f"config.json gives {key} as {quote(data[key])}, where the model has {value}."
            )


def _is_plausible(config: DiarizerConfig) -> bool:
    """Tell whether a manifest's values have the types and limits that `read_*` demand."""
    sizes = vars(config) | vars(config.features)
    return (
        all(is_number(sizes[size], *limit) for size, limit in LIMITS.items())
        and all(_is_rate(sizes[rate], 0, MAX_RATE) for rate in _RATES)
        and _is_rate(config.rotary_base, 1, 1e9)
        and is_number(config.rotary_size, 0, MAX_SIZE)
        and is_preemphasis(config.features.preemphasis)
        and 0 < len(config.modes) <= MAX_MODES
        and all(isinstance(name, str) for name in config.modes)
        and all(map(_is_mode, config.modes.values()))
        and config.default_mode in config.modes
    )


def _check_sizes(config: DiarizerConfig) -> None:
    longest = max(chunk + ahead for chunk, ahead in config.modes.values())
    offline = config.offline_lookback + config.offline_chunk + config.offline_lookahead
    rows = config.cache_frames + max(config.fifo_frames + longest, config.offline_fifo + offline)
    least_cache = (1 + config.silence_frames) * config.num_speakers
    problems = [
        (config.hidden_size % config.num_heads != 0, "hidden_size must divide into heads"),
        (not 2 <= config.rotary_size <= config.head_size, "partial_rotary_factor does not fit"),
        (config.rotary_size % 2 != 0, "an even number of dimensions must be turned"),
        (config.offline_lookahead >= config.offline_chunk, "chunk_right_context is too long"),
        (config.cache_frames < least_cache, "speaker_cache_length is too short for its speakers"),
        (not 0 < config.score_floor < 1, "prediction_score_threshold must be between 0 and 1"),
        (rows > config.max_positions, "max_position_embeddings is less than a step has rows"),
        *list_feature_problems(config.features),
    ]
    for wrong, why in problems:
        if wrong:
            raise ModelError(f"The checkpoint's configuration contradicts itself: {why}.")
