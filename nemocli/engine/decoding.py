"""One stream in greedy decoding: what is emitted frame by frame, and what is taken back.

Listed phrases may change a symbol that is not the blank. A phrase that did is on trial until it
ends where a word does; if it does not go on, the decoder goes back, and decodes without it.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nemocli.boosting.cursor import PhraseCursor
from nemocli.engine.state import make_zero_state
from nemocli.network.config import ModelConfig

Array = NDArray[np.float32]

#: Encoder frames without a token after which a phrase on trial that is not complete is taken back,
#: and after which one that is complete has ended with a word.
MAX_TRIAL_BLANK_FRAMES, MAX_TRIAL_END_FRAMES = 12, 4

#: The most phrases that are tried, one after another, to change a symbol.
MAX_TRIALS = 4

#: Encoder frames after which a phrase on trial is kept as far as it came, so that no stream waits.
MAX_TRIAL_FRAMES = 40


@dataclass(frozen=True, slots=True)
class Emission:
    """A token, the number of the encoder frame it was emitted on, and its probability there."""

    token: int
    frame: int
    #: By the model alone, also where phrases decided.
    probability: float
    #: Whether it is another symbol than the model's best one, because of a listed phrase.
    is_boosted: bool = False


class GreedyDecoder:
    """The predictor's state in one stream, and its places in the phrases that it prefers."""

    def __init__(self, config: ModelConfig, phrases: PhraseCursor | None = None) -> None:
        shape = (config.decoder_layers, 1, config.decoder_size)
        #: The predictor's h and c.
        self.state = make_zero_state({"h": shape, "c": shape})
        #: The predictor's output for the last token, [1, decoder size]; None before the first call
        #: of `decode`, so that a stream can be made without calling the model.
        self.dec_out: Array | None = None
        #: Frames decoded so far.
        self.frames = 0
        self.phrases = phrases
        #: A phrase that changed a token, and is not known to end with a word yet.
        self.trial: Trial | None = None


@dataclass
class Trial:
    """The decoder before a phrase changed a token, to go back to if the phrase does not go on.

    The tokens since then are held back until the phrase ends where a word does.
    """

    state: dict[str, Any]
    dec_out: Array | None
    phrases: PhraseCursor
    #: The frame that the token was emitted on, by its number; tokens emitted on it before; and the
    #: frame on which a phrase took the place of a blank before.
    frame: int
    symbols: int
    overridden: int
    #: The number of tokens of the call that came before.
    tokens: int
    #: The tokens by which phrases changed the symbol there, this one the last; and the symbol.
    tried: tuple[int, ...]
    replaced: int
    #: Nats that the model lost so far: by how much each token is below the best symbol.
    cost: float = 0.0
    #: Between two calls: the tokens that are held back, and the encoder's frames from `frame` on.
    held: list[Emission] = field(default_factory=list)
    enc_proj: Array | None = None


