"""Text normalization, applied to reference and transcript before their words are compared.

1. Apostrophes of any form become ', and stay within words (don't, l'eau).
2. Unicode NFKC: full-width letters and digits become the usual ones, ligatures are split.
3. Lower case (casefold: ß becomes ss).
4. All other punctuation and symbols become spaces: a hyphen splits a word, 3.5 becomes 3 5.
5. White space becomes single spaces.

Numbers are not spelled out, and accents stay. Text in scripts that are written without spaces
(Chinese, Japanese, Thai, Lao, Khmer, Burmese) has no words to count: its spaces are removed, and
only characters are compared. The letters decide which script a text is in, not a language tag.
"""

import unicodedata

_APOSTROPHES = "'’‘ʼ`´"

#: How Unicode's names of letters in scripts without spaces begin.
_SPACELESS = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")


def normalize(text: str) -> str:
    """Return the text as it is compared: its words separated by single spaces."""
    for apostrophe in _APOSTROPHES:  # before NFKC, which turns some into a space and an accent
        text = text.replace(apostrophe, "'")
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    kept = "".join(
        character if _is_kept(folded, index) else " " for index, character in enumerate(folded)
    )
    return " ".join(kept.split())


def has_words(text: str) -> bool:
    """Tell whether most letters of a text belong to scripts that separate words by spaces."""
    letters = [character for character in text if character.isalpha()]
    spaceless = sum(unicodedata.name(c, "").startswith(_SPACELESS) for c in letters)
    return 2 * spaceless <= len(letters)


def _is_kept(text: str, index: int) -> bool:
    character = text[index]
    if character == "'":  # within a word
        return text[index - 1 : index].isalnum() and text[index + 1 : index + 2].isalnum()
    return unicodedata.category(character)[0] not in "PSCZ"
