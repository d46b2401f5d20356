"""Core ML itself, through pyobjc: it computes from and into the memory of numpy arrays.

coremltools turns every float16 input into float32 and copies every output, so that a chunk moves
the caches of both halves of the conformer several times. Here an input is an MLMultiArray over the
array's memory, and outputs are written where the caller keeps them (output backings).
Written on Linux, and never tried on a Mac; tests put a stand-in in the framework's place.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nemocli.errors import UnsupportedError
from nemocli.runtimes.base import Arrays
from nemocli.runtimes.coreml.backend import CoreMLTools, LoadedFunction
from nemocli.runtimes.coreml.kind import PYOBJC

#: coremltools' names for the compute units, and the framework's.
_UNITS = {
    "CPU_ONLY": "MLComputeUnitsCPUOnly",
    "CPU_AND_GPU": "MLComputeUnitsCPUAndGPU",
    "CPU_AND_NE": "MLComputeUnitsCPUAndNeuralEngine",
    "ALL": "MLComputeUnitsAll",
}

#: numpy's types, and the framework's names for them.
_TYPES = {
    "float16": "MLMultiArrayDataTypeFloat16",
    "float32": "MLMultiArrayDataTypeFloat32",
    "int32": "MLMultiArrayDataTypeInt32",
}


class Bridge(NamedTuple):
    """The modules of pyobjc."""

    CoreML: Any
    Foundation: Any
    objc: Any


def import_bridge() -> Bridge:
    """Import pyobjc's modules. Raises UnsupportedError, with advice, if it is not installed."""
    try:
        import CoreML
        import Foundation
        import objc
    except ImportError as error:
        raise UnsupportedError(
            f"Calling Core ML directly needs {PYOBJC.package}; install it with: {PYOBJC.install}"
            f" ({error})"
        ) from None
    return Bridge(CoreML, Foundation, objc)


class Framework(CoreMLTools):
    """Core ML through pyobjc; packages are compiled by coremltools.

    Raises UnsupportedError on a machine without it. Not tried on a Mac.
    """

    def __init__(self) -> None:
        super().__init__()
        self._connect(import_bridge())

    def _connect(self, bridge: Bridge) -> None:
        self._arrays = _MultiArrays(bridge)

    def load(self, compiled: Path, compute_units: str, function: str) -> LoadedFunction:
        core_ml, foundation, _ = self._arrays.bridge
        configuration = core_ml.MLModelConfiguration.alloc().init()
        configuration.setComputeUnits_(getattr(core_ml, _UNITS[compute_units]))
        configuration.setFunctionName_(function)
        url = foundation.NSURL.fileURLWithPath_(str(compiled))
        model, error = core_ml.MLModel.modelWithContentsOfURL_configuration_error_(
            url, configuration, None
        )
        if model is None:
            raise RuntimeError(_explain(error))
        return _FrameworkFunction(model, self._arrays)


