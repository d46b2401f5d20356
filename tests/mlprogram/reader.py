"""Read a saved .mlpackage: its functions, their operations, and the weights, by its bytes alone.

The program is a protobuf (MIL.proto of coremltools), the weights a file of blobs: at the offset
that the program gives lie 64 bytes of metadata, whose numbers 8 to 24 are size and offset of the
data (MILBlob's StorageFormat.hpp). Nothing of the code that wrote the package is used.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

#: Blob metadata begins with this.
SENTINEL = 0xDEADBEEF

#: By their names in MIL.proto.
_TYPES = {
    "FLOAT16": np.dtype(np.float16),
    "FLOAT32": np.dtype(np.float32),
    "INT8": np.dtype(np.int8),
    "UINT8": np.dtype(np.uint8),
    "INT16": np.dtype(np.int16),
    "UINT16": np.dtype(np.uint16),
    "INT32": np.dtype(np.int32),
    "BOOL": np.dtype(bool),
    "STRING": np.dtype(object),
}

#: Types of less than a byte: how many bits, and whether signed.
_PACKED = {"INT4": (4, True), "UINT4": (4, False), "UINT6": (6, False)}


@dataclass(frozen=True)
class Tensor:
    """Name, type and shape of an input or of an operation's output."""

    name: str
    dtype: np.dtype
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Operation:
    """`inputs` are names of values or values; for a list of them, a list."""

    kind: str
    inputs: dict
    outputs: list[Tensor]


@dataclass(frozen=True)
class Function:
    inputs: list[Tensor]
    #: What the function remembers from one call to the next.
    states: list[Tensor]
    operations: list[Operation]
    #: Names of the values that are given back.
    outputs: list[str]


@dataclass(frozen=True)
class Name:
    """A reference to another operation's output, or to an input."""

    name: str


class Package:
    """`functions` by name; `model` is the whole protobuf."""

    def __init__(self, path: Path) -> None:
        from coremltools.proto import Model_pb2  # which imports all of coremltools

        data = path / "Data" / "com.apple.CoreML"
        self.model = Model_pb2.Model()
        self.model.ParseFromString((data / "model.mlmodel").read_bytes())
        weights = data / "weights" / "weight.bin"  # absent if all values are small
        self._blobs = np.memmap(weights, np.uint8, "r") if weights.is_file() else None
        self.functions = {
            name: self._function(function)
            for name, function in self.model.mlProgram.functions.items()
        }

    def _function(self, function) -> Function:
        block = function.block_specializations[function.opset]
        is_state = [value.type.WhichOneof("type") == "stateType" for value in function.inputs]
        values = list(zip(function.inputs, is_state, strict=True))
        return Function(
            [_tensor(value) for value, state in values if not state],
            [_tensor(value) for value, state in values if state],
            [self._operation(operation) for operation in block.operations],
            list(block.outputs),
        )

    def _operation(self, operation) -> Operation:
        inputs = {}
        for name, argument in operation.inputs.items():
            values = [self._argument(binding) for binding in argument.arguments]
            inputs[name] = values[0] if len(values) == 1 and name != "values" else values
        for name, value in operation.attributes.items():
            if name not in ("name",):
                inputs[name] = self.value(value)
        return Operation(operation.type, inputs, [_tensor(value) for value in operation.outputs])

    def _argument(self, binding):
        if binding.WhichOneof("binding") == "name":
            return Name(binding.name)
        return self.value(binding.value)

    def value(self, value) -> np.ndarray:
        """An immediate value, or one in the weights file."""
        kind = value.type.tensorType
        shape = tuple(dimension.constant.size for dimension in kind.dimensions)
        if value.WhichOneof("value") == "blobFileValue":
            return self._blob(value.blobFileValue.offset, _type_name(kind), shape)
        tensor = value.immediateValue.tensor
        which = tensor.WhichOneof("value")
        values = getattr(tensor, which).values
        if which == "bytes":
            return _unpacked(np.frombuffer(values, np.uint8), _type_name(kind), shape)
        return np.array(list(values), _TYPES[_type_name(kind)]).reshape(shape)

    def _blob(self, offset: int, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
        sentinel, _, size, start = struct.unpack_from("<IIQQ", self._blobs, offset)
        assert sentinel == SENTINEL
        return _unpacked(self._blobs[start : start + size], dtype, shape)


def _type_name(kind) -> str:
    return kind.DESCRIPTOR.fields_by_name["dataType"].enum_type.values_by_number[kind.dataType].name


def _tensor(value) -> Tensor:
    is_state = value.type.WhichOneof("type") == "stateType"
    kind = value.type.stateType.wrappedType.tensorType if is_state else value.type.tensorType
    shape = tuple(dimension.constant.size for dimension in kind.dimensions)
    return Tensor(value.name, _TYPES.get(_type_name(kind), np.dtype(np.int8)), shape)


def _unpacked(data: np.ndarray, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """Values of `shape` from bytes; several to a byte begin with the lowest bits."""
    if dtype not in _PACKED:
        return data.view(_TYPES[dtype]).reshape(shape)
    bits, signed = _PACKED[dtype]
    count = int(np.prod(shape))
    stream = np.unpackbits(data, bitorder="little")[: count * bits].reshape(count, bits)
    values = (stream << np.arange(bits, dtype=np.uint8)).sum(1).astype(np.int16)
    if signed:
        values -= (values >> (bits - 1)) << bits
    return values.astype(np.int8 if signed else np.uint8).reshape(shape)
