"""Eight-bit weights for onnxruntime's dynamic quantization."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Stored value of a weight of zero.
ZERO = 128


@dataclass(frozen=True)
class QuantizedMatrix:
    """A matrix [in, out] as (values - zeros) * scales, with one scale and zero for each column."""

    values: NDArray[np.uint8]
    scales: NDArray[np.float32]
    zeros: NDArray[np.uint8]


def quantize(weight: NDArray[np.float32]) -> QuantizedMatrix:
    """A linear layer's weight [out, in], transposed to [in, out], symmetric around 128.

    Unsigned, because signed weights saturate: processors with AVX2 but without VNNI add pairs of
    products in 16 bits, and onnxruntime then clips them (measured: twice the error).
    """
    scales = np.maximum(np.abs(weight).max(1), np.finfo(np.float32).tiny) / np.float32(127)
    values = (np.rint(weight / scales[:, None]) + ZERO).astype(np.uint8)
    return QuantizedMatrix(
        np.ascontiguousarray(values.T),
        scales.astype(np.float32),
        np.full(len(scales), ZERO, np.uint8),
    )
