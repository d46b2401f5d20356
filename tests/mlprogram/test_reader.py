"""The reader of weights against files that coremltools' own library writes."""

import numpy as np
import pytest

from tests.missing import skip_file_without
from tests.mlprogram.operations import constexpr_blockwise_shift_scale, constexpr_lut_to_dense
from tests.mlprogram.reader import _unpacked

skip_file_without("coremltools", reason="the Core ML tests need coremltools")


@pytest.mark.parametrize(
    ("kind", "low", "high", "dtype"),
    [
        ("int4", -8, 8, np.int8),
        ("uint4", 0, 16, np.uint8),
        ("uint6", 0, 64, np.uint8),
        ("int8", -128, 128, np.int8),
        ("uint8", 0, 256, np.uint8),
    ],
)
@pytest.mark.parametrize("count", [1, 4, 77])
def test_values_of_few_bits(tmp_path, kind, low, high, dtype, count):
    from coremltools import libmilstoragepython as storage

    values = np.random.default_rng(2).integers(low, high, count).astype(dtype)
    path = tmp_path / "weight.bin"
    writer = storage._BlobStorageWriter(str(path))
    offset = getattr(writer, f"write_{kind}_data")(values)
    del writer
    data = np.fromfile(path, np.uint8)
    start = int(data[offset + 16 : offset + 24].view(np.uint64)[0])
    read = _unpacked(data[start:], kind.upper(), (count,))
    np.testing.assert_array_equal(read, values)


def test_blocks_share_a_scale():
    data = np.arange(8, dtype=np.int8).reshape(2, 4)
    scale = np.array([[1, 10], [100, 1000]], np.float32)
    expected = [[0, 1, 20, 30], [400, 500, 6000, 7000]]
    np.testing.assert_array_equal(constexpr_blockwise_shift_scale(data, scale), expected)


def test_rows_share_a_palette():
    indices = np.array([[0, 1], [1, 1], [0, 0], [1, 0]], np.uint8)
    lut = np.array([[3, 4], [5, 6]], np.float32).reshape(2, 1, 2, 1)
    expected = [[3, 4], [4, 4], [5, 5], [6, 5]]
    np.testing.assert_array_equal(constexpr_lut_to_dense(indices, lut), expected)
