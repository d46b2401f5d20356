"""Where one stream is in the listed phrases, and which token it therefore emits."""

from copy import copy

import numpy as np
from numpy.typing import NDArray

from nemocli.boosting.matcher import Floats, PhraseMatcher
from nemocli.boosting.scoring import (
    BLANK_MARGIN,
    MAX_BLANK_FRAMES,
    MAX_DISTANCE,
    MAX_RANK,
)
from nemocli.boosting.trie import Ints

Array = NDArray[np.float32]

_NO_TOKENS: tuple[Ints, Floats] = np.zeros(0, np.int64), np.zeros(0, np.float32)


class PhraseCursor:
    """The places of one stream in the phrases; it moves with each token that is emitted.

    A stream is at several places at once where phrases overlap, and always at a beginning.
    """

    def __init__(self, matcher: PhraseMatcher) -> None:
        self.matcher = matcher
        # Places where a phrase goes on, each with the number of the token that the phrase began at.
        self._open: dict[int, int] = {}
        self._beginning = matcher.at_word
        self._last_frame = 0
        self._tokens = 0
        # The number of the token that is on trial.
        self._trial = 0
        #: Whether a phrase that has the token on trial goes on, or is complete.
        self.is_followed = False
        #: Whether a phrase that has the token on trial is complete with the last token, and the
        #: nats that it may have cost.
        self.is_complete = False
        self.budget = 0.0

    def copy(self) -> "PhraseCursor":
        """Return a cursor at the same places, which moves by itself."""
        return copy(self)  # nothing of it is changed in place

    def begin_trial(self) -> None:
        """Put the next token on trial: `is_followed` and `is_complete` are about it."""
        self._trial = self._tokens

    def choose(self, logits: Array, best: int, without: tuple[int, ...] = ()) -> int:
        """Choose the token for a frame's logits [vocabulary], whose best, `best`, is no blank.

        It is the best with the bonuses of the phrases, among the tokens that are near the best
        without them, but none of those in `without`. A phrase begins only in the place of a word's
        beginning: in that of punctuation, a tag or the rest of a word, it would be a word too many.
        """
        vocabulary = self.matcher.vocabulary
        is_at_word = self._beginning == self.matcher.at_word
        may_begin = vocabulary.is_of_word[best] and (is_at_word or vocabulary.begins_word[best])
        tokens, bonuses = self.list_candidates() if may_begin else self._gather((*self._open,))
        if not len(tokens):
            return best
        boosted = logits[tokens] + bonuses
        highest = max(logits[best], boosted.max(initial=-np.inf, where=tokens == best))
        above = boosted > highest
        for token in without:
            above &= tokens != token
        if not above.any():
            return best
        tokens, boosted = tokens[above], boosted[above]
        near = _are_near(logits, logits[tokens], logits[best])
        return int(tokens[near][boosted[near].argmax()]) if near.any() else best

    def choose_over_blank(
        self, logits: Array, blank: int, first_frame: int, without: tuple[int, ...] = ()
    ) -> tuple[int, int] | None:
        """Find the first of some frames, all blank, where a phrase that has begun goes on instead.

        `logits` [n, vocabulary] are those of the frames from `first_frame` on. Returns the frame's
        index and the token; None if there is none. A blank never gives way to a phrase's beginning,
        and that of the first frame to no token in `without`.
        """
        if not self.matcher.phrases.over_blank or not self._open:
            return None
        logits = logits[: max(0, self._last_frame + MAX_BLANK_FRAMES - first_frame + 1)]
        tokens, bonuses = self._gather((*self._open,))
        if not len(tokens) or not len(logits):
            return None
        gains = logits[:, tokens] + bonuses - logits[:, blank : blank + 1] - BLANK_MARGIN
        gains[0, np.isin(tokens, without)] = -np.inf
        for row in np.flatnonzero(gains.max(1) > 0):
            column = gains[row].argmax()
            token = tokens[column]
            if _are_near(logits[row], logits[row, token : token + 1], logits[row, blank])[0]:
                return int(row), int(token)
        return None

    def advance(self, token: int, frame: int) -> None:
        """Move by a token that was emitted on a frame."""
        matcher = self.matcher
        reached: dict[int, int] = {}
        for place, began in (*self._open.items(), (self._beginning, self._tokens)):
            target = matcher.follow(place, token)
            if target >= 0:
                reached[target] = min(began, reached.get(target, began))
        tried = [place for place, began in reached.items() if began <= self._trial]
        complete = [place for place in tried if matcher.is_end(place)]
        self.is_complete = bool(complete)
        self.budget = max(map(matcher.find_budget, complete), default=0.0)
        self._open = {p: began for p, began in reached.items() if not matcher.is_final(p)}
        self.is_followed = self.is_complete or any(place in self._open for place in tried)
        ends_word = matcher.vocabulary.ends_word[token]
        self._beginning = matcher.at_word if ends_word else matcher.in_word
        self._last_frame = frame
        self._tokens += 1

    def list_candidates(self) -> tuple[Ints, Floats]:
        """Return the tokens that begin or continue a phrase here, and the bonus of each.

        A token that does so in several phrases is there several times.
        """
        return self._gather((*self._open, self._beginning))

    def _gather(self, places: tuple[int, ...]) -> tuple[Ints, Floats]:
        found = [self.matcher.list_candidates(place) for place in places]
        if len(found) == 1:
            return found[0]
        if not found:
            return _NO_TOKENS
        return (
            np.concatenate([tokens for tokens, _ in found]),
            np.concatenate([bonuses for _, bonuses in found]),
        )


def _are_near(logits: Array, own: Array, best: np.float32) -> NDArray[np.bool_]:
    """Tell which logits of some tokens, `own`, are near the best of all."""
    near: NDArray[np.bool_] = own >= best - MAX_DISTANCE
    if len(logits) > MAX_RANK:
        near &= own >= np.partition(logits, -MAX_RANK)[-MAX_RANK]
    return near
