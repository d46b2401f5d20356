"""Frames of many streams in shared caches: each stream finds its own, wherever they were moved."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from nemocli.engine.frame_caches import MAX_EXCESS, ZERO_SLOT, FrameCaches
from nemocli.errors import NemocliError
from tests.engine.small import CONFIG, small_runtime

KEPT = CONFIG.left_context

#: Ends with an error if a forked process writes to the zeros of the one that made them.
FORK = """
import os
from nemocli.runtimes.base import make_zeros
zeros = make_zeros((5, 3), "float32")
if (child := os.fork()) == 0:
    zeros[:] = 1
    os._exit(0)
os.waitpid(child, 0)
assert not zeros.any()
"""


class Somebody:
    """Stands for a stream."""


class Streams(RuleBasedStateMachine):
    """Streams begin, go on together in any company and end; each frame is a number."""

    def __init__(self):
        super().__init__()
        self.caches = FrameCaches(small_runtime(0))
        self.streams = {}
        self.frames = 0

    @rule()
    def begin(self):
        self.streams[Somebody()] = [0.0] * KEPT

    @rule(order=st.randoms(use_true_random=False), frames=st.sampled_from([1, 2, 7, 30]))
    def advance(self, order, frames):
        streams = list(self.streams)
        order.shuffle(streams)
        streams = streams[: order.randint(0, len(streams))]
        if not streams:
            return
        slots = self.caches.find_slots(streams, frames)
        arrays = dict(self.caches.arrays)
        new = self.frames + 1.0 + np.arange(len(streams) * frames)
        self.frames += len(new)
        for array in arrays.values():
            array[slots[:, KEPT:].ravel()] = new.reshape(-1, *[1] * (array.ndim - 1))
        for stream, row, some in zip(streams, slots, new.reshape(len(streams), -1), strict=True):
            expected = [*self.streams[stream], *some]
            for array in arrays.values():
                assert np.array_equal(array[row].reshape(len(row), -1)[:, -1], expected)
            self.streams[stream] = expected[-KEPT:]
        self.caches.keep(streams, slots, arrays)

    @rule(order=st.randoms(use_true_random=False))
    def end(self, order):
        if self.streams:
            del self.streams[order.choice(list(self.streams))]

    @rule()
    def trim(self):
        assert self.caches.trim() == bool(self.caches.arrays)
        if not self.streams:
            assert not self.caches.arrays

    @rule()
    def fail(self):
        """Find slots for a call that then does not come about."""
        if self.streams:
            self.caches.find_slots(list(self.streams), 3)

    @invariant()
    def the_slot_of_zeros_has_zeros(self):
        assert all(not array[ZERO_SLOT].any() for array in self.caches.arrays.values())


TestStreams = Streams.TestCase
TestStreams.settings = settings(max_examples=25, stateful_step_count=30)


@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=12))
def test_the_caches_have_no_more_slots_than_their_streams_need(sizes):
    caches = FrameCaches(small_runtime(0))
    for size in sizes:
        streams = [Somebody() for _ in range(size)]
        caches.keep(streams, caches.find_slots(streams, 2), caches.arrays)
        needed = 1 + size * (KEPT + 2)
        assert needed <= caches.slots <= MAX_EXCESS * needed
        assert {len(array) for array in caches.arrays.values()} == {caches.slots}


def test_a_single_stream_has_one_place_for_all_its_calls():
    caches, stream = FrameCaches(small_runtime(3)), Somebody()
    for _ in range(20):
        caches.keep([stream], caches.find_slots([stream], 4), caches.arrays)
        assert caches.slots == 1 + KEPT + 4


@pytest.mark.parametrize("kept", [[0], [0, 3, 4]])
def test_moved_slots_are_those_that_were_kept_and_then_zeros(kept):
    before = np.arange(15.0, dtype=np.float32).reshape(5, 3)
    caches = {"k_cache0": before.copy()}
    moved = small_runtime(0).move_slots(caches, np.array(kept), 6)
    assert not caches
    assert np.array_equal(moved["k_cache0"][: len(kept)], before[kept])
    assert moved["k_cache0"].shape == (6, 3) and not moved["k_cache0"][len(kept) :].any()


class FullRuntime:
    """The small model where memory is lacking to move the last of so many caches."""

    def __init__(self, moved):
        self._runtime, self._moved = small_runtime(0), moved
        self.config = CONFIG

    def move_slots(self, caches, kept, slots):
        some = {name: caches.pop(name) for name in list(caches)[: self._moved]}
        self._runtime.move_slots(some, kept, slots)
        raise MemoryError


@pytest.mark.parametrize("moved", [1, 2, 3 * CONFIG.num_layers])
@pytest.mark.parametrize("trims", [False, True])
def test_lack_of_memory_ends_the_streams_so_far_and_no_others(moved, trims):
    caches, streams = FrameCaches(FullRuntime(moved)), [Somebody() for _ in range(20)]
    caches.keep(streams, caches.find_slots(streams, 2), caches.arrays)
    if trims:
        del streams[1:]
        assert not caches.trim()
    else:
        with pytest.raises(MemoryError):
            caches.find_slots([*streams, *(Somebody() for _ in range(20))], 2)
    with pytest.raises(NemocliError, match="Memory was lacking"):
        caches.find_slots(streams, 2)
    assert all(stream.has_failed for stream in streams)
    other = Somebody()
    slots = caches.find_slots([other], 2)
    assert all(not array[slots].any() for array in caches.arrays.values())
    assert len(caches.arrays) == 3 * CONFIG.num_layers


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only there do processes fork")
def test_a_forked_process_writes_to_caches_of_its_own():
    subprocess.run([sys.executable, "-c", FORK], check=True, timeout=60)
