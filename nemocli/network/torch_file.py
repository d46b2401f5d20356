"""Read the tensors of a file that torch.save wrote, without torch, running nothing from the file.

Such a file is a zip archive of a pickle and of each tensor's bytes. A pickle can name any function
to be called; here only tensors and ordered dictionaries are made, and a file that asks for more is
refused. The tensors stay in the memory-mapped file until they are read.
"""

import io
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from math import prod
from typing import IO, Any, ClassVar, NamedTuple, Never

import ml_dtypes
import numpy as np

from nemocli.errors import ModelError
from nemocli.network.tensors import Array

#: Data types by the names of torch's classes.
_STORAGES = {
    "FloatStorage": np.dtype(np.float32),
    "HalfStorage": np.dtype(np.float16),
    "BFloat16Storage": np.dtype(ml_dtypes.bfloat16),
    "DoubleStorage": np.dtype(np.float64),
    "LongStorage": np.dtype(np.int64),
    "IntStorage": np.dtype(np.int32),
    "ShortStorage": np.dtype(np.int16),
    "CharStorage": np.dtype(np.int8),
    "ByteStorage": np.dtype(np.uint8),
    "BoolStorage": np.dtype(np.bool_),
}

#: The pickle operations that torch.save uses for a state dictionary. Others can change what was
#: checked before, claim memory for nothing, or nest values deeper than Python can follow.
_OPERATIONS = (
    *(pickle.PROTO, pickle.STOP, pickle.GLOBAL, pickle.REDUCE, pickle.BUILD, pickle.BINPERSID),
    *(pickle.MARK, pickle.EMPTY_TUPLE, pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3),
    *(pickle.EMPTY_DICT, pickle.SETITEM, pickle.SETITEMS, pickle.EMPTY_LIST, pickle.APPEND),
    *(pickle.APPENDS, pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE, pickle.BININT, pickle.BININT1),
    *(pickle.BININT2, pickle.LONG1, pickle.BINFLOAT, pickle.BINUNICODE, pickle.BINPUT),
    *(pickle.LONG_BINPUT, pickle.BINGET, pickle.LONG_BINGET),
)

#: What carries out an operation, by its code.
_KNOWN: dict[int, Any] = dict(pickle._Unpickler.dispatch)

#: The most axes that a tensor may have.
_MAX_DIMENSIONS = 8

#: The most numbers that tensors may show for each number stored: views may overlap a little.
_MAX_SHARED = 8


class _Storage(NamedTuple):
    """Bytes that one or several tensors are views of: `length` numbers in the entry `data/key`."""

    key: str
    dtype: np.dtype[Any]
    length: int


class _Tensor(NamedTuple):
    """A view of a storage; offset and strides count numbers."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class TorchFile:
    """The tensors of a state dictionary that torch.save wrote, by name.

    `file` is that file, and `data` its bytes mapped into memory. Raises ModelError, naming `where`,
    if the file is damaged, of another form, or asks for anything but tensors.
    """

    def __init__(self, file: IO[bytes], data: memoryview, where: str) -> None:
        self._where = where
        self._data = data
        try:
            with zipfile.ZipFile(file) as archive:
                self._entries = {entry.filename: entry for entry in archive.infolist()}
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
            self._refuse("are truncated, or not in the form that torch.save has written since 1.6")
        pickles = [name for name in self._entries if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            self._refuse("are not a file that torch.save wrote")
        self._root = pickles[0].removesuffix("data.pkl")
        order = self._root + "byteorder"
        if order in self._entries and bytes(self._read_bytes(order)) != b"little":
            self._refuse("have their bytes in big-endian order, which nemocli does not read")
        described = bytes(self._read_bytes(pickles[0]))
        # torch has an option that leaves checksums out: then all of them are wrong.
        self._has_checksums = zlib.crc32(described) == self._entries[pickles[0]].CRC
        self._tensors = self._unpickle(described)
        self._check_size()

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: tensor.shape for name, tensor in self._tensors.items()}

    def has_floats(self, name: str) -> bool:
        """Tell whether the tensor's data type is a floating-point one."""
        return self._tensors[name].storage.dtype.kind not in "iub"

    def read(self, name: str) -> Array:
        """Return the tensor as float32; float16 and bfloat16 are widened, which is exact.

        Raises ModelError if its bytes are not those that were written.
        """
        tensor = self._tensors[name]
        storage = tensor.storage
        part = f"{self._root}data/{storage.key}"
        data = self._read_bytes(part)
        if self._has_checksums and zlib.crc32(data) != self._entries[part].CRC:
            self._refuse(f"hold the tensor {name} with other bytes than were written")
        if len(data) != storage.length * storage.dtype.itemsize:
            self._refuse(f"hold the tensor {name} with another size than they say")
        flat = np.frombuffer(data, storage.dtype)[tensor.offset :]
        strides = [stride * storage.dtype.itemsize for stride in tensor.strides]
        view = np.lib.stride_tricks.as_strided(flat, tensor.shape, strides, writeable=False)
        return np.ascontiguousarray(view).astype(np.float32, copy=False)

    def _read_bytes(self, name: str) -> memoryview:
        entry = self._entries.get(name)
        if entry is None:
            self._refuse(f"lack the part {name}")
        if entry.compress_type != zipfile.ZIP_STORED:
            self._refuse("are compressed inside, which torch.save does not do")
        # The data follow the local header, whose lengths may differ from the central directory's.
        header = self._data[entry.header_offset : entry.header_offset + 30]
        if len(header) < 30 or bytes(header[:4]) != b"PK\x03\x04":
            self._refuse("are truncated")
        start = entry.header_offset + 30 + sum(struct.unpack("<HH", header[26:30]))
        data = self._data[start : start + entry.file_size]
        if len(data) != entry.file_size:
            self._refuse("are truncated")
        return data

    def _unpickle(self, data: bytes) -> dict[str, _Tensor]:
        try:
            state = _Unpickler(data, self._where).load()
            named = {name: value for name, value in state.items() if isinstance(value, _Tensor)}
        except ModelError:
            raise
        except Exception as error:  # a damaged pickle can raise any
            self._refuse(f"are damaged ({type(error).__name__})")
        return named

    def _check_size(self) -> None:
        """Refuse tensors that claim more numbers than the file can hold."""
        storages = {tensor.storage for tensor in self._tensors.values()}
        held = sum(storage.length * storage.dtype.itemsize for storage in storages)
        shown = sum(prod(tensor.shape) for tensor in self._tensors.values())
        if held > len(self._data) or shown > _MAX_SHARED * sum(
            storage.length for storage in storages
        ):
            self._refuse("hold less than their tensors say")

    def _refuse(self, what: str) -> Never:
        raise ModelError(f"The weights in {self._where} {what}; download it again.")


