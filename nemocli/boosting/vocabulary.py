"""A model's pieces as phrases are matched with them."""

from collections.abc import Sequence

import numpy as np

from nemocli.boosting.folding import continues_word, fold, is_of_word
from nemocli.boosting.trie import Trie
from nemocli.network.tokenizer_file import SPACE


class Vocabulary:
    """The folded pieces of a vocabulary in a trie; one is made for each loaded model."""

    def __init__(self, pieces: Sequence[str | None]) -> None:
        """`pieces` has the text of each id; None for those that are no text, such as tags."""
        texts = {index: fold(piece) for index, piece in enumerate(pieces) if piece}
        self.size = len(pieces)
        self.trie = Trie.of(list(texts.values()))
        ids = np.fromiter(texts, np.int64, len(texts))
        order = np.argsort(self.trie.ends, kind="stable")
        #: The ids whose text ends at node n of the trie are `ids[first[n] : first[n + 1]]`.
        self.ids = ids[order]
        self.first = np.searchsorted(self.trie.ends[order], np.arange(len(self.trie) + 1))
        #: Whether a word may begin after each id, without a space.
        self.ends_word = np.ones(self.size, np.bool_)
        #: Whether a word ends before each id: it begins another, or is no letter or digit.
        self.begins_word = np.ones(self.size, np.bool_)
        #: Whether each id is of a word: a letter, a digit, or the space before one.
        self.is_of_word = np.zeros(self.size, np.bool_)
        for index, text in texts.items():
            self.is_of_word[index] = text == SPACE or any(map(is_of_word, text))
            self.ends_word[index] = not continues_word(text[-1])
            self.begins_word[index] = not continues_word(text[0])
        #: The node of the trie for a space; -1 if no piece begins with one.
        self.space = int(self.trie.find(np.zeros(1, np.int64), np.array([ord(SPACE)]))[0])
