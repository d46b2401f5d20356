"""One spelling of a text for matching, whatever its case, its accents' encoding and its spaces."""

import unicodedata
from functools import lru_cache

from nemocli.network.tokenizer_file import SPACE
from nemocli.transcript.line_breaks import is_unspaced

#: Signs that people and models write for an apostrophe.
_APOSTROPHES = str.maketrans(dict.fromkeys("’‘ʼ`´", "'"))

#: What a character tells, in letters: a Chinese character is about three letters of sound.
_HAN_LETTERS, _KANA_LETTERS = 3, 2


@lru_cache(maxsize=1 << 15)
def fold(text: str) -> str:
    """Return the text as it is matched: without case, with accents as marks, `▁` for a space.

    Folding two texts one by one gives the same as folding both together.
    """
    plain = unicodedata.normalize("NFD", text.translate(_APOSTROPHES))
    folded = unicodedata.normalize("NFD", plain.casefold())
    return "".join(SPACE if character.isspace() else character for character in folded)


def count_letters(character: str) -> int:
    """Return what a folded character tells, in letters; 0 for marks, spaces and punctuation."""
    if unicodedata.category(character)[0] not in "LN":
        return 0
    if not is_unspaced(character):
        return 1
    name = unicodedata.name(character, "")
    if name.startswith("CJK"):
        return _HAN_LETTERS
    return _KANA_LETTERS if name.startswith(("HIRAGANA", "KATAKANA")) else 1


def is_of_word(character: str) -> bool:
    """Tell whether a character is a letter, a digit or a mark, of any script."""
    return unicodedata.category(character)[0] in "LNM"


def continues_word(character: str) -> bool:
    """Tell whether a word of a script with spaces goes on after a character."""
    return is_of_word(character) and not is_unspaced(character)