class _Unpickler(pickle._Unpickler):
    """An unpickler that rebuilds tensors and calls nothing else.

    It is made from the one in Python: the one in C claims memory for as many values as the file
    says.
    """

    stack: list[Any]
    dispatch: ClassVar[dict[int, Any]] = {code: _KNOWN[code] for (code,) in _OPERATIONS}

    def __init__(self, data: bytes, where: str) -> None:
        super().__init__(io.BytesIO(data))
        self._where = where

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in _STORAGES:
            return name
        known: dict[tuple[str, str], Callable[..., Any]] = {
            ("collections", "OrderedDict"): _make_dictionary,
            ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
            ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
        }
        if (module, name) not in known:
            raise ModelError(
                f"The weights in {self._where} ask for {module}.{name}, which is no tensor;"
                " nemocli runs no code from a model file, so get it from a source you trust."
            )
        return known[module, name]

    def persistent_load(self, pid: Any) -> _Storage:
        kind, storage, key, _location, count = pid
        if kind != "storage" or not isinstance(key, str) or not 0 <= count < 2**48:
            raise pickle.UnpicklingError("not a storage")
        return _Storage(key, _STORAGES[storage], int(count))

    def load_build(self) -> None:
        """Drop the attributes that torch gives a dictionary: they must change nothing."""
        self.stack.pop()

    dispatch[pickle.BUILD[0]] = load_build

    def load_setitem(self) -> None:
        self._check_keys(self.stack[-2:])
        _KNOWN[pickle.SETITEM[0]](self)

    dispatch[pickle.SETITEM[0]] = load_setitem

    def load_setitems(self) -> None:
        self._check_keys(self.stack)
        _KNOWN[pickle.SETITEMS[0]](self)

    dispatch[pickle.SETITEMS[0]] = load_setitems

    def _check_keys(self, items: list[Any]) -> None:
        """Refuse keys other than strings: hashing nested tuples can exhaust the stack."""
        if not all(isinstance(key, str) for key in items[::2]):
            raise pickle.UnpicklingError("not a name")


def _rebuild_tensor(
    storage: _Storage,
    offset: int,
    size: tuple[int, ...],
    stride: tuple[int, ...],
    *_gradient: Any,
) -> _Tensor:
    """Make a view of a storage. Raises ValueError if it reaches outside."""
    shape, strides = tuple(map(int, size)), tuple(map(int, stride))
    if len(shape) != len(strides) or len(shape) > _MAX_DIMENSIONS:
        raise ValueError("not a tensor")
    if not isinstance(storage, _Storage) or min((offset, *shape, *strides)) < 0:
        raise ValueError("not a tensor")
    last = sum((length - 1) * step for length, step in zip(shape, strides, strict=True))
    if prod(shape) > 0 and offset + last >= storage.length:
        raise ValueError("a tensor outside its storage")
    return _Tensor(storage, offset, shape, strides)


def _make_dictionary() -> dict[str, Any]:
    """Make an empty dictionary in place of an ordered one."""
    return {}


def _rebuild_parameter(data: _Tensor, *_gradient: Any) -> _Tensor:
    return data
