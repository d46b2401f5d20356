"""Where a line may be broken, by the rules of the script: kinsoku, Thai vowels, numbers, words.

Unicode's rules (UAX 14) need a dictionary for Thai. These are the rules that are needed between two
consecutive texts.
"""

import re
import unicodedata
from functools import lru_cache

#: Scripts without spaces, by their first and last code points: Thai and Lao, Burmese, Khmer, kana,
#: Chinese characters, half-width kana.
UNSPACED = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x3040, 0x30FF),
    (0x31F0, 0x31FF),
    (0x3400, 0x9FFF),
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9D),
    (0x20000, 0x3FFFF),
)

#: Signs that belong to the character before: small kana, long vowels, iteration and voicing marks.
SMALL_KANA = frozenset(
    "ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿ"
    "ｧｨｩｪｫｬｭｮｯーｰ々〻ゝゞヽヾ゛゜ﾞﾟ"
)

#: Thai and Lao vowels that are written before the consonant they follow in speech; and letters that
#: are written after it (marks above and below have a Unicode category of their own).
LEADING_VOWELS = frozenset("เแโใไເແໂໃໄ")
TRAILING_VOWELS = frozenset("ะาำๅๆฯະາຳຽໆຯ")

#: Signs that may not begin a line, besides closing brackets and quotes.
_CLOSING = frozenset("、。，．,.!?！？:;：；､｡・･…‥‼⁇⁈⁉〜～–‐゠%％‰℃°।॥؟،؛۔ๆฯ/") | frozenset(
    "」』】〕〉》〗〙〛｝］）｠｣)]}"
)

#: Signs that may not end a line, besides opening brackets and quotes: they precede a number.
_OPENING = frozenset("¥￥$＄€£￡₩№＃")

#: Signs that stay together if they are doubled.
_DOUBLED = frozenset("—―…‥")

#: Signs that stay with the digits after them; the first ones only if there are digits before too.
_IN_NUMBERS, _SIGNS_OF_NUMBERS = frozenset(",.:/"), frozenset("+-−±")

#: Quotes that may open or close, so that they stay with both neighbours.
_QUOTES = frozenset("\"'＂＇")

_JOINER = "\u200d"

#: Thai and Lao syllables that a consonant may still close: เ, แ or โ with one consonant or two, or
#: a vowel that never ends a syllable. So เ-ีย, เ-ือ and ัว stay whole, and every final consonant.
_UNCLOSED_SYLLABLE = re.compile(
    "(?:[เแโ](?:[ก-ฮ][รลว]?|ห[งญนมย])[ิ-ู็]?[่-๋]?|[ัื][่-๋]?"
    "|[ເແໂ](?:[ກ-ຮ][ຣລວ\u0ebc]?|ຫ[ງຍນມ]|[ໜໝ])[ິ-ູົ]?[່-໋]?|[ັົ][່-໋]?)$"
)
_CONSONANT = re.compile("[ก-ฮກ-ຮ]")


def is_unspaced(character: str) -> bool:
    """Tell whether a character belongs to a script without spaces between words."""
    code = ord(character)
    return code >= UNSPACED[0][0] and any(first <= code <= last for first, last in UNSPACED)


@lru_cache(maxsize=4096)
def continues(character: str) -> bool:
    """Tell whether a character belongs to the one before it, so that no line may begin with it."""
    return (
        character in SMALL_KANA
        or character in TRAILING_VOWELS
        or character == _JOINER
        or unicodedata.category(character).startswith("M")
        or 0x1F3FB <= ord(character) <= 0x1F3FF  # skin tones of emoji
    )


@lru_cache(maxsize=4096)
def opens(character: str) -> bool:
    """Tell whether a sign belongs to the text after it, such as an opening bracket or quote."""
    return unicodedata.category(character) in ("Ps", "Pi") or character in _OPENING


@lru_cache(maxsize=4096)
def _closes(character: str) -> bool:
    return unicodedata.category(character) in ("Pe", "Pf") or character in _CLOSING


def may_break(before: str, after: str, space: bool = False) -> bool:
    """Tell whether a line may end with the text `before` and the next one begin with `after`.

    `space` says that there is a space between them: some signs may then begin or end a line.
    """
    if not before or not after:
        return True
    last, first = before[-1], after[0]
    if continues(first) or last == _JOINER or last in LEADING_VOWELS:
        return False
    if space:
        return not (
            (_closes(first) and _is_sign(after) and not opens(first))
            or (opens(last) and (_is_bracket(last) or _is_sign(before)))
        )
    if _CONSONANT.match(first) and _UNCLOSED_SYLLABLE.search(before):
        return False
    if opens(last) or _closes(first) or (last == first and first in _DOUBLED):
        return False
    if last in _QUOTES or first in _QUOTES:
        return False
    if first.isdecimal() and (
        last in _SIGNS_OF_NUMBERS or (last in _IN_NUMBERS and before[-2:-1].isdecimal())
    ):
        return False
    return not (_is_in_word(last) and _is_in_word(first))


def may_break_within(before: str, after: str) -> bool:
    """Tell the same for a place inside a word wider than a line, between letters too."""
    return may_break(before, after) or (
        bool(before and after) and _is_in_word(before[-1]) and _is_in_word(after[0])
    )


def _is_sign(text: str) -> bool:
    """Tell whether a text has neither letters nor digits."""
    return not any(unicodedata.category(character)[0] in "LN" for character in text)


def _is_bracket(character: str) -> bool:
    """Tell whether a sign opens in every language; some quotes open in one and close in another."""
    return unicodedata.category(character) == "Ps" and character not in "„‚"


@lru_cache(maxsize=4096)
def _is_in_word(character: str) -> bool:
    """Tell whether a character is a letter or digit of a script with spaces between words."""
    return unicodedata.category(character)[0] in "LN" and not is_unspaced(character)
