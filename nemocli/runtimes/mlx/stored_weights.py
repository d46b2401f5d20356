"""The weights of a model folder on the device, as operations ask for them."""

from collections.abc import Mapping
from pathlib import Path

from nemocli.errors import ModelError
from nemocli.network.tensors import Parameter
from nemocli.runtimes.mlx.tools import mx
from nemocli.runtimes.mlx.weights import BITS, PARTS, Matrix, PlainMatrix, QuantizedMatrix
from nemocli.runtimes.mlx.weights_file import read_weights


class StoredWeights:
    """`Weights` of a file, all read and on the device when it is made.

    `expected` has the shapes of parameters by name, those that are known. `dtype` is what the
    encoder computes in: if it is float32, weights of float16 become that.
    Raises ModelError if the file is damaged, or lacks a weight that is asked for.
    """

    def __init__(
        self,
        path: Path,
        expected: Mapping[str, tuple[int, ...]],
        precision: str,
        dtype: mx.Dtype,
    ) -> None:
        self._path = path
        self._bits = BITS.get(precision)
        self._expected = expected
        self._arrays: dict[str, mx.array] = {}
        for name, value in read_weights(path):
            array = mx.array(value)
            if array.dtype == mx.float16:
                array = array.astype(dtype)
            mx.eval(array)  # now, so that no tensor is in memory twice
            self._arrays[name] = array

    def array(self, parameter: Parameter, axes: tuple[int, ...] | None = None) -> mx.array:
        """See Weights."""
        array = self._stored(parameter.name)
        expected = self._expected.get(parameter.name)
        if expected and axes:
            expected = tuple(expected[axis] for axis in axes)
        # Others are found by the shapes of what is computed with them.
        if expected and array.shape != expected:
            raise make_shape_error(self._path)
        return array

    def matrix(self, parameter: Parameter) -> Matrix:
        """See Weights."""
        if self._bits is None or parameter.name in self._arrays:
            return PlainMatrix(self._stored(parameter.name))
        values, scales, biases = (self._stored(f"{parameter.name}.{part}") for part in PARTS)
        return QuantizedMatrix(values, scales, biases, self._bits)

    def _stored(self, name: str) -> mx.array:
        try:
            return self._arrays[name]
        except KeyError:
            raise ModelError(f"{self._path} lacks {name}; convert the model again.") from None


def make_shape_error(path: Path) -> ModelError:
    """Return the error for a file whose weights do not fit the model."""
    return ModelError(f"{path} holds weights of other shapes; convert the model again.")
