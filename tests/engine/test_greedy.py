"""Greedy decoding equals the textbook's loop, for any portions of frames and any streams."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemocli.engine.decoding import GreedyDecoder
from nemocli.engine.greedy import MAX_JOINT_FRAMES, MAX_JOINT_FRAMES_EACH, decode
from nemocli.runtimes.base import Runtime

VOCABULARY, BLANK = 5, 3


class Transducer(Runtime):
    """A runtime with random logits, which depend on the frame and on the tokens before.

    The predictor's state is a number made of all tokens so far, h, and their count, c.
    """

    def __init__(self, seed=0, blanks=1.0, max_symbols=3):
        self.config = SimpleNamespace(
            blank_id=BLANK, max_symbols=max_symbols, decoder_layers=2, decoder_size=1
        )
        self._logits = np.random.default_rng(seed).normal(size=(997, VOCABULARY))
        self._logits[:, BLANK] += blanks
        self.calls = []

    def run(self, graph, inputs):
        self.calls.append((graph, {name: value.shape for name, value in inputs.items()}))
        return getattr(self, "_" + graph)(**inputs)

    def close(self):
        raise NotImplementedError

    def logits(self, frame, history):
        return self._logits[int(31 * frame + history) % len(self._logits)]

    def _predict(self, token, h, c):
        assert token.dtype == np.int32 and h.dtype == c.dtype == np.float32
        assert token.ndim == 2 and h.shape == c.shape == (2, token.shape[1], 1)
        h, c = mixed(h, token[..., None], c).astype(np.float32), c + 1
        return {"dec_out": h[1], "h_out": h, "c_out": c}

    def _joint(self, dec_out, enc_frame):
        assert len(dec_out) in (1, len(enc_frame))
        said = np.broadcast_to(dec_out, enc_frame.shape)
        rows = [self.logits(*row) for row in np.concatenate([enc_frame, said], 1)]
        return {"token_logits": np.array(rows, np.float32)}


def mixed(history, token, count):
    return (history * 31 + token * 7 + count) % 9973


def textbook(runtime, frames):
    """Decode by the textbook's loop; return tokens, their frames and probabilities."""
    history, count, symbols = mixed(0, BLANK, 0), 1, []
    for place, frame in enumerate(frames):
        for _ in range(runtime.config.max_symbols):
            logits = runtime.logits(frame, history)
            token = int(logits.argmax())
            if token == BLANK:
                break
            chances = np.exp(logits) / np.exp(logits).sum()
            symbols.append((token, place, pytest.approx(chances[token], rel=1e-5)))
            history, count = mixed(history, token, count), count + 1
    return symbols


def encoded(frames):
    return np.array(frames, np.float32).reshape(-1, 1)


def symbols(emissions):
    return [(each.token, each.frame, each.probability) for each in emissions]


sounds = st.lists(st.integers(0, 1000), max_size=24)
transducers = st.builds(
    Transducer,
    seed=st.integers(0, 9),
    blanks=st.sampled_from([-9.0, 0.0, 1.0, 2.0, 9.0]),
    max_symbols=st.integers(1, 4),
)


@settings(deadline=None, max_examples=60)
@given(transducers, sounds, st.lists(st.integers(0, 12), max_size=8))
def test_frames_in_any_portions(runtime, frames, portions):
    decoder, got, at = GreedyDecoder(runtime.config), [], 0
    for size in [*portions, len(frames)]:
        [emissions] = decode(runtime, [decoder], [encoded(frames[at : at + size])])
        got += symbols(emissions)
        at = min(at + size, len(frames))
        assert decoder.frames == at
    assert got == textbook(runtime, frames)


@settings(deadline=None, max_examples=40)
@given(transducers, st.lists(st.tuples(sounds, sounds), min_size=1, max_size=4))
def test_several_streams_together(runtime, streams):
    decoders = [GreedyDecoder(runtime.config) for _ in streams]
    got = [[] for _ in streams]
    for turn in range(2):
        portions = [encoded(stream[turn]) for stream in streams]
        for known, emissions in zip(got, decode(runtime, decoders, portions), strict=True):
            known += symbols(emissions)
    assert got == [textbook(runtime, first + second) for first, second in streams]


def graphs(runtime, *streams):
    """Return the calls that decoding so many more frames of each stream takes."""
    decoders = [GreedyDecoder(runtime.config) for _ in streams]
    decode(runtime, decoders, [encoded([]) for _ in streams])
    runtime.calls.clear()
    decode(runtime, decoders, [encoded(range(count)) for count in streams])
    return [(graph, shapes.get("enc_frame", (0,))[0]) for graph, shapes in runtime.calls]


def test_blank_frames_are_decided_in_one_call():
    silent = Transducer(blanks=99.0)
    most, each = MAX_JOINT_FRAMES, MAX_JOINT_FRAMES_EACH
    assert graphs(silent, 20) == [("joint", most), ("joint", most), ("joint", 20 - 2 * most)]
    assert graphs(silent, 9, 3) == [("joint", each + 3), ("joint", 4), ("joint", 1)]


def test_one_call_steps_the_predictors_of_all_streams_with_a_token():
    talking = Transducer(blanks=-99.0, max_symbols=2)
    assert graphs(talking, 1, 1) == [("joint", 2), ("predict", 0)] * 2
    assert talking.calls[1][1]["token"] == (1, 2)


def test_streams_without_frames():
    runtime = Transducer()
    assert decode(runtime, [], []) == []
    assert decode(runtime, [GreedyDecoder(runtime.config)], [encoded([])]) == [[]]


def test_the_predictor_is_called_for_a_stream_when_it_is_first_decoded():
    """Whoever makes a stream need not be the one who may call the model."""
    runtime = Transducer()
    decoder = GreedyDecoder(runtime.config)
    assert runtime.calls == []
    for _ in range(2):
        decode(runtime, [decoder], [encoded([])])
        assert [graph for graph, _ in runtime.calls] == ["predict"]
