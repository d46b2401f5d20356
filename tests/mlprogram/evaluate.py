"""Run a function of a package, operation by operation."""

from collections.abc import Mapping

import numpy as np

from tests.mlprogram.operations import OPERATIONS
from tests.mlprogram.reader import Function, Name, Operation, Tensor


class Evaluator:
    """A function with its constants computed once.

    With `exact`, every floating-point value is float32, whatever the program says: what the graph
    computes, without rounding. Otherwise each operation computes in float32 and its result is
    rounded to the type the program gives it; beyond 65504 that is infinite in float16.
    """

    def __init__(self, function: Function, exact: bool) -> None:
        self.function = function
        self._exact = exact
        self._constants: dict[str, np.ndarray] = {}
        self._operations: list[Operation] = []
        for operation in function.operations:
            if operation.kind.startswith("const"):
                self._run(operation, self._constants)
            else:
                self._operations.append(operation)

    def make_state(self) -> dict[str, np.ndarray]:
        """Zeros for each state of the function by name."""
        return {tensor.name: np.zeros(tensor.shape, np.float32) for tensor in self.function.states}

    def __call__(
        self, inputs: Mapping[str, np.ndarray], state: dict[str, np.ndarray] | None = None
    ) -> dict[str, np.ndarray]:
        """Arrays by name, of exactly the types and shapes that the function declares.

        With `exact`, floating-point arrays are float32 instead. `state` is what `make_state` gave,
        for a function that has states; what the function writes to it stays there.
        """
        values = dict(self._constants)
        assert set(inputs) == {tensor.name for tensor in self.function.inputs}
        assert set(state or {}) == {tensor.name for tensor in self.function.states}
        for tensor in self.function.inputs:
            array = inputs[tensor.name]
            dtype = np.dtype(np.float32) if self._is_exact(tensor) else tensor.dtype
            assert (array.dtype, array.shape) == (dtype, tensor.shape), tensor
            values[tensor.name] = self._widened(array)
        for operation in self._operations:
            if operation.kind == "read_state":
                (output,) = operation.outputs
                values[output.name] = state[operation.inputs["input"].name]
            elif operation.kind == "write_state":
                name = operation.inputs["input"].name
                value = self._argument(operation.inputs["data"], values)
                assert value.shape == state[name].shape
                state[name] = value  # rounded already: it is some operation's output
            else:
                self._run(operation, values)
        return {name: self._given_back(values, name) for name in self.function.outputs}

    def _given_back(self, values: Mapping[str, np.ndarray], name: str) -> np.ndarray:
        (tensor,) = (t for o in self._operations for t in o.outputs if t.name == name)
        return values[name] if self._exact else values[name].astype(tensor.dtype)

    def _is_exact(self, tensor: Tensor) -> bool:
        return self._exact and tensor.dtype.kind == "f"

    def _run(self, operation: Operation, values: dict[str, np.ndarray]) -> None:
        arguments = {name: self._argument(a, values) for name, a in operation.inputs.items()}
        with np.errstate(over="ignore", invalid="ignore"):  # as on a device: infinite, then NaN
            result = np.asarray(OPERATIONS[operation.kind](**arguments))
            (output,) = operation.outputs
            values[output.name] = self._rounded(result, output)
        assert result.shape == output.shape, (operation.kind, result.shape, output)

    def _argument(self, argument, values):
        if isinstance(argument, list):
            return [self._argument(part, values) for part in argument]
        if isinstance(argument, Name):
            return values[argument.name]
        return self._widened(argument)

    def _rounded(self, result: np.ndarray, output: Tensor) -> np.ndarray:
        if result.dtype.kind != "f" or output.dtype.kind != "f":
            return result
        if self._exact:
            return result.astype(np.float32)
        return result.astype(output.dtype).astype(np.float32)

    def _widened(self, array: np.ndarray) -> np.ndarray:
        return array.astype(np.float32) if array.dtype == np.float16 else array
