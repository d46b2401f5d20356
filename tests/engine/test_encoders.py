"""Chunks and blocks of one or several streams are encoded as in one pass over the whole sound."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemocli.engine.block_encoder import MAX_SUBSAMPLING_ROWS, BlockEncoder
from nemocli.engine.chunk_encoder import ChunkEncoder
from nemocli.engine.encoder import choose_encoder
from nemocli.engine.encoder_stream import EncoderStream
from nemocli.engine.stream import advance
from nemocli.transcriber import Transcriber
from tests.engine.small import CONFIG, FEATURES, Letters, offline, record, small_runtime
from tests.sounds import speech_like

LOOKAHEADS = (0, 3)

#: Blocks of several streams, and chunk by chunk.
KINDS = pytest.mark.parametrize("blocks", [True, False], ids=["blocks", "chunks"])

ROWS = np.random.default_rng(7).normal(size=(1200, FEATURES.num_mels)).astype(np.float32)


@cache
def truth(lookahead, start, end, prompt):
    """Compute enc_proj of the rows from start to end, in one pass."""
    return offline().encode(ROWS[start:end], lookahead, [prompt] * (end - start + 1))


def close(got, want):
    """Assert equality up to rounding: the engine computes in float32, the reference in float64."""
    return got.shape == want.shape and np.allclose(got, want, atol=1e-4)


def stream(runtime, start=0, end=0, prompt=1):
    """Make a stream that has ended after some rows."""
    new = EncoderStream(CONFIG, runtime.lookahead, prompt)
    new.push(ROWS[start:end])
    new.end()
    return new


def encoded(runtime, streams, chunks):
    """Encode streams together, by so many chunks in each call; return all frames of each."""
    frames, left = {each: [] for each in streams}, list(streams)
    encoder = choose_encoder(runtime)
    while left := [each for each in left if each.chunks]:
        for each, some in zip(left, encoder.encode(left, chunks), strict=True):
            frames[each].append(some)
    return [np.concatenate(some) for some in frames.values()]


@KINDS
@pytest.mark.parametrize("lookahead", LOOKAHEADS)
def test_sounds_of_every_length_up_to_some_chunks(lookahead, blocks):
    runtime = small_runtime(lookahead, blocks)
    for rows in [*range(10), 15, 24, 25, 26, *range(30, 60 if lookahead else 0, 6)]:
        one = stream(runtime, end=rows)
        [got] = encoded(runtime, [one], chunks=1)
        assert close(got, truth(lookahead, 0, rows, 1)), rows
        assert len(got) == (rows - 1) // 8 + 1 + (rows % 8 != 1) if rows else len(got) == 1


@KINDS
@pytest.mark.parametrize("chunks", [1, 7, 40, 400])
def test_a_long_sound_in_blocks_of_any_size(blocks, chunks):
    runtime = small_runtime(2, blocks)
    [got] = encoded(runtime, [stream(runtime, end=690)], chunks)
    assert close(got, truth(2, 0, 690, 1))


@KINDS
@settings(deadline=None, max_examples=12)
@given(
    lookahead=st.sampled_from([0, 1, 3]),
    sounds=st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 3)), min_size=1, max_size=4
    ),
    chunks=st.lists(st.integers(1, 6), min_size=1, max_size=4),
    order=st.randoms(use_true_random=False),
)
def test_streams_that_differ_in_length_language_and_company(
    blocks, lookahead, sounds, chunks, order
):
    """The other streams in a call, and the order of streams, change nothing."""
    runtime = small_runtime(lookahead, blocks)
    wanted = [(100 * a, 100 * a + 13 * n, prompt) for a, n, prompt in sounds]
    streams, encoder = {stream(runtime, *each): each for each in wanted}, choose_encoder(runtime)
    frames, turn = {each: [] for each in streams}, 0
    while waiting := [each for each in streams if each.chunks]:
        order.shuffle(waiting)
        waiting = waiting[: order.randint(1, len(waiting))]
        got = encoder.encode(waiting, chunks[turn % len(chunks)])
        for each, some in zip(waiting, got, strict=True):
            frames[each].append(some)
        turn += 1
    for each, (start, end, prompt) in streams.items():
        assert close(np.concatenate(frames[each]), truth(lookahead, start, end, prompt))


@KINDS
@pytest.mark.parametrize("lookahead", LOOKAHEADS)
def test_a_chunk_can_be_encoded_as_soon_as_its_rows_are_there(lookahead, blocks):
    encoder, frames = choose_encoder(small_runtime(lookahead, blocks)), lookahead + 1
    waiting, got, whole = EncoderStream(CONFIG, lookahead, 1), [], truth(lookahead, 0, 90, 1)
    for row in range(70):
        assert waiting.chunks == (row + 7) // (8 * frames) - len(got)
        if waiting.chunks:
            got += encoder.encode([waiting], 1)
            assert close(got[-1], whole[(len(got) - 1) * frames : len(got) * frames])
        waiting.push(ROWS[row : row + 1])
    assert len(got) == 76 // (8 * frames)


@KINDS
def test_a_language_is_used_from_the_next_chunk_on(blocks):
    encoder = choose_encoder(small_runtime(2, blocks))
    switched = EncoderStream(CONFIG, 2, 0)
    switched.push(ROWS[:200])
    got = encoder.encode([switched], 3)
    switched.set_prompt(2)
    switched.end()
    got += encoder.encode([switched], 100)
    prompts = [0] * 9 + [2] * 200
    assert close(np.concatenate(got), offline().encode(ROWS[:200], 2, prompts))


def test_the_graphs_for_the_edges_of_a_sound_are_called_at_its_edges_only():
    runtime = small_runtime(3, blocks=False)
    calls = record(runtime)

    def subsampled(rows):
        calls.clear()
        encoded(runtime, [stream(runtime, end=rows)], 1)
        return [graph for graph, _ in calls if graph.startswith("pre")]

    assert subsampled(25 + 64) == ["pre_first", "pre", "pre"]
    assert subsampled(25 + 62) == ["pre_first", "pre", "pre_tail"]
    assert subsampled(25 + 1) == ["pre_first", "pre_tail"]
    assert subsampled(25) == ["pre_first"]
    assert subsampled(23) == subsampled(0) == ["pre_first_tail"]


def test_what_is_in_a_call_is_bounded():
    runtime = small_runtime(3)
    calls = record(runtime)
    encoded(runtime, [stream(runtime, end=1000)], chunks=20)
    sizes = [inputs["mel"].shape[1] for graph, inputs in calls if graph == "pre_block"]
    assert sizes == [MAX_SUBSAMPLING_ROWS, MAX_SUBSAMPLING_ROWS, 128] * 2
    del calls[:]
    encoded(runtime, [stream(runtime, end=57) for _ in range(9)], chunks=2)
    shapes = [inputs["mel"].shape[:2] for graph, inputs in calls if graph == "pre_block"]
    assert shapes == [(4, 64), (4, 64), (1, 64)]


def test_a_call_copies_no_caches_whatever_streams_it_has():
    runtime = small_runtime(3)
    encoder, returned = choose_encoder(runtime), []
    run = runtime.run

    def record_caches(graph, inputs):
        out = run(graph, inputs)
        if graph == "conformer_block":
            returned.append((inputs["v_cache2"], out["v_cache2_out"]))
        return out

    runtime.run = record_caches
    streams = [stream(runtime, 100 * n, 100 * n + 300) for n in range(3)]
    encoder.encode(streams, 1)
    del returned[:]
    for places in [(0, 1, 2), (2, 0), (1,), (2, 1, 0)]:
        encoder.encode([streams[n] for n in places], 1)
    memory = returned[0][0]
    assert all(given is got is memory for given, got in returned)


def test_the_encoder_is_chosen_by_the_shapes_of_the_graphs():
    assert isinstance(choose_encoder(small_runtime(3)), BlockEncoder)
    assert isinstance(choose_encoder(small_runtime(3, blocks=False)), ChunkEncoder)


class OnDevice:
    """An array on a device: only the runtime can read it."""

    def __init__(self, value):
        self.value = value


class DeviceRuntime:
    """A small runtime whose states are `OnDevice`, never numpy arrays."""

    def __init__(self, runtime):
        self._runtime = runtime
        self.config, self.lookahead = runtime.config, runtime.lookahead
        self.has_fixed_shapes = runtime.has_fixed_shapes

    def run(self, graph, inputs):
        arrays = {name: self._fetch(value) for name, value in inputs.items()}
        return {
            name: OnDevice(value) if name.removesuffix("_out") in inputs else value
            for name, value in self._runtime.run(graph, arrays).items()
        }

    def join_states(self, states, axis=0):
        return {
            name: OnDevice(np.concatenate([self._fetch(state[name]) for state in states], axis))
            for name in states[0]
        }

    def split_state(self, state, count, axis=0):
        parts = {name: np.split(self._fetch(x), count, axis) for name, x in state.items()}
        return [{name: OnDevice(part[n]) for name, part in parts.items()} for n in range(count)]

    def move_slots(self, caches, kept, slots):
        fetched = {name: self._fetch(value) for name, value in caches.items()}
        moved = self._runtime.move_slots(fetched, kept, slots)
        return {name: OnDevice(value) for name, value in moved.items()}

    def _fetch(self, value):
        return value.value if isinstance(value, OnDevice) else value


@KINDS
def test_a_state_may_stay_on_a_device(blocks):
    """The engine only passes on the states of encoder and decoder."""
    sounds = [speech_like(seconds, seed=3) for seconds in (2, 3, 1)]

    def transcribe(runtime):
        transcriber = Transcriber(runtime, Letters(), "small")
        streams = [transcriber._begin_stream("de") for _ in sounds]
        for one, sound in zip(streams, sounds, strict=True):
            one.push(one.compute_rows(sound))
            one.end()
        turn = 0
        while waiting := [one for one in streams if one.chunks]:
            advance(waiting[turn % len(waiting) :], 3)
            turn += 1
        return [[(t.id, t.frame) for t in one.build_transcript().tokens] for one in streams]

    wanted = transcribe(small_runtime(2, blocks))
    assert transcribe(DeviceRuntime(small_runtime(2, blocks))) == wanted
    assert all(len(tokens) > 3 for tokens in wanted)


@given(
    count=st.integers(1, 4),
    axis=st.integers(0, 2),
    parts=st.lists(st.integers(0, 3), min_size=1, max_size=4),
)
def test_states_that_are_joined_and_split_are_the_same(count, axis, parts):
    """This includes states that one call returned together, in any order and among others."""
    runtime, rng = small_runtime(0), np.random.default_rng(0)
    shape = [2, 3, 4]
    shape[axis] = count
    whole = {name: rng.normal(size=shape) for name in "hc"}
    states = runtime.split_state(whole, count, axis)
    for n, state in enumerate(states):
        for name, value in state.items():
            assert np.array_equal(value, whole[name].take([n], axis))
    chosen = [states[n % count] for n in parts]
    joined = runtime.join_states(chosen, axis)
    for name, value in joined.items():
        assert np.array_equal(value, np.concatenate([state[name] for state in chosen], axis))


def test_a_device_loads_the_graphs_for_the_end_of_a_stream_at_their_first_use():
    device = small_runtime(3, blocks=False)
    first = ["pre_first", "pre", "conformer_a", "conformer_b", "predict", "joint"]
    assert device.loaded == first
    encoded(device, [stream(device, end=25 + 62)], 1)
    encoded(device, [stream(device, end=25 + 62)], 1)
    assert device.loaded == [*first, "pre_tail"]


def test_the_joint_of_a_device_is_called_frame_by_frame():
    frames = np.random.default_rng(1).normal(size=(5, CONFIG.decoder_size)).astype(np.float32)
    inputs = {"dec_out": frames[:1], "enc_frame": frames}
    one, all_of_them = (small_runtime(0, blocks).run("joint", inputs) for blocks in (False, True))
    assert one["token_logits"].shape == (5, CONFIG.vocab_size)
    assert np.allclose(one["token_logits"], all_of_them["token_logits"], atol=1e-5)
