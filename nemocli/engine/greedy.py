"""Greedy decoding of an RNN transducer (arXiv:1211.3711, section 2.5, with a beam of one)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nemocli.engine.decoding import Decoding, Emission, GreedyDecoder
from nemocli.engine.state import read_state
from nemocli.runtimes.base import Runtime

Array = NDArray[np.float32]

#: The most frames in a call of the joint. Most frames are blank, and one call then decides all of
#: them. After a token, the rest is computed again with the new predictor output.
MAX_JOINT_FRAMES = 8

#: The same for each stream where several are decoded together: a call then is large anyway.
MAX_JOINT_FRAMES_EACH = 4


def decode(
    runtime: Runtime, decoders: Sequence[GreedyDecoder], enc_proj: Sequence[Array]
) -> list[list[Emission]]:
    """Decode the next frames `enc_proj` [n, decoder size] of each stream; return their tokens.

    On each frame, the best symbol is taken until it is the blank, at most `max_symbols` times.
    Tokens of a phrase on trial are returned by a later call, or by `finish`.
    """
    for decoder in decoders:
        if decoder.dec_out is None:  # a transcript begins as after a blank
            _predict(runtime, [decoder], [runtime.config.blank_id])
    decodings = [Decoding(*each) for each in zip(decoders, enc_proj, strict=True)]
    _decode_frames(
        runtime, decodings, MAX_JOINT_FRAMES if len(decodings) == 1 else MAX_JOINT_FRAMES_EACH
    )
    return [decoding.end_call() for decoding in decodings]


def finish(runtime: Runtime, decoder: GreedyDecoder) -> list[Emission]:
    """Return the tokens that are held back at the end of the sound."""
    if decoder.trial is None:
        return []
    decoding = Decoding(decoder, np.zeros((0, runtime.config.decoder_size), np.float32))
    while decoder.trial is not None:
        assert decoder.phrases is not None
        if not (decoder.phrases.is_complete and decoding.end_trial(decoder.phrases)):
            decoding.roll_back()
            _decode_frames(runtime, [decoding], MAX_JOINT_FRAMES)
    return decoding.emissions


def _decode_frames(runtime: Runtime, decodings: list[Decoding], window: int) -> None:
    """Decode all frames, with at most `window` frames of each stream in a call of the joint."""
    blank, max_symbols = runtime.config.blank_id, runtime.config.max_symbols
    while decodings := [decoding for decoding in decodings if decoding.at < len(decoding.enc_proj)]:
        windows = [decoding.enc_proj[decoding.at : decoding.at + window] for decoding in decodings]
        logits = _join(runtime, [decoding.decoder for decoding in decodings], windows)
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


def _join(runtime: Runtime, decoders: Sequence[GreedyDecoder], windows: list[Array]) -> Array:
    """Compute the logits [frames, vocabulary] of some frames of each stream, one after another."""
    outs = [decoder.dec_out for decoder in decoders if decoder.dec_out is not None]
    if len(windows) == 1:
        inputs = {"dec_out": outs[0], "enc_frame": windows[0]}
    else:
        rows = [np.repeat(out, len(w), 0) for out, w in zip(outs, windows, strict=True)]
        inputs = {"dec_out": np.concatenate(rows), "enc_frame": np.concatenate(windows)}
    logits: Array = runtime.run("joint", inputs)["token_logits"]
    return logits
