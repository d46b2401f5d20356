"""How much a token is preferred that brings a listed phrase to some place."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Scoring:
    """The bonus, in nats, of a token that completes the first letters of a phrase; and its limits.

    It depends on the place in the phrase alone: any way to write the phrase in tokens reaches the
    same bonus. It grows with the letters, since a beginning of one letter says little. The values
    were chosen on clips with invented names (docs/phrases.md).
    """

    #: Nats for each letter.
    per_letter: float = 4.0
    #: Limit on the bonus, before it is multiplied by the boost.
    max_bonus: float = 16.0
    #: How much of the logarithm of the number of phrases that a place belongs to is taken off: of
    #: a thousand phrases, many begin like any word.
    sharing: float = 1.0
    #: Nats for each letter of a complete phrase that its tokens may be below the model's best, all
    #: together; and what is taken off for each unit of the logarithm of the number of phrases: the
    #: more there are, the likelier is it that one is like any word.
    cost_per_letter: float = 4.5
    list_cost: float = 4.0

    def score(self, letters: Array, sharers: Array, weights: Array, boost: float) -> Array:
        """Return the bonus of places after `letters`, each of which is in `sharers` phrases."""
        shared = self.sharing * np.log(np.maximum(sharers, 1))
        return boost * np.clip(weights * self.per_letter * letters - shared, 0, self.max_bonus)

    def limit_costs(self, letters: Array, weights: Array, boost: float, phrases: int) -> Array:
        """Return what phrases of so many letters may cost, in a list of so many phrases."""
        off = self.list_cost * np.log(max(phrases, 1))
        costs: Array = boost * np.maximum(weights * self.cost_per_letter * letters - off, 0)
        return costs


DEFAULT_SCORING = Scoring()

#: A token is preferred only if it is among so many of the most probable ones, and its logit at
#: most so many nats below the best.
MAX_RANK, MAX_DISTANCE = 50, 12.0

#: By how many nats a token must exceed the blank, bonus included, to be emitted instead.
BLANK_MARGIN = 1.0

#: Encoder frames after the last token in which a phrase may go on over a blank.
MAX_BLANK_FRAMES = 8
