"""The languages of a model, found by what users write for them."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nemocli.arguments import check_argument
from nemocli.engine.language_names import find_code, name_language
from nemocli.errors import UsageError
from nemocli.network.architectures import MULTILINGUAL
from nemocli.network.config import ModelConfig

#: The model detects the language.
AUTO_LANGUAGE = "auto"

#: The locales of the released model. Its prompt dictionary has more, which it was not trained for.
#: A checkpoint may name its own by `supported_languages` in its config.json.
RELEASED_LOCALES = (
    "ar-AR",
    "bg-BG",
    "cs-CZ",
    "da-DK",
    "de-DE",
    "el-GR",
    "en-GB",
    "en-US",
    "es-ES",
    "es-US",
    "et-EE",
    "fi-FI",
    "fr-CA",
    "fr-FR",
    "he-IL",
    "hi-IN",
    "hr-HR",
    "hu-HU",
    "it-IT",
    "ja-JP",
    "ko-KR",
    "lt-LT",
    "lv-LV",
    "mt-MT",
    "nb-NO",
    "nl-NL",
    "nn-NO",
    "pl-PL",
    "pt-BR",
    "pt-PT",
    "ro-RO",
    "ru-RU",
    "sk-SK",
    "sl-SI",
    "sv-SE",
    "th-TH",
    "tr-TR",
    "uk-UA",
    "vi-VN",
    "zh-CN",
)

#: Those that the released model's card does not list as supported, but only as ready for being
#: adapted: it was trained for them too, but they need training on more data.
ADAPTATION_ONLY = frozenset(
    ("el-GR", "he-IL", "lt-LT", "lv-LV", "mt-MT", "nn-NO", "sl-SI", "th-TH")
)

#: What a released model is for a locale, as `nemocli models list --languages` says it.
SUPPORTED, ONLY_ADAPTATION = "supported", "only ready for adaptation"

#: Languages whose locales have another code: Norwegian is written as Bokmål or Nynorsk.
MACROLANGUAGES = {"no": "nb"}


@dataclass(frozen=True)
class Language:
    """A language to transcribe in: its locale, or `auto`, and the index of its prompt."""

    tag: str
    prompt: int


class Languages:
    """The languages of one model."""

    def __init__(self, config: ModelConfig) -> None:
        self._prompts = config.prompts
        if not config.has_prompts:  # the network knows one language, or finds out which it is
            self._prompts = dict.fromkeys(config.languages, 0)
        auto = self._prompts.get(AUTO_LANGUAGE, config.default_prompt)
        offered = config.languages or RELEASED_LOCALES
        #: The locales that users may choose, besides `auto`.
        self.tags = tuple(tag for tag in offered if tag in self._prompts)
        # A checkpoint that names its languages itself may have been adapted.
        self._has_tiers = config.has_prompts and not config.languages
        #: Whether the model is for one language alone, which then is what `auto` stands for.
        self.is_single = not config.has_prompts and len(self.tags) == 1
        self._auto = Language(self.tags[0], 0) if self.is_single else Language(AUTO_LANGUAGE, auto)

    def find(self, name: str) -> Language:
        """Find a language by a code or name: `ja-JP`, `ja_jp`, `jpn`, `Japanese`, `日本語`, `auto`.

        A region that the model does not know falls back to another of the language: `en-DE` gives
        `en-US`, as the result's tag shows. For a model of one language, `auto` is that. Raises
        UsageError, naming near matches, if the language is unknown.
        """
        check_argument("lang", name, str, "the name of a language such as 'de', or 'auto'")
        typed = name.strip().replace("_", "-").lower()
        if typed == AUTO_LANGUAGE:
            return self._auto
        by_lower = {tag.lower(): tag for tag in self.tags}
        code = _replace_name(typed)
        if code in by_lower:
            return self._make_language(by_lower[code])
        language = code.partition("-")[0]
        language = MACROLANGUAGES.get(language, language)
        for alias in (code, language):
            tag = self._find_tag(alias)
            if tag:
                return self._make_language(tag)
        same_language = [tag for tag in self.tags if tag.lower().startswith(language + "-")]
        if language and same_language:
            return self._make_language(same_language[0])
        raise UsageError(self._describe_unknown(name, typed, by_lower))

    def warn(self, tag: str) -> str | None:
        """Return a sentence about a locale of ADAPTATION_ONLY; None for others and other models."""
        if not self._has_tiers or tag not in ADAPTATION_ONLY:
            return None
        return (
            f"{name_language(tag.partition('-')[0])} ({tag}) is not among the languages that the"
            f" model's card lists as supported: it is {ONLY_ADAPTATION}, so expect more errors."
        )

    def _make_language(self, tag: str) -> Language:
        return Language(tag, self._prompts[tag])

    def _find_tag(self, alias: str) -> str | None:
        """Return the locale with the same prompt as an alias in the dictionary, such as `en`."""
        prompt = {key.lower(): index for key, index in self._prompts.items()}.get(alias)
        return next((tag for tag in self.tags if self._prompts[tag] == prompt), None)

    def _describe_unknown(self, name: str, typed: str, by_lower: Mapping[str, str]) -> str:
        if self.is_single:
            return self._describe_other(name, typed)
        near: Sequence[str] = difflib.get_close_matches(typed, by_lower, n=4, cutoff=0.5)
        listed = ", ".join(by_lower[lower] for lower in near) or ", ".join(self.tags)
        return (
            f"The model does not know the language {name!r}."
            f" {'Near matches' if near else 'It knows'}: {listed}; or {AUTO_LANGUAGE}."
        )

    def _describe_other(self, name: str, typed: str) -> str:
        """Return the sentence for another language than a model's only one."""
        own = self.tags[0].partition("-")[0]
        code = _replace_name(typed).partition("-")[0]
        code = MACROLANGUAGES.get(code, code)
        sentence = f"The model transcribes only {name_language(own)}, not "
        released = next((tag for tag in RELEASED_LOCALES if tag.startswith(f"{code}-")), None)
        if code == own or released is None:
            return f"{sentence}{name!r}."
        return f"{sentence}{name_language(code)}: that is in {MULTILINGUAL.repository}."


def list_tiers() -> list[tuple[str, str, str]]:
    """Return locale, English name and tier of each language of the multilingual released model."""
    return [
        (
            tag,
            name_language(tag.partition("-")[0]),
            ONLY_ADAPTATION if tag in ADAPTATION_ONLY else SUPPORTED,
        )
        for tag in RELEASED_LOCALES
    ]


def _replace_name(name: str) -> str:
    """Replace a language's name by its code: `german` by `de`, `deu-at` by `de-at`."""
    if whole := find_code(name.replace("-", " ")):
        return whole
    language, hyphen, region = name.partition("-")
    return (find_code(language) or language) + hyphen + region
