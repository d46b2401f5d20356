"""Phrases matched slowly, by comparing texts, to compare the matcher with."""

import math
import unicodedata

import numpy as np

from nemocli.boosting.folding import count_letters, fold
from nemocli.boosting.scoring import DEFAULT_SCORING, MAX_DISTANCE, MAX_RANK
from nemocli.transcript.line_breaks import is_unspaced

SPACE = "▁"


class SlowPhrases:
    """Bonuses of tokens after a history of tokens, by trying every place where a phrase begins."""

    def __init__(self, phrases, pieces, scoring=DEFAULT_SCORING):
        self.pieces = [None if piece is None else fold(piece) for piece in pieces]
        self.boost, self.scoring = phrases.boost, scoring
        self.weights = {each.key: each.weight for each in phrases.phrases if self.can_spell(each)}

    def can_spell(self, phrase):
        reached = {0}
        for at in range(len(phrase.key)):
            for piece in self.pieces:
                texts = {piece, piece.removeprefix(SPACE)} if piece and at == 0 else {piece}
                for text in filter(None, texts):
                    if at in reached and phrase.key.startswith(text, at):
                        reached.add(at + len(text))
        return len(phrase.key) in reached

    def bonus(self, history, token, may_begin=True):
        """Return the bonus of a token after the tokens of a stream so far."""
        tokens = [self.pieces[each] for each in (*history, token)]
        if tokens[-1] is None:
            return 0.0
        found = [0.0]
        for at in range(len(tokens)):
            if None in tokens[at:]:
                continue
            if not may_begin and "".join(tokens[at:-1]) in ("", SPACE):
                continue
            text = "".join(tokens[at:])
            if text.startswith(SPACE):
                found.append(self.score(text[1:]))
            elif is_unspaced(text[0]) or not at or ends_word(tokens[at - 1]):
                found.append(self.score(text))
        return max(found)

    def score(self, text):
        longer = [key for key in self.weights if key.startswith(text)]
        if not text or not longer:
            return 0.0
        sharers = 1 if text in longer else len(longer)
        scoring, letters = self.scoring, count_all(text)
        grown = max(self.weights[key] for key in longer) * scoring.per_letter
        bonus = grown * letters - scoring.sharing * math.log(sharers)
        return self.boost * min(max(bonus, 0), scoring.max_bonus)

    def is_complete(self, history, trial):
        """Whether a phrase with the token of this number ends with the last token."""
        return any(text in self.weights for text in self._texts(history, trial))

    def budget(self, history, trial):
        """Return the nats that a phrase may have cost that is complete with the last token."""
        complete = [text for text in self._texts(history, trial) if text in self.weights]
        allowed = [self.scoring.cost_per_letter * self.weights[t] * count_all(t) for t in complete]
        off = self.scoring.list_cost * math.log(len(self.weights))
        return self.boost * max(0, max(allowed) - off)

    def is_followed(self, history, trial):
        """Whether a phrase with the token of this number ends with the last token, or goes on."""
        texts = list(self._texts(history, trial))
        return any(key.startswith(text) for key in self.weights for text in texts)

    def _texts(self, history, trial):
        tokens = [self.pieces[each] for each in history]
        for at in range(trial + 1):
            if None in tokens[at:]:
                continue
            text = "".join(tokens[at:])
            if text.startswith(SPACE):
                text = text[1:]
            elif not (is_unspaced(text[0]) or not at or ends_word(tokens[at - 1])):
                continue
            if text:
                yield text

    def choose(self, history, logits, best, without=()):
        """Return the token that is emitted for the logits of a frame, whose best is no blank."""
        ranked = np.sort(logits)[::-1]
        lowest = ranked[min(len(ranked), MAX_RANK) - 1]
        # A phrase begins where a word does, and not in the place of punctuation or a tag.
        piece = self.pieces[best] or ""
        is_at_word = not history or ends_word(self.pieces[history[-1]])
        may_begin = (piece == SPACE or any(map(is_of_word, piece))) and (
            is_at_word or is_unspaced(piece[0]) or not is_of_word(piece[0])
        )
        chosen, highest = best, logits[best] + self.bonus(history, best, may_begin)
        for token, logit in enumerate(logits):
            bonus = self.bonus(history, token, may_begin)
            is_near = logit >= lowest and logit >= logits[best] - MAX_DISTANCE
            if token in without:
                continue
            if bonus and is_near and logit + bonus > highest:
                chosen, highest = token, logit + bonus
        return chosen


def count_all(text):
    return sum(map(count_letters, text))


def ends_word(piece):
    return piece is None or not is_of_word(piece[-1]) or is_unspaced(piece[-1])


def is_of_word(character):
    return unicodedata.category(character)[0] in "LNM"
