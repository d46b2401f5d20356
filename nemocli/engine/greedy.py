"""Greedy decoding of an RNN transducer (arXiv:1211.3711, section 2.5, with a beam of one)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nemocli.runtimes.base import Arrays, Runtime

Array = NDArray[np.float32]

#: Frames the joint looks at in one call. Most frames are blank: one call then settles them all, and
#: after a token the frames behind it are looked at again with the new predictor output.
WINDOW = 8

#: Of each stream, where several are decoded together and the joint has enough to do.
WINDOW_TOGETHER = 4


@dataclass(frozen=True, slots=True)
class Emission:
    """A symbol, the encoder frame it was emitted on, and its probability there."""

    token: int
    frame: int
    probability: float


class GreedyDecoder:
    """Predictor state of one stream, whose frames come in any portions."""

    def __init__(self, runtime: Runtime) -> None:
        config = runtime.config
        shape = (config.decoder_layers, 1, config.decoder_size)
        #: The predictor's h and c, and its output for the last token.
        self.state: Arrays = {"h": np.zeros(shape, np.float32), "c": np.zeros(shape, np.float32)}
        self.dec_out: Array
        _predict(runtime, [self], [config.blank_id])
        #: Frames decoded so far.
        self.frames = 0


@dataclass
class _Turn:
    """One stream's share of a call of `decode`."""

    decoder: GreedyDecoder
    enc_proj: Array
    at: int = 0
    #: Symbols emitted on the frame `at`.
    symbols: int = 0
    emissions: list[Emission] = field(default_factory=list)

    def look(self, logits: Array, best: NDArray[np.intp], blank: int) -> int | None:
        """Take what is certain of the next frames; the token that ends it, if there is one."""
        spoken = np.flatnonzero(best != blank)
        blanks = int(spoken[0]) if len(spoken) else len(best)
        if blanks:
            self.at, self.symbols = self.at + blanks, 0
        if blanks == len(best):
            return None
        token = int(best[blanks])
        probability = _softmax_at(logits[blanks], token)
        self.emissions.append(Emission(token, self.decoder.frames + self.at, probability))
        return token


def decode(
    runtime: Runtime, decoders: Sequence[GreedyDecoder], enc_proj: Sequence[Array]
) -> list[list[Emission]]:
    """Symbols of the next frames [n, decoder size] of each stream.

    On each frame the best symbol is taken until that is blank, `max_symbols` at most.
    """
    turns = [_Turn(*each) for each in zip(decoders, enc_proj, strict=True)]
    if runtime.takes_blocks:
        _decode_together(runtime, turns, WINDOW if len(turns) == 1 else WINDOW_TOGETHER)
    else:
        for turn in turns:
            _decode_together(runtime, [turn], WINDOW)
    for turn in turns:
        turn.decoder.frames += len(turn.enc_proj)
    return [turn.emissions for turn in turns]


def _decode_together(runtime: Runtime, turns: list[_Turn], window: int) -> None:
    blank, max_symbols = runtime.config.blank_id, runtime.config.max_symbols
    while turns := [turn for turn in turns if turn.at < len(turn.enc_proj)]:
        windows = [turn.enc_proj[turn.at : turn.at + window] for turn in turns]
        logits = _joint(runtime, [turn.decoder for turn in turns], windows)
        best = logits.argmax(-1)
        spoke, tokens, row = [], [], 0
        for turn, frames in zip(turns, windows, strict=True):
            rows = slice(row, row + len(frames))
            token = turn.look(logits[rows], best[rows], blank)
            row += len(frames)
            if token is not None:
                spoke.append(turn)
                tokens.append(token)
        if spoke:
            _predict(runtime, [turn.decoder for turn in spoke], tokens)
        for turn in spoke:
            turn.symbols += 1
            if turn.symbols == max_symbols:
                turn.at, turn.symbols = turn.at + 1, 0


def _predict(runtime: Runtime, decoders: Sequence[GreedyDecoder], tokens: Sequence[int]) -> None:
    """Step the predictor of each stream on its token."""
    state: Arrays = {
        name: np.concatenate([decoder.state[name] for decoder in decoders], 1) for name in "hc"
    }
    out = runtime.run("predict", {"token": np.array([tokens], np.int32)} | state)
    for n, decoder in enumerate(decoders):
        decoder.state = {name: out[name + "_out"][:, n : n + 1] for name in "hc"}
        decoder.dec_out = out["dec_out"][n : n + 1]


def _joint(runtime: Runtime, decoders: Sequence[GreedyDecoder], windows: list[Array]) -> Array:
    """Logits of some frames of each stream, one row a frame."""
    if len(windows) == 1:
        inputs = {"dec_out": decoders[0].dec_out, "enc_frame": windows[0]}
    else:
        rows = [np.repeat(d.dec_out, len(w), 0) for d, w in zip(decoders, windows, strict=True)]
        inputs = {"dec_out": np.concatenate(rows), "enc_frame": np.concatenate(windows)}
    return runtime.run("joint", inputs)["token_logits"]


def _softmax_at(logits: Array, index: int) -> float:
    return float(1 / np.exp(logits.astype(np.float64) - logits[index]).sum())
