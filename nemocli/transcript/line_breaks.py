"""Where a line may be broken, by the rules of the script: kinsoku, Thai vowels, numbers, words.

Unicode's own rules (UAX 14) leave Thai to a dictionary, and break no word of tokens; these are what
is needed of them between two texts that follow each other.
"""

import unicodedata
from functools import lru_cache

#: Scripts written without spaces: first and last code point of Thai and Lao, Burmese, Khmer,
#: kana, Chinese characters, half-wide kana.
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

#: Continue the character before them: small kana, the long vowel, iteration and voicing marks.
SMALL_KANA = frozenset(
    "ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿ"
    "ｧｨｩｪｫｬｭｮｯーｰ々〻ゝゞヽヾ゛゜ﾞﾟ"
)

#: Thai and Lao: vowels that are written before the consonant they follow in speech, and letters
#: that stand behind it (marks above and below have a category of their own).
LEADING_VOWELS = frozenset("เแโใไເແໂໃໄ")
TRAILING_VOWELS = frozenset("ะาำๅๆฯະາຳຽໆຯ")

#: Begin no line, with the brackets and quotes that close.
_CLOSING = frozenset("、。，．,.!?！？:;：；､｡・･…‥‼⁇⁈⁉〜～–‐゠%％‰℃°।॥؟،؛۔ๆฯ/") | frozenset(
    "」』】〕〉》〗〙〛｝］）｠｣)]}"
)

#: End no line, with the brackets and quotes that open: what stands before a number.
_OPENING = frozenset("¥￥$＄€£￡₩№＃")

#: No two of the same are parted.
_DOUBLED = frozenset("—―…‥")

#: Part no number from the digits behind them; the first few only if there are digits before too.
_IN_NUMBERS, _SIGNS_OF_NUMBERS = frozenset(",.:/"), frozenset("+-−±")

#: May open or close, so that nothing parts them from what they touch.
_QUOTES = frozenset("\"'＂＇")

_JOINER = "\u200d"


def is_unspaced(character: str) -> bool:
    """Whether a character is of a script that is written without spaces between words."""
    code = ord(character)
    return code >= UNSPACED[0][0] and any(first <= code <= last for first, last in UNSPACED)


@lru_cache(maxsize=4096)
def continues(character: str) -> bool:
    """Whether a letter or mark belongs to the character before it, so that it begins nothing."""
    return (
        character in SMALL_KANA
        or character in TRAILING_VOWELS
        or character == _JOINER
        or unicodedata.category(character).startswith("M")
        or 0x1F3FB <= ord(character) <= 0x1F3FF  # the tone of an emoji's skin
    )


@lru_cache(maxsize=4096)
def opens(character: str) -> bool:
    """Whether a sign belongs to what comes after it: a bracket or quote that opens."""
    return unicodedata.category(character) in ("Ps", "Pi") or character in _OPENING


@lru_cache(maxsize=4096)
def _closes(character: str) -> bool:
    return unicodedata.category(character) in ("Pe", "Pf") or character in _CLOSING


def may_break(before: str, after: str, space: bool = False) -> bool:
    """Whether a line may end with the text `before` and the next one begin with `after`.

    `space`: there is a space between them, where some signs stand that belong to neither side.
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
    """The same inside of a word that is wider than a line, so that letters have to be parted."""
    return may_break(before, after) or (
        bool(before and after) and _is_in_word(before[-1]) and _is_in_word(after[0])
    )


def _is_sign(text: str) -> bool:
    """Whether there is neither letter nor digit in a text."""
    return not any(unicodedata.category(character)[0] in "LN" for character in text)


def _is_bracket(character: str) -> bool:
    """Whether it opens in every language; of quotes some close with what opens for others."""
    return unicodedata.category(character) == "Ps" and character not in "„‚"


@lru_cache(maxsize=4096)
def _is_in_word(character: str) -> bool:
    """Whether it is a letter or digit of a script that has spaces between words."""
    return unicodedata.category(character)[0] in "LN" and not is_unspaced(character)
