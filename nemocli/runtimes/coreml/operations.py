"""The network's operations through coremltools' MIL Builder: calling the definition writes a graph.

The encoder is float16 from input to output, so that there are no casts, even of caches. Predictor
and joint, which decide between tokens, are float32.
"""

from collections.abc import Mapping, Sequence

from nemocli.network.operations import EPSILON, resolve_shape
from nemocli.network.tensors import Parameter
from nemocli.runtimes.coreml.constants import Constants, Var
from nemocli.runtimes.coreml.tools import Builder as mb  # noqa: N813  its name everywhere


class MilOperations:
    """`Operations` on MIL variables, for use inside a `with Function(...)` block."""

    def __init__(self, constants: Constants) -> None:
        self._shared = constants
        self._dtype = constants.dtype
        #: Constants of this function by name.
        self._constants: dict[str, Var] = {}

    def constant(self, value: Parameter) -> Var:
        if value.name not in self._constants:
            self._constants[value.name] = self._shared.make(value)
        return self._constants[value.name]

    def linear(self, x: Var, weight: Parameter, bias: Parameter | None = None) -> Var:
        if weight.name not in self._constants:
            self._constants[weight.name] = self._shared.make_weight(weight)
        matrix = self._constants[weight.name]
        return mb.linear(x=x, weight=matrix, bias=self._bias(matrix.shape[0], bias))

    def _bias(self, count: int, bias: Parameter | None) -> Var:
        """Return a bias; zeros, which coremltools would store for each layer, if there is none."""
        if bias is not None:
            return self.constant(bias)
        name = f"zeros{count}"
        if name not in self._constants:
            self._constants[name] = self._shared.make_zeros(count)
        return self._constants[name]

    def matmul(self, a: Var, b: Var) -> Var:
        return mb.matmul(x=a, y=b)

    def add(self, a: Var, b: Var) -> Var:
        return mb.add(x=a, y=b)

    def mul(self, a: Var, b: Var) -> Var:
        return mb.mul(x=a, y=b)

    def sigmoid(self, x: Var) -> Var:
        return mb.sigmoid(x=x)

    def silu(self, x: Var) -> Var:
        return mb.silu(x=x)

    def tanh(self, x: Var) -> Var:
        return mb.tanh(x=x)

    def relu(self, x: Var) -> Var:
        return mb.relu(x=x)

    def gelu(self, x: Var) -> Var:
        return mb.gelu(x=x, mode="EXACT")

    def softmax(self, x: Var) -> Var:
        return mb.softmax(x=x, axis=-1)

    def layer_norm(self, x: Var, weight: Parameter, bias: Parameter) -> Var:
        # In float16 the epsilon is 1.0014e-5, a subnormal number, but not zero.
        gamma, beta = self.constant(weight), self.constant(bias)
        return mb.layer_norm(x=x, axes=[-1], gamma=gamma, beta=beta, epsilon=self._dtype(EPSILON))

    def conv2d(self, x: Var, weight: Parameter, bias: Parameter, stride: int, groups: int) -> Var:
        w, b = self.constant(weight), self.constant(bias)
        return mb.conv(
            x=x, weight=w, bias=b, strides=[stride, stride], pad_type="valid", groups=groups
        )

    def depthwise_conv1d(self, x: Var, weight: Parameter) -> Var:
        return mb.conv(x=x, weight=self.constant(weight), pad_type="valid", groups=x.shape[1])

    def depthwise_conv1d_channels_last(self, x: Var, weight: Parameter) -> Var:
        y = self.depthwise_conv1d(self.transpose(x, (0, 2, 1)), weight)
        return self.transpose(y, (0, 2, 1))

    def take(self, x: Var, index: Var) -> Var:
        return mb.gather(x=x, indices=index, axis=0, validate_indices=False)

    def put(self, x: Var, index: Var, rows: Var) -> Var:
        return mb.scatter(
            data=x, indices=index, updates=rows, axis=0, mode="update", validate_indices=False
        )

    def concat(self, parts: Sequence[Var], axis: int) -> Var:
        return parts[0] if len(parts) == 1 else mb.concat(values=list(parts), axis=axis)

    def slice(self, x: Var, axis: int, start: int, stop: int | None) -> Var:
        begin, end = [0] * x.rank, list(x.shape)
        begin[axis], end[axis], _ = slice(start, stop).indices(x.shape[axis])
        return mb.slice_by_index(x=x, begin=begin, end=end)

    def reshape(self, x: Var, shape: Sequence[int]) -> Var:
        return mb.reshape(x=x, shape=resolve_shape(x.shape, shape))

    def transpose(self, x: Var, order: Sequence[int]) -> Var:
        return mb.transpose(x=x, perm=list(order))

    def pad(self, x: Var, before_after: Mapping[int, tuple[int, int]]) -> Var:
        pads = [size for axis in range(4) for size in before_after.get(axis, (0, 0))]
        return mb.pad(x=x, pad=pads, mode="constant", constant_val=self._dtype(0))
