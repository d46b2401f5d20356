"""Fuzz target: lists of phrases, and what a decoder does with them."""

from collections.abc import Hashable
from pathlib import Path
from random import Random

import numpy as np

from nemocli.boosting.check import check_lines
from nemocli.boosting.cursor import PhraseCursor
from nemocli.boosting.matcher import PhraseMatcher
from nemocli.boosting.phrases import Phrases, read_lines
from nemocli.boosting.vocabulary import Vocabulary
from tests.fuzz.mutations import damage
from tests.fuzz.target import BrokenError, Target

LETTERS = "aàeéinrstßΣ'’-京東のکा1"
PIECES = [None, "▁", *LETTERS, *(f"▁{letter}" for letter in LETTERS), "▁an", "na", "東京"]


def phrases(folder: Path) -> Target:
    """A list is refused in a sentence, or its tokens and bonuses are sound for any tokens."""
    path = folder / "phrases.txt"
    vocabulary = Vocabulary(PIECES)

    def check(data: bytes) -> Hashable:
        path.write_bytes(data)
        lines = read_lines(path)
        checks = list(check_lines(lines, PIECES, ["na", "sinn"]))
        if len(checks) != len(lines):
            raise BrokenError(f"{len(lines)} lines, {len(checks)} checks")
        listed = Phrases.read(path, boost=2, over_blank=True)
        if not listed:
            return 0
        matcher = PhraseMatcher(listed, vocabulary)
        written = {each.text for each in checks if each.pieces is not None}
        unspelled = {phrase.text for phrase in matcher.unspelled}
        if unspelled & written:
            raise BrokenError(f"{unspelled & written} can be written, or not")
        cursor = PhraseCursor(matcher)
        rows = np.random.default_rng(len(data)).normal(size=(4, len(PIECES))).astype(np.float32)
        for place, byte in enumerate(data[:60]):
            row = rows[byte % 4]
            tokens, bonuses = cursor.list_candidates()
            if not (np.isfinite(bonuses).all() and (bonuses >= 0).all() and (tokens > 0).all()):
                raise BrokenError(f"{tokens} {bonuses}")
            cursor.choose_over_blank(rows, 0, place)
            best = int(row[1:].argmax()) + 1
            chosen = cursor.choose(row, best)
            if chosen != best and chosen not in tokens:
                raise BrokenError(f"{chosen} is in no phrase")
            cursor.advance(byte % len(PIECES), place)
        return min(len(listed), 4), min(len(unspelled), 2)

    seed = "# names\nAnna\nSinn an na\t2\n東京\nÉtaßs\nनिका\n".encode()
    seeds = [seed, b"\xef\xbb\xbf" + seed.replace(b"\n", b"\r\n"), b"a\nb\n"]

    def mutate(data: bytes, random: Random) -> bytes:
        return damage(
            data, random, [b"\t", b"\n", b"#", "ß".encode(), "\u0301".encode(), b"9"], 600
        )

    return Target(seeds, mutate, check)