class Decoding:
    """One stream in a call of `decode`."""

    def __init__(self, decoder: GreedyDecoder, enc_proj: Array) -> None:
        self.decoder = decoder
        self.emissions: list[Emission] = []
        #: The frames to decode, and the number of the first of them.
        self.enc_proj = enc_proj
        self.first = decoder.frames
        #: The next frame to decode, from the first.
        self.at = 0
        #: Tokens emitted on that frame.
        self.symbols = 0
        #: The number of the frame on which a phrase took the place of a blank last.
        self.overridden = -1
        # The tokens by which phrases changed the next symbol before they were taken back.
        self._tried: tuple[int, ...] = ()
        decoder.frames += len(enc_proj)
        if (trial := decoder.trial) is not None:
            assert trial.enc_proj is not None
            self.emissions = trial.held
            self.enc_proj = np.concatenate([trial.enc_proj, enc_proj])
            self.first, self.at = trial.frame, len(trial.enc_proj)

    @property
    def frame(self) -> int:
        """The number of the next frame."""
        return self.first + self.at

    def take(self, logits: Array, best: NDArray[np.intp], blank: int) -> int | None:
        """Take the blanks up to the first token, and that token, which is returned; None if none.

        `logits` [n, vocabulary] are those of the next frames, `best` [n] the best symbol of each.
        """
        emitting = np.flatnonzero(best != blank)
        blanks = int(emitting[0]) if len(emitting) else len(best)
        token = int(best[blanks]) if len(emitting) else blank
        is_boosted = False
        phrases = self.decoder.phrases
        if phrases is not None:
            rows = logits[: blanks + 1]
            tried, self._tried = self._tried, ()
            blanks, token, is_boosted = self._prefer(phrases, rows, blanks, token, blank, tried)
            tried = tried if not blanks else ()
            own = int(best[blanks]) if blanks < len(best) else blank
            if self.decoder.trial is not None and not self._judge(
                phrases, blanks, token, own, blank
            ):
                self.roll_back()
                return None
        if blanks:
            self.at, self.symbols = self.at + blanks, 0
        if token == blank:
            return None
        if phrases is not None:
            if is_boosted and self.decoder.trial is None:
                self._begin_trial(phrases, (*tried, token), int(best[blanks]))
            if best[blanks] == blank:
                self.overridden = self.frame
            if is_boosted and self.decoder.trial is not None:
                row = logits[blanks]
                self.decoder.trial.cost += float(row.max() - row[token])
            phrases.advance(token, self.frame)
            if self.decoder.trial is not None and not phrases.is_followed:
                self.roll_back()
                return None
        probability = _compute_probability(logits[blanks], token)
        self.emissions.append(Emission(token, self.frame, probability, is_boosted))
        return token

    def _prefer(
        self,
        phrases: PhraseCursor,
        logits: Array,
        blanks: int,
        token: int,
        blank: int,
        tried: tuple[int, ...],
    ) -> tuple[int, int, bool]:
        """Return how many blanks come first, the token after them, and whether a phrase chose it.

        `logits` [blanks + 1, vocabulary] are those of the blanks, and of `token` unless that is
        the blank. The first of them may not become a token that was `tried`.
        """
        is_barred = len(tried) >= MAX_TRIALS
        # Once on a frame: several tokens in the place of one blank would be a word out of nothing.
        first = 1 if is_barred or self.overridden == self.frame else 0
        found = phrases.choose_over_blank(
            logits[first:blanks], blank, self.frame + first, () if first else tried
        )
        if found is not None:
            row, token = found[0] + first, found[1]
            return row, token, True
        if token == blank or (is_barred and not blanks):
            return blanks, token, False
        chosen = phrases.choose(logits[blanks], token, () if blanks else tried)
        return blanks, chosen, chosen != token

    def _begin_trial(self, phrases: PhraseCursor, tried: tuple[int, ...], replaced: int) -> None:
        decoder = self.decoder
        before = phrases.copy()
        phrases.begin_trial()
        decoder.trial = Trial(
            decoder.state,
            decoder.dec_out,
            before,
            frame=self.frame,
            symbols=self.symbols,
            overridden=self.overridden,
            tokens=len(self.emissions),
            tried=tried,
            replaced=replaced,
        )

    def _judge(self, phrases: PhraseCursor, blanks: int, token: int, own: int, blank: int) -> bool:
        """Tell whether the phrase on trial may go on; end the trial if it has ended with a word.

        `token` comes next, and `own` is what the model alone would emit instead.
        """
        trial, frame = self.decoder.trial, self.frame + blanks
        assert trial is not None
        # A blank is no symbol that it could have been put before; and whether one comes next here
        # depends on where the call's frames end.
        if phrases.is_complete and own == trial.replaced != blank and frame <= trial.frame + 1:
            return False  # nothing was replaced: the phrase was put before the symbol
        last = self.emissions[-1].frame
        if phrases.is_complete:
            begins_word = token != blank and phrases.matcher.vocabulary.begins_word[token]
            if begins_word or frame > last + 1 + MAX_TRIAL_END_FRAMES:
                return self.end_trial(phrases)
            return True
        # By the frame that comes first: however many are looked at, the result is the same.
        taken_back, kept = last + 2 + MAX_TRIAL_BLANK_FRAMES, trial.frame + 1 + MAX_TRIAL_FRAMES
        if frame >= kept and kept < taken_back:
            self.decoder.trial = None
            return True
        return frame < taken_back

    def end_trial(self, phrases: PhraseCursor) -> bool:
        """End the trial of a phrase that is complete; tell whether it is worth what it cost."""
        trial = self.decoder.trial
        if trial is None or trial.cost > phrases.budget:
            return False
        self.decoder.trial = None
        return True

    def roll_back(self) -> None:
        """Go back to where the phrase on trial changed a token, for another one or for none."""
        decoder, trial = self.decoder, self.decoder.trial
        assert trial is not None
        decoder.state, decoder.dec_out, decoder.phrases = trial.state, trial.dec_out, trial.phrases
        self.at, self.symbols, self.overridden = (
            trial.frame - self.first,
            trial.symbols,
            trial.overridden,
        )
        del self.emissions[trial.tokens :]
        decoder.trial, self._tried = None, trial.tried

    def end_call(self) -> list[Emission]:
        """Return the tokens that stay; hold back those of a phrase on trial."""
        trial = self.decoder.trial
        if trial is None:
            return self.emissions
        trial.enc_proj = self.enc_proj[trial.frame - self.first :]
        trial.held = self.emissions[trial.tokens :]
        kept = self.emissions[: trial.tokens]
        trial.tokens = 0
        return kept


def _compute_probability(logits: Array, index: int) -> float:
    return float(1 / np.exp(logits.astype(np.float64) - logits[index]).sum())
