"""The vocabulary: words of the grammar, letters, and the commonest parts of names.

Why it exists: a name is written from small pieces, in the one way in which the tokenizer of the
exported checkpoint splits it, so that training and tokenizer agree.

Run `python spelling.py` to print the vocabulary.
"""

from __future__ import annotations

import random
from collections import Counter
from functools import cache

import grammar
from grammar import BLANK, LANGUAGES, SPACE, UNKNOWN
from names import KNOWN

PARTS = 260  # parts of two to four letters
KANA_PARTS = 50  # parts of two kana
LETTERS = "abcdefghijklmnopqrstuvwxyzßàáâäçèéêëíîïñóôöùúûüÿ"
CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZÀÁÇÉÍÓÖÚÜÄÎÔ"
KANA = (
    "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわをん"
    "がぎぐげござじずぜぞだぢづでどばびぶべぼぱぴぷぺぽゃゅょっぁぃぅぇぉー"
)
#: What one more piece costs, and what each place further down the vocabulary adds to it.
PIECE_COST, PLACE_COST = 1.0, 1e-3


def _grammar_pieces(draws: int = 20_000) -> list[str]:
    """The pieces of grammar.py's sentences, the commonest first."""
    rng, count = random.Random(1), Counter[str]()
    for language in LANGUAGES:
        for _ in range(draws):
            for word in grammar.sentence(language, rng):
                count.update((*word.tokens, word.punctuation))
    del count[""]
    return sorted(count, key=lambda piece: (-count[piece], piece))


def _carrier_pieces() -> list[str]:
    """The words around the names in messages."""
    import messages  # it spells names, with the vocabulary that is made here

    found = set()
    for language in LANGUAGES:
        latin = language != "ja-JP"
        texts = [
            *messages.TEMPLATES[language],
            *messages.TITLES[language],
            *["|さん"] * (not latin),
        ]
        for text in texts:
            for word in text.split(" "):
                bare = word.strip(".,?。、")
                for i, piece in enumerate(bare.split("|")):
                    if piece and "{" not in piece:
                        shown = piece.split("=")[0]
                        found.add(SPACE + shown if latin and i == 0 else shown)
    return sorted(found)


def _parts(names: list[str], lengths: tuple[int, ...], count: int) -> list[str]:
    """The parts of names that save most pieces."""
    found = Counter(
        name[at : at + length]
        for name in names
        for length in lengths
        for at in range(len(name) - length + 1)
        if SPACE not in name[at + 1 : at + length] and not name[at].isupper()
    )
    ranked = sorted(found, key=lambda part: (-found[part] * (len(part.strip(SPACE)) - 0.5), part))
    return [part for part in ranked if len(part.strip(SPACE)) > 1][:count]


@cache
def vocabulary() -> tuple[str, ...]:
    """All tokens: `<unk>`, the language tags, words, letters, parts of names, `<blank>` last."""
    latin = sorted(
        {SPACE + w for n in LANGUAGES[:-1] for name in KNOWN[n].all() for w in name.split()}
    )
    kana = sorted(set(KNOWN["ja-JP"].all()))
    pieces = [*_grammar_pieces(), *_carrier_pieces(), SPACE]
    pieces += [*LETTERS, *CAPITALS, *(SPACE + letter for letter in CAPITALS), *KANA]
    pieces += [*_parts(latin, (2, 3, 4), PARTS), *_parts(kana, (2,), KANA_PARTS)]
    return (UNKNOWN, *(f"<{name}>" for name in LANGUAGES), *dict.fromkeys(pieces), BLANK)


@cache
def _costs() -> dict[str, float]:
    special = len(LANGUAGES) + 1
    pieces = list(vocabulary())[:-1]
    return {p: PIECE_COST + PLACE_COST * i for i, p in enumerate(pieces) if i >= special}


@cache
def spell(word: str) -> tuple[str, ...]:
    """Split a word, with its sign for a space, into the fewest and then the commonest pieces."""
    costs = _costs()
    best: list[tuple[float, int]] = [(0.0, 0)]
    for end in range(1, len(word) + 1):
        best.append(
            min(
                (best[start][0] + costs[word[start:end]], start)
                for start in range(end)
                if word[start:end] in costs
            )
        )
    pieces, end = [], len(word)
    while end:
        start = best[end][1]
        pieces.append(word[start:end])
        end = start
    return tuple(reversed(pieces))


def main() -> None:
    print(len(vocabulary()), "tokens:", *vocabulary())


if __name__ == "__main__":
    main()
