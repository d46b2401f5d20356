"""The file of weights that all graphs of a model folder share, in ONNX's external data format."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from nemocli.closing import Closing

#: Tensors start on a cache line, so that a memory-mapped file can be used in place.
ALIGNMENT = 64


class WeightsFile(Closing):
    """Writes each tensor once, and returns references to it. Holds one tensor at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb")
        self._written: dict[str, TensorProto] = {}

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def tensor(self, name: str, load: Callable[[], NDArray[Any]]) -> onnx.TensorProto:
        """Return the initializer `name`; write what `load` returns if it is not there yet."""
        if name not in self._written:
            self._written[name] = self._write(name, load())
        return self._written[name]

    def _write(self, name: str, array: NDArray[Any]) -> TensorProto:
        self._file.write(b"\0" * (-self._file.tell() % ALIGNMENT))
        entries = {
            "location": self._path.name,
            "offset": str(self._file.tell()),
            "length": str(array.nbytes),
        }
        # Not array.tofile: its errors do not say that the disk is full.
        self._file.write(np.ascontiguousarray(array).view(np.uint8).data)
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        tensor = TensorProto(
            name=name,
            data_type=kind,
            dims=array.shape,
            data_location=TensorProto.EXTERNAL,
        )
        for key, value in entries.items():
            tensor.external_data.add(key=key, value=value)
        return tensor
