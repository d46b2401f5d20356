"""What the released model has, for files that hold its graphs but no configuration."""

from collections.abc import Mapping

from nemocli.network.features import FeatureConfig

#: Names with the same prompt, by the index of the prompt: the locales, their aliases, and `auto`.
_NAMES: Mapping[int, str] = {
    0: "en-US en",
    1: "en-GB enGB",
    2: "es-ES esES",
    3: "es-US es",
    4: "zh-CN zh-ZH",
    5: "zh-TW",
    6: "hi-IN hi hi-HI",
    7: "ar-AR ar",
    8: "fr-FR fr",
    9: "de-DE de",
    10: "ja-JP ja-JA",
    11: "ru-RU ru",
    12: "pt-BR",
    13: "pt-PT pt",
    14: "ko-KR ko ko-KO",
    15: "it-IT it",
    16: "nl-NL nl",
    17: "pl-PL pl",
    18: "tr-TR tr",
    19: "uk-UA uk",
    20: "ro-RO ro",
    21: "el-GR el",
    22: "cs-CZ cs",
    23: "hu-HU hu",
    24: "sv-SE sv",
    25: "da-DK da",
    26: "fi-FI fi",
    27: "no-NO no",
    28: "sk-SK sk",
    29: "hr-HR hr",
    30: "bg-BG bg",
    31: "lt-LT lt",
    32: "th-TH",
    33: "vi-VN",
    60: "et-EE et",
    61: "lv-LV lv",
    62: "sl-SI sl",
    64: "he-IL",
    100: "fr-CA",
    101: "auto",
    102: "mt-MT",
    103: "nb-NO nb",
    104: "nn-NO nn",
}

#: Locale or alias -> index of the prompt's one-hot vector, for all languages it was trained on.
PROMPTS: Mapping[str, int] = {
    name: prompt for prompt, names in _NAMES.items() for name in names.split()
}

#: The prompt for any language.
DEFAULT_PROMPT = PROMPTS["auto"]

#: The most tokens that are emitted on a frame.
SYMBOLS_PER_FRAME = 10


def make_features(num_mels: int) -> FeatureConfig:
    """Return the released model's mel front end, for `num_mels` mels."""
    return FeatureConfig(
        sampling_rate=16000,
        n_fft=512,
        win_length=400,
        hop_length=160,
        num_mels=num_mels,
        preemphasis=0.97,
    )
