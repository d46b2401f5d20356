"""A trie of texts in arrays, so that thousands of nodes are looked up in one call."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

#: Bits of a code point in the key of an edge.
_BITS = 21


@dataclass(frozen=True)
class Trie:
    """Nodes are numbered level by level from the root, which is 0, so a child follows its parent.

    Node n > 0 is reached by edge n - 1.
    """

    #: `parent << 21 | code point` of each edge, ascending.
    edges: Ints
    #: The edges of node n are those from `first[n]` to `first[n + 1]`.
    first: Ints
    #: The first node of each level, from 0, and the number of nodes.
    levels: tuple[int, ...]
    #: The node of each text.
    ends: Ints

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Trie":
        """Make a trie of texts, none of them empty."""
        codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
        lengths = np.array([len(text) for text in texts], np.int64)
        starts = np.cumsum(lengths) - lengths
        nodes = np.zeros(len(texts), np.int64)
        edges, levels = [np.zeros(0, np.int64)], [0, 1]
        for depth in range(max(lengths, default=0)):
            rows = np.flatnonzero(lengths > depth)
            keys = nodes[rows] << _BITS | codes[starts[rows] + depth]
            new, which = np.unique(keys, return_inverse=True)
            nodes[rows] = levels[-1] + which
            edges.append(new)
            levels.append(levels[-1] + len(new))
        joined = np.concatenate(edges)
        first = np.searchsorted(joined >> _BITS, np.arange(levels[-1] + 1))
        return cls(joined, first, tuple(levels), nodes)

    def __len__(self) -> int:
        """Return the number of nodes, the root among them."""
        return self.levels[-1]

    @property
    def parents(self) -> Ints:
        """The parent of each node from 1 on."""
        return self.edges >> _BITS

    @property
    def characters(self) -> Ints:
        """The code point that leads to each node from 1 on."""
        return self.edges & (1 << _BITS) - 1

    def find(self, nodes: Ints, characters: Ints) -> Ints:
        """Return the child of each node by its code point; -1 where there is none."""
        if not len(self.edges):
            return np.full(len(nodes), -1)
        keys = nodes << _BITS | characters
        places = np.minimum(np.searchsorted(self.edges, keys), len(self.edges) - 1)
        return np.where(self.edges[places] == keys, places + 1, -1)


def spread(first: Ints, items: Ints) -> tuple[Ints, Ints]:
    """List the members of some items, where those of item n are `first[n]` to `first[n + 1]`.

    Returns the index in `items` that each member belongs to, and the member's own number.
    """
    counts = first[items + 1] - first[items]
    rows = np.repeat(np.arange(len(items)), counts)
    ahead = np.cumsum(counts) - counts
    return rows, first[items][rows] + np.arange(len(rows)) - ahead[rows]