class _MultiArrays:
    """MLMultiArrays over the memory of numpy arrays, and arrays from MLMultiArrays."""

    def __init__(self, bridge: Bridge) -> None:
        self.bridge = bridge
        self._codes = {name: getattr(bridge.CoreML, code) for name, code in _TYPES.items()}
        self._names = {int(code): name for name, code in self._codes.items()}
        self._check_memory()

    def find_dtype(self, code: Any) -> np.dtype[Any]:
        """Return numpy's type for the framework's."""
        return np.dtype(self._names[int(code)])

    def wrap(self, array: NDArray[Any]) -> Any:
        """Return an MLMultiArray over the memory of a contiguous array, which must outlive it."""
        # Not numpy's strides, which may be anything for an axis of length 1.
        steps = [math.prod(array.shape[axis + 1 :]) for axis in range(array.ndim)]
        make = self.bridge.CoreML.MLMultiArray.alloc()
        wrapped, error = make.initWithDataPointer_shape_dataType_strides_deallocator_error_(
            *(array.data.cast("B"), list(array.shape), self._codes[array.dtype.name]),
            *(steps, None, None),
        )
        if wrapped is None:
            raise RuntimeError(_explain(error))
        return wrapped

    def is_same(self, one: Any, other: Any) -> bool:
        """Tell whether two proxies stand for the same object of the framework."""
        identify = self.bridge.objc.pyobjc_id
        return one is other or identify(one) == identify(other)

    def copy(self, value: Any, target: NDArray[Any]) -> None:
        """Copy the values of an MLMultiArray, which may have gaps between rows, into an array."""
        dtype, parts = self.find_dtype(value.dataType()), []
        value.getBytesWithHandler_(lambda data, size: parts.append(bytes(data)))
        steps = [int(step) * dtype.itemsize for step in value.strides()]
        shape = [int(size) for size in value.shape()]
        flat = np.frombuffer(parts[0], dtype)
        last = sum((size - 1) * step for size, step in zip(shape, steps, strict=True))
        if tuple(shape) != target.shape or last + dtype.itemsize > flat.nbytes:
            raise RuntimeError(f"an output has the shape {shape}, which the package does not say")
        target[...] = np.lib.stride_tricks.as_strided(flat, shape, steps)

    def _check_memory(self) -> None:
        """Raise UnsupportedError unless an MLMultiArray has the array's own memory."""
        array = np.array([1], np.int32)
        wrapped = self.wrap(array)
        array[0] = 2
        if int(wrapped.objectAtIndexedSubscript_(0)) != 2:
            raise UnsupportedError(
                f"This version of {PYOBJC.package} copies the memory of arrays; update it, or"
                " remove it and measure again: nemocli bench --choose"
            )


class _FrameworkFunction:
    def __init__(self, model: Any, arrays: _MultiArrays) -> None:
        self._model, self._arrays = model, arrays
        self._outputs: dict[str, tuple[tuple[int, ...], np.dtype[Any]]] = {}
        for name, described in model.modelDescription().outputDescriptionsByName().items():
            array = described.multiArrayConstraint()
            shape = tuple(int(size) for size in array.shape())
            self._outputs[str(name)] = (shape, arrays.find_dtype(array.dataType()))

    def __call__(self, inputs: Arrays, state: Any = None) -> Mapping[str, NDArray[Any]]:
        outputs = {name: np.empty(*kind) for name, kind in self._outputs.items()}
        with self._arrays.bridge.objc.autorelease_pool():
            backings = {name: self._arrays.wrap(array) for name, array in outputs.items()}
            result = self._predict(inputs, backings, state)
            for name, backing in backings.items():
                value = result.featureValueForName_(name).multiArrayValue()
                if not self._arrays.is_same(value, backing):  # the framework may decline it
                    self._arrays.copy(value, outputs[name])
        return outputs

    def make_state(self) -> Any:
        return self._model.newState()

    def _predict(self, inputs: Arrays, backings: Mapping[str, Any], state: Any) -> Any:
        core_ml = self._arrays.bridge.CoreML
        values = {
            name: core_ml.MLFeatureValue.featureValueWithMultiArray_(self._arrays.wrap(array))
            for name, array in inputs.items()
        }
        features, error = core_ml.MLDictionaryFeatureProvider.alloc().initWithDictionary_error_(
            values, None
        )
        if features is None:
            raise RuntimeError(_explain(error))
        options = core_ml.MLPredictionOptions.alloc().init()
        options.setOutputBackings_(backings)
        if state is None:
            result, error = self._model.predictionFromFeatures_options_error_(
                features, options, None
            )
        else:
            result, error = self._model.predictionFromFeatures_usingState_options_error_(
                features, state, options, None
            )
        if result is None:
            raise RuntimeError(_explain(error))
        return result


def _explain(error: Any) -> str:
    """Return what an NSError says."""
    return "it gives no reason" if error is None else str(error.localizedDescription())
