"""The file of a model folder's weights in the safetensors format: written and read in parts."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from nemocli.closing import Closing
from nemocli.errors import ModelError

#: The data types that weights have, by numpy's names, and their names in the file.
_DTYPES = {"float32": "F32", "float16": "F16", "uint32": "U32"}

#: Bytes of the header that are reserved for each tensor.
_ENTRY_BYTES = 256


class WeightsFile(Closing):
    """Writes one tensor after another; the header, which comes first in the file, at the end.

    `tensors` is the largest number of tensors that there may be; closing raises ValueError if there
    are so many more that the header has no room.
    """

    def __init__(self, path: Path, tensors: int) -> None:
        self._file = path.open("wb")
        self._header: dict[str, Any] = {}
        self._room = _ENTRY_BYTES * tensors
        self._start = self._file.seek(8 + self._room)

    def add(self, name: str, array: NDArray[Any]) -> None:
        """Write a tensor of one of _DTYPES. Raises OSError if the disk is full."""
        begin = self._file.tell() - self._start
        # Not array.tofile: its errors do not say that the disk is full.
        self._file.write(np.ascontiguousarray(array).view(np.uint8).data)
        self._header[name] = {
            "dtype": _DTYPES[array.dtype.name],
            "shape": array.shape,
            "data_offsets": [begin, begin + array.nbytes],
        }

    def close(self) -> None:
        """Write the header, and close the file."""
        with self._file:
            text = json.dumps(self._header, separators=(",", ":")).encode()
            if len(text) > self._room:
                raise ValueError("too many tensors for the header")
            self._file.seek(0)
            self._file.write(self._room.to_bytes(8, "little") + text.ljust(self._room))


def read_weights(path: Path) -> Iterator[tuple[str, NDArray[Any]]]:
    """Give each tensor of a file by its name. Raises ModelError for a file that is damaged."""
    try:
        with safe_open(path, framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118  it is no dict
                tensor = file.get_slice(name)
                if tensor.get_dtype() not in _DTYPES.values():
                    raise ModelError(
                        f"{path} has weights of the kind {tensor.get_dtype()};"
                        " convert the checkpoint again."
                    )
                if math.prod(tensor.get_shape()):  # MLX does not load what is empty
                    yield name, file.get_tensor(name)
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"{path} cannot be read ({error}); convert the checkpoint again."
        ) from None
