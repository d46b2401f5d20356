"""A list of phrases compiled for a vocabulary: the tokens that begin or continue a phrase.

Phrases are matched as text: a place in a phrase is a node of the phrases' trie, and a token leads
from node to node by its letters, so every way to write a phrase in tokens, in any case, arrives at
the same place. All tokens of all places are found at once, by walking the phrases' trie and the
vocabulary's together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nemocli.boosting.folding import count_letters
from nemocli.boosting.phrases import Phrases
from nemocli.boosting.scoring import DEFAULT_SCORING, Scoring
from nemocli.boosting.trie import Ints, Trie, spread
from nemocli.boosting.vocabulary import Vocabulary
from nemocli.transcript.line_breaks import is_unspaced

Floats = NDArray[np.float32]


class PhraseMatcher:
    """Which tokens lead where from each place; immutable, and shared by all streams.

    A place is a node of the phrases' trie, or one of two beginnings: `at_word`, where a word may
    begin without a space before it, and `in_word`, where only a token with a space begins one, or
    one of a script without spaces.
    """

    def __init__(
        self, phrases: Phrases, vocabulary: Vocabulary, scoring: Scoring = DEFAULT_SCORING
    ) -> None:
        self.phrases = phrases
        self.vocabulary = vocabulary
        trie = Trie.of([phrase.key for phrase in phrases.phrases])
        self.in_word, self.at_word = len(trie), len(trie) + 1
        sources, tokens, targets = _list_steps(trie, vocabulary, self.in_word, self.at_word)
        spelled = _find_spelled(trie, sources, targets, self.in_word)
        #: The phrases that no tokens of this vocabulary spell; they have no effect.
        self.unspelled = tuple(
            phrase
            for phrase, is_spelled in zip(phrases.phrases, spelled, strict=True)
            if not is_spelled
        )
        sharers, weights = _sum_up(trie, spelled, [phrase.weight for phrase in phrases.phrases])
        self._is_end = np.zeros(len(trie), np.bool_)
        self._is_end[trie.ends[spelled]] = True
        sharers[self._is_end] = 1  # here one phrase is complete, whatever others follow
        letters = _count_letters(trie)
        bonuses = scoring.score(letters, sharers, weights, phrases.boost)
        self._budgets = scoring.limit_costs(letters, weights, phrases.boost, int(spelled.sum()))
        useful = weights[targets] > 0
        sources, tokens, targets = sources[useful], tokens[useful], targets[useful]
        order = np.argsort(sources * vocabulary.size + tokens)
        self._first = np.searchsorted(sources[order], np.arange(self.at_word + 2))
        self._tokens, self._targets = tokens[order], targets[order]
        self._bonuses = bonuses[self._targets].astype(np.float32)

    def list_candidates(self, place: int) -> tuple[Ints, Floats]:
        """Return the tokens that begin or continue a phrase at a place, and their bonuses."""
        part = slice(self._first[place], self._first[place + 1])
        return self._tokens[part], self._bonuses[part]

    def follow(self, place: int, token: int) -> int:
        """Return the place that a token leads to; -1 if it leads nowhere."""
        low, high = self._first[place], self._first[place + 1]
        at = low + np.searchsorted(self._tokens[low:high], token)
        return int(self._targets[at]) if at < high and self._tokens[at] == token else -1

    def is_end(self, place: int) -> bool:
        """Whether a phrase is complete at a place."""
        return bool(self._is_end[place])

    def find_budget(self, place: int) -> float:
        """Return the nats that a phrase that is complete at a place may cost."""
        return float(self._budgets[place])

    def is_final(self, place: int) -> bool:
        """Whether no phrase goes on from a place."""
        return bool(self._first[place] == self._first[place + 1])


@dataclass(frozen=True)
class _Walk:
    """Steps on their way: from a place, by a part of a piece, to a node of the phrases."""

    sources: Ints
    #: Nodes of the vocabulary's trie.
    pieces: Ints
    #: Nodes of the phrases' trie.
    nodes: Ints

    @classmethod
    def begin(cls, sources: Ints | int, piece: int, nodes: Ints) -> "_Walk":
        return cls(nodes * 0 + sources, nodes * 0 + piece, nodes)

    def select(self, chosen: NDArray[Any]) -> "_Walk":
        return _Walk(self.sources[chosen], self.pieces[chosen], self.nodes[chosen])

    def join(self, other: "_Walk") -> "_Walk":
        return _Walk(
            np.concatenate([self.sources, other.sources]),
            np.concatenate([self.pieces, other.pieces]),
            np.concatenate([self.nodes, other.nodes]),
        )


def _list_steps(
    trie: Trie, vocabulary: Vocabulary, in_word: int, at_word: int
) -> tuple[Ints, Ints, Ints]:
    """Return the place, the token and the target of each step that a token can make."""
    inner = np.flatnonzero(np.diff(trie.first))
    root, inner = inner[:1], inner[1:]
    walk = _Walk.begin(inner, 0, inner).join(_Walk.begin(at_word, 0, root))
    if vocabulary.space >= 0:
        walk = walk.join(_Walk.begin(at_word, vocabulary.space, root))
        walk = walk.join(_Walk.begin(in_word, vocabulary.space, root))
    walk = _walk_on(trie, vocabulary, walk)
    within = _walk_on(trie, vocabulary, _Walk.begin(in_word, 0, root))
    codes = trie.characters[within.nodes - 1]
    unspaced = np.array([is_unspaced(chr(code)) for code in codes], np.bool_)
    walk = walk.join(within.select(unspaced))
    found: list[tuple[Ints, Ints, Ints]] = []
    while len(walk.sources):
        rows, places = spread(vocabulary.first, walk.pieces)
        found.append((walk.sources[rows], vocabulary.ids[places], walk.nodes[rows]))
        walk = _walk_on(trie, vocabulary, walk)
    if not found:
        return root[:0], root[:0], root[:0]
    sources, tokens, targets = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return sources, tokens, targets


def _walk_on(trie: Trie, vocabulary: Vocabulary, walk: _Walk) -> _Walk:
    """Go on by one character in both tries, where pieces and phrases have the same one."""
    rows, edges = spread(trie.first, walk.nodes)
    pieces = vocabulary.trie.find(walk.pieces[rows], trie.characters[edges])
    return _Walk(walk.sources[rows], pieces, edges + 1).select(pieces >= 0)


def _find_spelled(trie: Trie, sources: Ints, targets: Ints, beginnings: int) -> NDArray[np.bool_]:
    """Tell for each text of the trie whether tokens lead to its end from a beginning."""
    reached = np.zeros(len(trie), np.bool_)
    reached[targets[sources >= beginnings]] = True
    order = np.argsort(sources, kind="stable")
    sources, targets = sources[order], targets[order]
    bounds = np.searchsorted(sources, trie.levels)
    for low, high in pairwise(bounds):
        reached[targets[low:high][reached[sources[low:high]]]] = True
    return reached[trie.ends]


def _sum_up(
    trie: Trie, spelled: NDArray[np.bool_], weights: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return for each node the number of spelled phrases through it, and their largest weight."""
    counts, largest = np.zeros(len(trie)), np.zeros(len(trie))
    np.add.at(counts, trie.ends[spelled], 1)
    np.maximum.at(largest, trie.ends[spelled], np.array(weights)[spelled])
    parents = trie.parents
    for low, high in reversed([*pairwise(trie.levels[1:])]):
        np.add.at(counts, parents[low - 1 : high - 1], counts[low:high])
        np.maximum.at(largest, parents[low - 1 : high - 1], largest[low:high])
    return counts, largest


def _count_letters(trie: Trie) -> NDArray[np.float64]:
    """Return for each node what the text that leads to it tells, in letters."""
    codes, which = np.unique(trie.characters, return_inverse=True)
    counts = np.array([count_letters(chr(code)) for code in codes], np.float64)
    letters = np.zeros(len(trie))
    parents, own = trie.parents, counts[which] if len(codes) else counts
    for low, high in pairwise(trie.levels[1:]):
        letters[low:high] = letters[parents[low - 1 : high - 1]] + own[low - 1 : high - 1]
    return letters
