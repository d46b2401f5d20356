"""What each operation of an ML Program means, in numpy: float32 in, float32 out.

For those that nemocli's packages hold, and written from Apple's reference, not from nemocli:
https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html
"""

import math

import numpy as np


def linear(x, weight, bias):
    return x @ weight.T + bias


def matmul(x, y, transpose_x, transpose_y):
    x = x.swapaxes(-1, -2) if transpose_x else x
    y = y.swapaxes(-1, -2) if transpose_y else y
    return x @ y


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gelu(x, mode):
    assert mode == "EXACT"
    return np.array([v / 2 * (1 + math.erf(v / math.sqrt(2))) for v in x.flat]).reshape(x.shape)


def softmax(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def layer_norm(x, axes, gamma, beta, epsilon):
    axes = tuple(axes)
    assert axes in ((-1,), (x.ndim - 1,))
    centred = x - x.mean(axes, keepdims=True)
    variance = np.square(centred).mean(axes, keepdims=True)
    return centred / np.sqrt(variance + epsilon) * gamma + beta


def conv(x, weight, strides, pad_type, pad, dilations, groups, bias=None):
    """x [1, in, ...], weight [out, in / groups, ...]: one or two axes, without padding."""
    assert pad_type == "valid" and not np.any(pad) and np.all(dilations == 1) and len(x) == 1
    kernel, groups = weight.shape[2:], int(groups)
    windows = np.lib.stride_tricks.sliding_window_view(x[0], kernel, tuple(range(1, x.ndim - 1)))
    windows = windows[(slice(None), *(slice(None, None, s) for s in strides))]
    # [groups, in / groups, positions..., kernel...] and [groups, out / groups, in / groups, ...]
    grouped = windows.reshape(groups, -1, *windows.shape[1:])
    filters = weight.reshape(groups, -1, *weight.shape[1:])
    axes = "tf"[: len(kernel)]
    taps = "ab"[: len(kernel)]
    y = np.einsum(f"gc{axes}{taps},goc{taps}->go{axes}", grouped, filters, optimize=True)
    y = y.reshape(len(weight), *y.shape[2:])[None]
    return y if bias is None else y + bias.reshape(-1, *(1,) * len(kernel))


def gather(x, indices, axis, batch_dims, validate_indices):
    assert batch_dims == 0
    return np.take(x, indices.astype(np.int64), int(axis))


def scatter(data, indices, updates, axis, mode, validate_indices):
    assert axis == 0 and mode == "update"
    y = np.array(data)
    y[indices.astype(np.int64)] = updates
    return y


def slice_by_index(x, begin, end, stride=None, **masks):
    for name in ("begin_mask", "end_mask", "squeeze_mask"):
        assert not np.any(masks.get(name, False))
    stride = np.ones_like(begin) if stride is None else stride
    return x[tuple(slice(b, e, s) for b, e, s in zip(begin, end, stride, strict=True))]


def pad(x, pad, mode, constant_val):
    assert mode == "constant" and len(pad) == 2 * x.ndim
    return np.pad(x, np.reshape(pad, (-1, 2)), constant_values=constant_val)


def concat(values, axis, interleave):
    assert not interleave
    return np.concatenate(values, int(axis))


def constexpr_blockwise_shift_scale(data, scale, offset=None):
    shifted = data.astype(np.float32)
    if offset is not None:
        shifted -= _spread(offset.astype(np.float32), data.shape)
    return shifted * _spread(scale, data.shape)


def constexpr_lut_to_dense(indices, lut, vector_axis=None):
    """`lut` is [blocks along each axis of indices ..., palette, 1]."""
    assert lut.shape[-1] == 1
    block = [
        np.arange(n) // (n // count) for n, count in zip(indices.shape, lut.shape, strict=False)
    ]
    return lut[(*np.ix_(*block), indices, 0)]


def _spread(blocks, shape):
    """Repeat each value over its block, so that the result has `shape`."""
    for axis, size in enumerate(shape):
        blocks = np.repeat(blocks, size // blocks.shape[axis], axis)
    return blocks


#: By the name that the program gives the operation.
OPERATIONS = {
    "const": lambda val: val,
    "constexpr_blockwise_shift_scale": constexpr_blockwise_shift_scale,
    "constexpr_lut_to_dense": constexpr_lut_to_dense,
    "linear": linear,
    "matmul": matmul,
    "add": lambda x, y: x + y,
    "mul": lambda x, y: x * y,
    "sigmoid": sigmoid,
    "silu": lambda x: x * sigmoid(x),
    "tanh": lambda x: np.tanh(x),
    "gelu": gelu,
    "relu": lambda x: np.maximum(x, 0),
    "softmax": softmax,
    "layer_norm": layer_norm,
    "conv": conv,
    "gather": gather,
    "scatter": scatter,
    "concat": concat,
    "slice_by_index": slice_by_index,
    "reshape": lambda x, shape: x.reshape(shape),
    "transpose": lambda x, perm: x.transpose(perm),
    "pad": pad,
}
