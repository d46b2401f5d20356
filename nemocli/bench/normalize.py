"""The text normalization before words and characters are compared: stated, and applied to both.

1. Apostrophes of any form become ', and stay within words (don't, l'eau).
2. Unicode NFKC: full-width letters and digits become the usual ones, ligatures come apart.
3. Lower case (casefold: ß becomes ss).
4. All other punctuation and symbols become spaces: a hyphen parts a word, 3.5 becomes 3 5.
5. White space becomes single spaces.

Numbers are not spelled out, and accents stay. Text in scripts that are written without spaces
(Chinese, Japanese, Thai, Lao, Khmer, Burmese) has no words to count: its spaces are removed, and
only characters are compared. Whether a text is of these is told by its letters, not by a tag.
"""

import unicodedata

_APOSTROPHES = "'’‘ʼ`´"

#: How Unicode's names of letters in scripts without spaces begin.
_SPACELESS = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")


def normalized(text: str) -> str:
    """The text as it is compared, its words parted by single spaces."""
    for apostrophe in _APOSTROPHES:  # before NFKC, which makes a space and an accent of some
        text = text.replace(apostrophe, "'")
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    kept = "".join(
        character if _is_kept(folded, place) else " " for place, character in enumerate(folded)
    )
    return " ".join(kept.split())


def has_words(text: str) -> bool:
    """Whether spaces part the words of a text: most of its letters are of scripts that do so."""
    letters = [character for character in text if character.isalpha()]
    spaceless = sum(unicodedata.name(c, "").startswith(_SPACELESS) for c in letters)
    return 2 * spaceless <= len(letters)


def _is_kept(text: str, place: int) -> bool:
    character = text[place]
    if character == "'":  # within a word
        return text[place - 1 : place].isalnum() and text[place + 1 : place + 2].isalnum()
    return unicodedata.category(character)[0] not in "PSCZ"
