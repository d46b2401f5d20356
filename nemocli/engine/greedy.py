"""Greedy decoding of an RNN transducer (arXiv:1211.3711, section 2.5, with a beam of one)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nemocli.boosting.cursor import PhraseCursor
from nemocli.engine.state import make_zero_state, read_state
from nemocli.network.config import ModelConfig
from nemocli.runtimes.base import Runtime

Array = NDArray[np.float32]

#: The most frames in a call of the joint. Most frames are blank, and one call then decides all of
#: them. After a token, the rest is computed again with the new predictor output.
MAX_JOINT_FRAMES = 8

#: The same for each stream where several are decoded together: a call then is large anyway.
MAX_JOINT_FRAMES_EACH = 4


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


@dataclass
class _Decoding:
    """One stream in a call of `decode`."""

    decoder: GreedyDecoder
    enc_proj: Array
    #: The next frame to decode.
    at: int = 0
    #: Tokens emitted on that frame.
    symbols: int = 0
    #: The frame on which a phrase took the place of a blank last; -1 before the first.
    overridden: int = -1
    emissions: list[Emission] = field(default_factory=list)

    def take(self, logits: Array, best: NDArray[np.intp], blank: int) -> int | None:
        """Take the blanks up to the first token, and that token, which is returned; None if none.

        `logits` [n, vocabulary] are those of the next frames, `best` [n] the best symbol of each.
        """
        emitting = np.flatnonzero(best != blank)
        blanks = int(emitting[0]) if len(emitting) else len(best)
        token = int(best[blanks]) if len(emitting) else blank
        is_boosted = False
        if self.decoder.phrases is not None:
            blanks, token, is_boosted = self._prefer(
                self.decoder.phrases, logits[: blanks + 1], blanks, token, blank
            )
        if blanks:
            self.at, self.symbols = self.at + blanks, 0
        if token == blank:
            return None
        probability = _compute_probability(logits[blanks], token)
        frame = self.decoder.frames + self.at
        self.emissions.append(Emission(token, frame, probability, is_boosted))
        if self.decoder.phrases is not None:
            self.decoder.phrases.advance(token, frame)
        return token

    def _prefer(
        self, phrases: PhraseCursor, logits: Array, blanks: int, token: int, blank: int
    ) -> tuple[int, int, bool]:
        """Return how many blanks come first, the token after them, and whether a phrase chose it.

        `logits` [blanks + 1, vocabulary] are those of the blanks, and of `token` unless that is
        the blank.
        """
        # Once on a frame: several tokens in the place of one blank would be a word out of nothing.
        first = 1 if self.overridden == self.at else 0
        found = phrases.choose_over_blank(
            logits[first:blanks], blank, self.decoder.frames + self.at + first
        )
        if found is not None:
            row, token = found[0] + first, found[1]
            self.overridden = self.at + row
            return row, token, True
        if token == blank:
            return blanks, blank, False
        chosen = phrases.choose(logits[blanks], token)
        return blanks, chosen, chosen != token


def decode(
    runtime: Runtime, decoders: Sequence[GreedyDecoder], enc_proj: Sequence[Array]
) -> list[list[Emission]]:
    """Decode the next frames `enc_proj` [n, decoder size] of each stream; return their tokens.

    On each frame, the best symbol is taken until it is the blank, at most `max_symbols` times.
    """
    for decoder in decoders:
        if decoder.dec_out is None:  # a transcript begins as after a blank
            _predict(runtime, [decoder], [runtime.config.blank_id])
    decodings = [_Decoding(*each) for each in zip(decoders, enc_proj, strict=True)]
    _decode_frames(
        runtime, decodings, MAX_JOINT_FRAMES if len(decodings) == 1 else MAX_JOINT_FRAMES_EACH
    )
    for decoding in decodings:
        decoding.decoder.frames += len(decoding.enc_proj)
    return [decoding.emissions for decoding in decodings]


def _decode_frames(runtime: Runtime, decodings: list[_Decoding], window: int) -> None:
    """Decode all frames, with at most `window` frames of each stream in a call of the joint."""
    blank, max_symbols = runtime.config.blank_id, runtime.config.max_symbols
    while decodings := [decoding for decoding in decodings if decoding.at < len(decoding.enc_proj)]:
        windows = [decoding.enc_proj[decoding.at : decoding.at + window] for decoding in decodings]
        logits = _joint(runtime, [decoding.decoder for decoding in decodings], windows)
        best = logits.argmax(-1)
        emitting, tokens, row = [], [], 0
        for decoding, frames in zip(decodings, windows, strict=True):
            rows = slice(row, row + len(frames))
            token = decoding.take(logits[rows], best[rows], blank)
            row += len(frames)
            if token is not None:
                emitting.append(decoding)
                tokens.append(token)
        if emitting:
            _predict(runtime, [decoding.decoder for decoding in emitting], tokens)
        for decoding in emitting:
            decoding.symbols += 1
            if decoding.symbols == max_symbols:
                decoding.at, decoding.symbols = decoding.at + 1, 0


def _predict(runtime: Runtime, decoders: Sequence[GreedyDecoder], tokens: Sequence[int]) -> None:
    """Step the predictor of each stream by its token."""
    state = runtime.join_states([decoder.state for decoder in decoders], axis=1)
    out = runtime.run("predict", {"token": np.array([tokens], np.int32)} | state)
    states = runtime.split_state(read_state(state, out), len(decoders), axis=1)
    for n, decoder in enumerate(decoders):
        decoder.state = states[n]
        decoder.dec_out = out["dec_out"][n : n + 1]


def _joint(runtime: Runtime, decoders: Sequence[GreedyDecoder], windows: list[Array]) -> Array:
    """Compute the logits [frames, vocabulary] of some frames of each stream, one after another."""
    outs = [decoder.dec_out for decoder in decoders if decoder.dec_out is not None]
    if len(windows) == 1:
        inputs = {"dec_out": outs[0], "enc_frame": windows[0]}
    else:
        rows = [np.repeat(out, len(w), 0) for out, w in zip(outs, windows, strict=True)]
        inputs = {"dec_out": np.concatenate(rows), "enc_frame": np.concatenate(windows)}
    logits: Array = runtime.run("joint", inputs)["token_logits"]
    return logits


def _compute_probability(logits: Array, index: int) -> float:
    return float(1 / np.exp(logits.astype(np.float64) - logits[index]).sum())
