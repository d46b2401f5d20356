"""Languages of tracks in one form: ISO 639-1 codes, where a language has one.

Matroska and MPEG-TS write bibliographic codes (`ger`), MP4 and Ogg terminological ones (`deu`) or
locales (`de-DE`), and users may write any of them.
"""

from __future__ import annotations

import re

#: By language: its code of two letters, then its codes of three letters and English names.
_LANGUAGES = """
af afr afrikaans; am amh amharic; ar ara arabic; az aze azerbaijani; be bel belarusian;
bg bul bulgarian; bn ben bengali; bs bos bosnian; ca cat catalan; cs ces cze czech;
cy cym wel welsh; da dan danish; de deu ger german; el ell gre greek; en eng english;
es spa spanish; et est estonian; eu eus baq basque; fa fas per persian farsi; fi fin finnish;
fr fra fre french; ga gle irish; gl glg galician; gu guj gujarati; he heb hebrew; hi hin hindi;
hr hrv scr croatian; hu hun hungarian; hy hye arm armenian; id ind indonesian;
is isl ice icelandic; it ita italian; ja jpn japanese; ka kat geo georgian; kk kaz kazakh;
km khm khmer; kn kan kannada; ko kor korean; lb ltz luxembourgish; lo lao; lt lit lithuanian;
lv lav latvian; mk mkd mac macedonian; ml mal malayalam; mn mon mongolian; mr mar marathi;
ms msa may malay; mt mlt maltese; my mya bur burmese; nb nob bokmal; ne nep nepali;
nl nld dut dutch; nn nno nynorsk; no nor norwegian; pa pan punjabi; pl pol polish;
pt por portuguese; ro ron rum romanian; ru rus russian; sk slk slo slovak; sl slv slovenian;
sq sqi alb albanian; sr srp scc serbian; sv swe swedish; sw swa swahili; ta tam tamil;
te tel telugu; th tha thai; tl tgl tagalog; tr tur turkish; uk ukr ukrainian; ur urd urdu;
uz uzb uzbek; vi vie vietnamese; zh zho chi cmn yue chinese mandarin cantonese
"""

_CODES = {
    name: names.split()[0]
    for names in _LANGUAGES.replace("\n", " ").split(";")
    for name in names.split()
}

#: Codes for unknown, no, several or unlisted languages.
_UNKNOWN = ("und", "unk", "mis", "mul", "zxx", "qaa", "auto")

#: Codes of Norwegian, and of its two written forms.
_NORWEGIAN = ("no", "nb", "nn")


def to_language_code(text: str | None) -> str | None:
    """Return `de` for `ger`, `deu`, `de-DE` and `German`; None if no language is named.

    Codes of languages that are not listed here stay as they are.
    """
    name = re.split(r"[-_]", (text or "").strip().lower())[0]
    if name in _CODES:
        return _CODES[name]
    if name in _UNKNOWN or not re.fullmatch(r"[a-z]{2,3}", name):
        return None
    return name


def is_same_language(one: str, other: str) -> bool:
    """Return whether two codes of `to_language_code` mean the same language."""
    return one == other or (one in _NORWEGIAN and other in _NORWEGIAN)
