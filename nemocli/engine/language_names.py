"""Names of the released model's languages: in English, in the language itself, and in ISO 639."""

import unicodedata

#: ISO 639-2 and 639-3 codes, English and native names, in small letters; by the ISO 639-1 code.
NAMES = {
    "ar": "ara arabic العربية عربي",
    "bg": "bul bulgarian български",
    "cs": "ces cze czech čeština česky",
    "da": "dan danish dansk",
    "de": "deu ger german deutsch",
    "el": "ell gre greek ελληνικά",
    "en": "eng english",
    "es": "spa spanish castilian español castellano",
    "et": "est ekk estonian eesti",
    "fi": "fin finnish suomi",
    "fr": "fra fre french français",
    "he": "heb iw hebrew עברית",
    "hi": "hin hindi हिन्दी हिंदी",
    "hr": "hrv croatian hrvatski",
    "hu": "hun hungarian magyar",
    "it": "ita italian italiano",
    "ja": "jpn japanese 日本語 にほんご",
    "ko": "kor korean 한국어 조선말",
    "lt": "lit lithuanian lietuvių",
    "lv": "lav lvs latvian latviešu",
    "mt": "mlt maltese malti",
    "nb": "nob bokmål bokmal",
    "nl": "nld dut dutch flemish nederlands vlaams",
    "nn": "nno nynorsk",
    "no": "nor norwegian norsk",
    "pl": "pol polish polski",
    "pt": "por portuguese português",
    "ro": "ron rum romanian moldavian română",
    "ru": "rus russian русский",
    "sk": "slk slo slovak slovenčina slovensky",
    "sl": "slv slovenian slovene slovenščina",
    "sv": "swe swedish svenska",
    "th": "tha thai ไทย ภาษาไทย",
    "tr": "tur turkish türkçe",
    "uk": "ukr ukrainian українська",
    "vi": "vie vietnamese",
    "zh": "zho chi cmn chinese mandarin 中文 汉语 漢語 普通话 普通話 国语 國語 华语 華語",
}

#: Names of more than one word, and of regional variants.
_PHRASES = {
    "american english": "en-us",
    "british english": "en-gb",
    "tiếng việt": "vi",
    "european spanish": "es-es",
    "latin american spanish": "es-us",
    "canadian french": "fr-ca",
    "brazilian portuguese": "pt-br",
    "brazilian": "pt-br",
    "european portuguese": "pt-pt",
    "norwegian bokmål": "nb",
    "norwegian nynorsk": "nn",
    "norsk bokmål": "nb",
    "norsk nynorsk": "nn",
    "mandarin chinese": "zh",
    "simplified chinese": "zh",
    "język polski": "pl",
    "lietuvių kalba": "lt",
    "latviešu valoda": "lv",
    "limba română": "ro",
    "русский язык": "ru",
    "українська мова": "uk",
    "اللغة العربية": "ar",
}


#: Where the first name in NAMES is not enough.
_FULL_NAMES = {"nb": "Norwegian Bokmål", "nn": "Norwegian Nynorsk"}


def name_language(code: str) -> str:
    """Return the English name of a language by its ISO 639-1 code; the code if it is unknown."""
    names = [name for name in NAMES.get(code, "").split() if len(name) > 3]
    return _FULL_NAMES.get(code) or (names[0].capitalize() if names else code)


def _fold(text: str) -> str:
    return unicodedata.normalize("NFC", text.strip().casefold())


_CODES = {_fold(name): code for code, names in NAMES.items() for name in names.split()}
_CODES |= {_fold(name): code for name, code in _PHRASES.items()}


def find_code(name: str) -> str | None:
    """Find the code for a name; None for unknown names.

    `Deutsch`, `german` and `deu` are `de`; `British English` is `en-gb`.
    """
    return _CODES.get(_fold(name))
