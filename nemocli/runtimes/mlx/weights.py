"""Weights as MLX's operations take them: arrays by name, and matrices that may be quantized."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nemocli.network.tensors import Parameter
from nemocli.runtimes.mlx.tools import mx

#: Bits of a quantized weight, by the model folder's precision.
BITS = {"int8": 8, "int5": 5}

#: How many weights of a row share a scale and a bias.
GROUP = 64

#: The parts of a quantized matrix, as they are named after it in the file.
PARTS = ("values", "scales", "biases")


class Matrix(Protocol):
    """A linear layer's weight [out, in]."""

    def multiply(self, x: mx.array) -> mx.array:
        """Return x [..., in] times the transposed matrix, [..., out]."""
        ...


@dataclass(frozen=True)
class PlainMatrix:
    """A matrix whose weights are floats, [out, in]."""

    weight: mx.array

    def multiply(self, x: mx.array) -> mx.array:
        """See Matrix."""
        return x @ self.weight.T


@dataclass(frozen=True)
class QuantizedMatrix:
    """A matrix of integers of `bits` bits, packed into 32; a weight is value * scale + bias.

    Rows whose length is no multiple of GROUP end in weights of 0.
    """

    values: mx.array
    scales: mx.array
    biases: mx.array
    bits: int

    def multiply(self, x: mx.array) -> mx.array:
        """See Matrix."""
        if missing := -x.shape[-1] % GROUP:
            x = mx.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, missing)])
        return mx.quantized_matmul(
            x, self.values, self.scales, self.biases, True, group_size=GROUP, bits=self.bits
        )


def quantize(weight: NDArray[np.float32], dtype: mx.Dtype, bits: int) -> tuple[mx.array, ...]:
    """Quantize a matrix [out, in]; return its PARTS, scales and biases in the data type given.

    It is computed on the processor, so that the same weights make the same bytes on any machine.
    """
    padded = np.pad(weight, ((0, 0), (0, -weight.shape[1] % GROUP)))
    array = mx.array(padded).astype(dtype, stream=mx.cpu)
    parts = tuple(mx.quantize(array, GROUP, bits, stream=mx.cpu))
    mx.eval(*parts)
    return parts


class Weights(Protocol):
    """The weights that a graph asks for."""

    def array(self, parameter: Parameter, axes: tuple[int, ...] | None = None) -> mx.array:
        """Return a parameter, with its axes in the order of `axes`."""
        ...

    def matrix(self, parameter: Parameter) -> Matrix:
        """Return a linear layer's weight."""
        ...
