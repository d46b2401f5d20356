"""Which languages can be asked for, and what people write when they mean one."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nemocli.engine.language_names import code_of
from nemocli.errors import UsageError
from nemocli.network.config import ModelConfig

#: Let the model find out by itself.
AUTO = "auto"

#: The locales of the released model. Its prompt dictionary names more, for which it was not
#: trained. A checkpoint may narrow them down by `supported_languages` in its config.json.
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

#: Languages whose locales carry another code: Norwegian is written as Bokmål or Nynorsk.
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
        self._auto = config.prompts.get(AUTO, config.default_prompt)
        offered = config.languages or RELEASED_LOCALES
        #: Locales that can be asked for, besides `auto`.
        self.tags = tuple(tag for tag in offered if tag in config.prompts)

    def find(self, wanted: str) -> Language:
        """The language a person means: `ja-JP`, `ja_jp`, `JA`, `jpn`, `Japanese`, `日本語`, `auto`.

        A region the model does not know falls back to its language (`en-DE` is `en-US`), which the
        result's tag shows. Raises UsageError, naming near matches, if the language is unknown.
        """
        name = wanted.strip().replace("_", "-").lower()
        if name == AUTO:
            return Language(AUTO, self._auto)
        by_lower = {tag.lower(): tag for tag in self.tags}
        typed, name = name, _by_code(name)
        if name in by_lower:
            return self._language(by_lower[name])
        language = name.partition("-")[0]
        language = MACROLANGUAGES.get(language, language)
        for alias in (name, language):
            tag = self._tag_of_alias(alias)
            if tag:
                return self._language(tag)
        same_language = [tag for tag in self.tags if tag.lower().startswith(language + "-")]
        if language and same_language:
            return self._language(same_language[0])
        raise UsageError(self._unknown(wanted, typed, by_lower))

    def _language(self, tag: str) -> Language:
        return Language(tag, self._prompts[tag])

    def _tag_of_alias(self, alias: str) -> str | None:
        """The offered locale with the same prompt as an alias of the dictionary, such as `en`."""
        prompt = {key.lower(): index for key, index in self._prompts.items()}.get(alias)
        return next((tag for tag in self.tags if self._prompts[tag] == prompt), None)

    def _unknown(self, wanted: str, name: str, by_lower: Mapping[str, str]) -> str:
        near: Sequence[str] = difflib.get_close_matches(name, by_lower, n=4, cutoff=0.5)
        listed = ", ".join(by_lower[lower] for lower in near) or ", ".join(self.tags)
        return (
            f"The model does not know the language {wanted!r}."
            f" {'Near matches' if near else 'It knows'}: {listed}; or {AUTO}."
        )


def _by_code(name: str) -> str:
    """`german` -> `de`, `deu-at` -> `de-at`; what has no other name as it is."""
    if whole := code_of(name.replace("-", " ")):
        return whole
    language, hyphen, region = name.partition("-")
    return (code_of(language) or language) + hyphen + region
