"""Find where every token of a spoken sentence ends, from espeak-ng's word and phoneme times.

Why it exists: training needs the moment of each token, but espeak-ng knows words and phonemes only.

Nothing to run: synthesize.py uses it.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Protocol

from grammar import SPACE, GrammarWord

VOWEL_LETTERS = "aeiouyäöü"
VOWEL_PHONEMES = "aeiouyAEIOUYV@0123&WQ"
OTHER_LETTER, OTHER_KIND, STRETCH = 0.3, 1.0, 0.4  # costs of a pair, and of a step to one side


@dataclass(frozen=True)
class Phoneme:
    sample: int  # where it starts
    name: str  # begins with "_" for a pause
    text_position: int  # one-based character position of its word


class Counter(Protocol):
    """What counts the phonemes of a text that is spoken alone."""

    def phoneme_count(self, text: str, voice: str) -> int: ...


def spoken_text(words: list[GrammarWord]) -> tuple[str, list[int]]:
    """What the voice reads, and the one-based position of each word in it."""
    text, starts = "", []
    for word in words:
        starts.append(len(text) + 1)
        text += word.spoken + {"。": ".", "、": ","}.get(word.punctuation, word.punctuation) + " "
    return text.strip(), starts


def _word_groups(phonemes: list[Phoneme], starts: list[int]) -> list[tuple[int, int, list[int]]]:
    """(first word, word after the last, indices of phonemes): espeak may join words into one."""
    heard: dict[int, list[int]] = {}
    for i, phoneme in enumerate(phonemes):
        if phoneme.name[:1] != "_":
            word = max(w for w, start in enumerate(starts) if start <= phoneme.text_position)
            heard.setdefault(word, []).append(i)
    firsts = sorted(heard)
    nexts = [*firsts[1:], len(starts)]
    return [
        (0 if k == 0 else first, after, heard[first])
        for k, (first, after) in enumerate(zip(firsts, nexts, strict=True))
    ]


def align(
    espeak: Counter,
    words: list[GrammarWord],
    phonemes: list[Phoneme],
    starts: list[int],
    total: int,
    language: str,
) -> list[tuple[str, int]]:
    """Where each token ends, in samples of the synthesis.

    Inside a group of words the phonemes are shared out in proportion to how many each piece has
    when it is spoken alone, and those of a spelled word by its letters. Punctuation comes with the
    word before it.
    """
    tokens: list[tuple[str, int]] = []
    end = 0
    for first, after, heard in _word_groups(phonemes, starts):
        group = words[first:after]
        counts = [len(heard)]
        if len(group) > 1 or not group[0].spelled:
            counts = [espeak.phoneme_count(w.spoken, language) for w in group]
        before = 0
        for word, count in zip(group, counts, strict=True):
            if word.spelled:
                first_heard, after_heard = (
                    round(n * len(heard) / sum(counts)) for n in (before, before + count)
                )
                names = [phonemes[i].name for i in heard[first_heard:after_heard]]
                said_by_token = [first_heard + n for n in spelled_ends(word.tokens, names)]
            else:
                said_by_token = [
                    round(
                        (before + espeak.phoneme_count(prefix, language)) * len(heard) / sum(counts)
                    )
                    for prefix in word.prefixes
                ]
            for token, heard_by_then in zip(word.tokens, said_by_token, strict=True):
                k = min(len(heard), max(1, heard_by_then))
                following = heard[k - 1] + 1
                at = phonemes[following].sample if following < len(phonemes) else total
                end = max(end, at)
                tokens.append((token, end))
            before += count
            if word.punctuation:
                tokens.append((word.punctuation, end))
    return tokens


def spelled_ends(tokens: tuple[str, ...], phonemes: list[str]) -> list[int]:
    """How many of a word's phonemes have been said by the end of each of its tokens."""
    ends = letter_ends("".join(tokens).replace(SPACE, ""), phonemes)
    said, at = [], 0
    for token in tokens:
        at += len(token.replace(SPACE, ""))
        said.append(ends[at - 1] if at else ends[0])
    return said


def letter_ends(letters: str, phonemes: list[str]) -> list[int]:
    """How many phonemes have been said by the end of each letter, on the cheapest monotone path.

    Letters and phonemes pair best when they are alike, and well when both are vowels or neither is.
    Several letters may share a phoneme, and several phonemes a letter.
    """
    if not phonemes:
        return [0] * len(letters)
    costs: list[list[float]] = []
    back: list[list[tuple[int, int]]] = []
    for i, letter in enumerate(letters):
        costs.append([])
        back.append([])
        for j, phoneme in enumerate(phonemes):
            ways = [(costs[i - 1][j - 1], (i - 1, j - 1))] if i and j else []
            ways += [(costs[i - 1][j] + STRETCH, (i - 1, j))] if i else []
            ways += [(costs[i][j - 1] + STRETCH, (i, j - 1))] if j else []
            cost, came = min(ways, default=(0.0, (0, 0)))
            costs[i].append(cost + _unlike(letter, phoneme))
            back[i].append(came)
    ends, i, j = [0] * len(letters), len(letters) - 1, len(phonemes) - 1
    while True:
        ends[i] = max(ends[i], j + 1)
        if (i, j) == (0, 0):
            return ends
        i, j = back[i][j]


def _unlike(letter: str, phoneme: str) -> float:
    plain = unicodedata.normalize("NFD", letter.lower())[0]
    sound = phoneme.lstrip("',_%=")[:1]
    if plain == sound.lower():
        return 0.0
    is_vowel = plain in VOWEL_LETTERS
    return OTHER_LETTER if is_vowel == (sound in VOWEL_PHONEMES) else OTHER_KIND
