"""The palette of 64 values."""

import numpy as np
import pytest

from nemocli.runtimes.coreml.compress import palette


@pytest.mark.parametrize("shape", [(32, 1024), (4, 40), (2, 3)])
def test_a_palette_fits_its_weights(shape):
    weight = np.random.default_rng(1).normal(size=shape).astype(np.float16)
    weight[0, 0] = 40  # one far away must not cost the others
    table, indices = palette(weight)
    assert table.shape == (64,) and table.dtype == np.float16
    assert indices.shape == (weight.size,) and indices.dtype == np.uint8
    error = table[indices].astype(np.float32) - weight.ravel()
    # 64 evenly spaced values over this range would be off by 0.2, the best by about 0.03.
    assert np.sqrt(np.square(error).mean()) < 0.035
    np.testing.assert_array_equal(palette(weight)[1], indices)
    nearest = np.abs(table[None].astype(float) - weight.reshape(-1, 1)).min(1)
    np.testing.assert_allclose(np.abs(error), nearest, atol=1e-6)


def test_few_values_are_kept_exactly():
    weight = np.array([[0, 0, 0, 1], [1, 2, -3, 0]], np.float16)
    table, indices = palette(weight)
    np.testing.assert_array_equal(table[indices].reshape(weight.shape), weight)
