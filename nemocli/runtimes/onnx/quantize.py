"""Eight-bit weights for onnxruntime's integer matrix product."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class QuantizedMatrix:
    """A matrix [in, out] as values * scales, with one scale for each column."""

    values: NDArray[np.int8]
    scales: NDArray[np.float32]


def quantize(weight: NDArray[np.float32]) -> QuantizedMatrix:
    """A linear layer's weight [out, in], transposed to [in, out], symmetric around 0.

    Signed, for the instructions that processors have for unsigned by signed products (VNNI: twice
    to four times as fast as unsigned weights). See processor.py for those that have none.
    """
    scales = np.maximum(np.abs(weight).max(1), np.finfo(np.float32).tiny) / np.float32(127)
    values = np.rint(weight / scales[:, None]).astype(np.int8)
    return QuantizedMatrix(np.ascontiguousarray(values.T), scales.astype(np.float32))
