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
    """Quantize a linear layer's weight [out, in], symmetrically around 0, as a matrix [in, out].

    The integers are signed: processors have instructions for products of unsigned and signed ones
    (VNNI: twice to four times as fast as unsigned weights). See processor.py for those without.
    """
    scales = np.maximum(np.abs(weight).max(1), np.finfo(np.float32).tiny) / np.float32(127)
    values = np.rint(weight / scales[:, None]).astype(np.int8)
    return QuantizedMatrix(np.ascontiguousarray(values.T), scales.astype(np.float32))
