"""Samples as programs have them, as the float32 that the engine computes with."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nemocli.errors import NemocliError, UsageError

#: Floats above this are taken for integers that were not scaled, if they look like it.
MAX_FLOAT = 8.0


def as_samples(given: ArrayLike) -> NDArray[np.float32]:
    """Convert a one-dimensional array of numbers to float32 [n] with full scale at 1.

    Takes what numpy makes an array of: arrays, lists, tensors on the CPU, buffers. Integers of 8,
    16 and 32 bits are divided by their full scale; unsigned ones have their zero in the middle.
    Raises UsageError for anything else, and NemocliError for NaN and infinity.
    """
    array = _as_array(given)
    if array.dtype.kind not in "iuf":
        raise UsageError(f"Samples are an array of numbers, not {_name_kind(given, array)}.")
    if array.ndim != 1:
        raise UsageError(_refuse_shape(array.shape))
    with np.errstate(over="ignore"):  # infinity is refused below
        samples = array.astype(np.float32) if array.dtype.kind == "f" else _scale(array)
    if not np.isfinite(samples).all():
        raise NemocliError("The samples fed to a session must be numbers, not NaN or infinite.")
    _check_scale(samples)
    return samples


def _as_array(given: ArrayLike) -> NDArray[Any]:
    is_bytes = isinstance(given, memoryview) and given.format in ("B", "b", "c")
    if is_bytes or isinstance(given, (bytes, bytearray)):
        raise UsageError(
            "Bytes do not tell how the samples in them are encoded: convert them first, for"
            " example with np.frombuffer(data, np.int16)."
        )
    try:
        return np.asarray(given)
    except (
        Exception
    ) as error:  # of lists that are ragged, and of tensors elsewhere or with gradients
        raise UsageError(
            f"The samples cannot be converted to an array of numpy: {str(error).rstrip('.')}."
        ) from None


def _name_kind(given: object, array: NDArray[Any]) -> str:
    """Name what was given: an array's type of numbers, or else the type."""
    if isinstance(given, (str, type(None))):
        return repr(given)
    return f"{type(given).__name__} of {array.dtype}" if array.ndim else type(given).__name__


def _refuse_shape(shape: tuple[int, ...]) -> str:
    sentence = f"Samples are one-dimensional (16 kHz mono), not of the shape {list(shape)}"
    if len(shape) != 2:
        return f"{sentence}."
    index = "0" if shape[0] < shape[1] else ":, 0"
    return f"{sentence}: choose one channel, for example with samples[{index}]."


def _scale(array: NDArray[Any]) -> NDArray[np.float32]:
    bits = 8 * array.dtype.itemsize
    if bits > 32:
        raise UsageError(
            f"Samples of {array.dtype} do not tell their full scale: convert them to the type that"
            " they had in the recording, for example with np.asarray(samples, np.int16)."
        )
    full_scale = 2.0 ** (bits - 1)
    middle = full_scale if array.dtype.kind == "u" else 0.0
    return ((array.astype(np.float64) - middle) / full_scale).astype(np.float32)


def _check_scale(samples: NDArray[np.float32]) -> None:
    """Raise UsageError for integers that were made floats without being divided.

    They are far above 1, and whole numbers, or halves where two channels were mixed.
    """
    peak = np.abs(samples).max(initial=0.0)
    if peak > MAX_FLOAT and (np.rint(2 * samples) == 2 * samples).all():
        raise UsageError(
            f"The samples reach {peak:g}, but floats go from -1 to 1: feed the integers as they"
            " are, or divide them by their full scale, which is 32768 for 16 bits."
        )
