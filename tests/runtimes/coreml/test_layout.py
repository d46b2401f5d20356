"""The layout of tensors in a package: there and back is the identity, in numpy and in graphs."""

import numpy as np
import pytest

from nemocli.network.graphs import TensorSpec
from nemocli.runtimes.coreml.package_layout import choose_layout
from nemocli.runtimes.numpy.runtime import NumpyOperations

CASES = [
    ("pre", TensorSpec("cache0_out", (1, 1, 1, 131)), (1, 1, 1, 160)),
    ("pre", TensorSpec("cache1", (1, 256, 1, 68)), (1, 256, 1, 96)),
    ("pre", TensorSpec("mel", (1, 32, 128)), (1, 32, 128)),
    ("pre_tail", TensorSpec("row_mask0", (1, 1, 16, 1)), (1, 1, 16, 1)),
    ("conformer_a", TensorSpec("neg_mask", (1, 1, 4, 60)), (1, 1, 4, 60)),
    ("conformer_a", TensorSpec("conv_cache", (12, 1024, 8)), (12, 8, 1024)),
    ("conformer_b", TensorSpec("conv_cache_out", (2, 36, 4)), (2, 4, 64)),
    ("conformer_b", TensorSpec("k_cache", (12, 8, 56, 128)), (12, 8, 56, 128)),
    ("conformer_b", TensorSpec("enc_proj", (1, 4, 640)), (1, 4, 640)),
    ("predict", TensorSpec("h", (2, 1, 20)), (2, 1, 20)),
    ("joint", TensorSpec("enc_frame", (None, 640)), (1, 640)),
]


@pytest.mark.parametrize(("graph", "spec", "shape"), CASES)
def test_there_and_back(graph, spec, shape):
    lies = choose_layout(graph, spec, "float16")
    value = np.random.default_rng(0).normal(size=lies.spec.shape).astype(np.float16)
    stored = lies.store(value)
    assert stored.shape == lies.shape == shape
    assert stored.flags.c_contiguous
    assert stored.dtype == ("float32" if graph in ("predict", "joint") else "float16")
    np.testing.assert_array_equal(lies.restore(stored), value)
    again = lies.store(lies.restore(stored))
    assert np.shares_memory(again, stored) and again.shape == stored.shape
    other = lies.store(lies.restore(stored) + np.ones((), stored.dtype))
    np.testing.assert_array_equal(lies.restore(other), value + np.ones((), stored.dtype))
    ops = NumpyOperations()
    np.testing.assert_array_equal(lies.store_in_graph(ops, value), stored)
    np.testing.assert_array_equal(lies.restore_in_graph(ops, stored), value)
    assert bool(lies.note) == (lies.shape != lies.spec.shape)
