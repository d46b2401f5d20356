"""A stand-in for Apple's Core ML framework as pyobjc shows it, over evaluated packages.

It has the methods that nemocli calls, under pyobjc's names, and reads and writes memory at the
addresses it is given, as the framework does. It counts the bytes that reach it from memory that it
did not write itself, and those that are read from its own memory instead of being written where the
caller wanted them: what is moved in Python. On demand it declines to write there, gives its outputs
other strides, refuses, or raises.
"""

import shutil
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from nemocli.runtimes.coreml.framework import Bridge, Framework
from tests.mlprogram.evaluate import Evaluator
from tests.mlprogram.reader import Package

CODES = {"float16": 65552, "float32": 65568, "int32": 131104}
NAMES = {code: name for name, code in CODES.items()}


class Calling:
    """An Objective-C class: `alloc` and `init` return an object of it."""

    @classmethod
    def alloc(cls):
        return cls()

    def init(self):
        return self


class Error:
    def localizedDescription(self):  # noqa: N802  pyobjc's name
        return "the framework says no"


class MultiArray(Calling):
    """An MLMultiArray: a view of the memory that it was given, or memory of its own."""

    def initWithDataPointer_shape_dataType_strides_deallocator_error_(  # noqa: N802
        self, pointer, shape, code, strides, deallocator, error
    ):
        assert deallocator is None and error is None
        dtype = np.dtype(NAMES[code])
        flat = np.frombuffer(pointer, dtype)
        steps = [step * dtype.itemsize for step in strides]
        self.array = np.lib.stride_tricks.as_strided(flat, shape, steps)
        self.is_own = False
        return self, None

    @classmethod
    def own(cls, array, gap):
        """Make one with its own memory; each row of the last axis ends with a gap."""
        self = cls()
        whole = np.full((*array.shape[:-1], array.shape[-1] + gap), 77, array.dtype)
        self.array = whole[..., : array.shape[-1]]
        self.array[...] = array
        self.is_own, self.whole = True, whole
        return self

    @property
    def address(self):
        return self.array.ctypes.data

    def shape(self):
        return list(self.array.shape)

    def strides(self):
        return [step // self.array.itemsize for step in self.array.strides]

    def dataType(self):  # noqa: N802
        return CODES[self.array.dtype.name]

    def objectAtIndexedSubscript_(self, index):  # noqa: N802
        return self.array.reshape(-1)[index]

    def getBytesWithHandler_(self, handler):  # noqa: N802
        assert self.is_own  # reading the caller's own memory would be a copy for nothing
        self.counter.read += self.array.nbytes
        handler(memoryview(self.whole.tobytes()), self.whole.nbytes)


class Provider(Calling):
    """An MLDictionaryFeatureProvider."""

    def initWithDictionary_error_(self, values, error):  # noqa: N802
        self.values = values
        return self, None

    def featureValueForName_(self, name):  # noqa: N802
        return self.values[name]


class FeatureValue:
    @classmethod
    def featureValueWithMultiArray_(cls, array):  # noqa: N802
        self = cls()
        self.array = array
        return self

    def multiArrayValue(self):  # noqa: N802
        return self.array


class PredictionOptions(Calling):
    def setOutputBackings_(self, backings):  # noqa: N802
        self.backings = backings


class Configuration(Calling):
    def setComputeUnits_(self, units):  # noqa: N802
        self.units = units

    def setFunctionName_(self, name):  # noqa: N802
        self.function = name


class Counter:
    """What was moved since `reset`, in bytes, and how the framework behaves."""

    def __init__(self):
        self.reset()
        #: What outputs were written to, by address; kept, so that no address is used again.
        self.written = {}
        #: Names of outputs that are given in memory of the framework's own.
        self.declined = ()
        #: Values of the last axis that are followed by a gap there.
        self.gap = 0
        #: None, "error", "raise" or "memory": what a call does instead of computing.
        self.failure = None

    def reset(self):
        #: Bytes of inputs by name that came from memory to which no output was written.
        self.brought = {}
        #: Bytes that were read from memory of the framework.
        self.read = 0


class Model:
    """An MLModel of one function."""

    def __init__(self, function, counter):
        self._evaluator = Evaluator(function, exact=False)
        self._counter = counter

    def modelDescription(self):  # noqa: N802
        outputs = {}
        function = self._evaluator.function
        for operation in function.operations:
            for tensor in operation.outputs:
                if tensor.name in function.outputs:
                    array = np.empty(tensor.shape, tensor.dtype)
                    kind = MultiArray.own(array, 0)
                    outputs[tensor.name] = SimpleNamespace(multiArrayConstraint=lambda k=kind: k)
        return SimpleNamespace(outputDescriptionsByName=lambda: outputs)

    def newState(self):  # noqa: N802
        return self._evaluator.make_state()

    def predictionFromFeatures_options_error_(self, features, options, error):  # noqa: N802
        return self._predict(features, None, options)

    def predictionFromFeatures_usingState_options_error_(  # noqa: N802
        self, features, state, options, error
    ):
        return self._predict(features, state, options)

    def _predict(self, features, state, options):
        counter = self._counter
        if counter.failure == "memory":
            raise MemoryError
        if counter.failure == "raise":
            raise RuntimeError("NSInvalidArgumentException - of the framework")
        if counter.failure:
            return None, Error()
        inputs = {name: value.array for name, value in features.values.items()}
        for name, value in inputs.items():
            if value.address not in counter.written:
                counter.brought[name] = counter.brought.get(name, 0) + value.array.nbytes
        arrays = {name: value.array.copy() for name, value in inputs.items()}
        results = {}
        for name, array in self._evaluator(arrays, state).items():
            backing = options.backings[name]
            if name in counter.declined:
                backing = MultiArray.own(array, counter.gap)
                backing.counter = counter
            else:
                assert backing.array.flags.c_contiguous and backing.array.dtype == array.dtype
                backing.array[...] = array
                counter.written[backing.address] = backing
            results[name] = FeatureValue.featureValueWithMultiArray_(backing)
        provider = Provider()
        provider.values = results
        return provider, None


def make_bridge(counter):
    """Make the modules of pyobjc."""

    class MLModel:
        @staticmethod
        def modelWithContentsOfURL_configuration_error_(url, configuration, error):  # noqa: N802
            functions = Package(Path(url)).functions
            if configuration.function not in functions:
                return None, Error()
            return Model(functions[configuration.function], counter), None

    core_ml = SimpleNamespace(
        MLModel=MLModel,
        MLModelConfiguration=Configuration,
        MLMultiArray=MultiArray,
        MLFeatureValue=FeatureValue,
        MLDictionaryFeatureProvider=Provider,
        MLPredictionOptions=PredictionOptions,
        MLMultiArrayDataTypeFloat16=CODES["float16"],
        MLMultiArrayDataTypeFloat32=CODES["float32"],
        MLMultiArrayDataTypeInt32=CODES["int32"],
        MLComputeUnitsCPUOnly=0,
        MLComputeUnitsCPUAndGPU=1,
        MLComputeUnitsAll=2,
        MLComputeUnitsCPUAndNeuralEngine=3,
    )
    url = SimpleNamespace(fileURLWithPath_=lambda path: path)
    objc = SimpleNamespace(pyobjc_id=id, autorelease_pool=nullcontext)
    return Bridge(core_ml, SimpleNamespace(NSURL=url), objc)


class StandInFramework(Framework):
    """nemocli's backend over the stand-in; to compile is to copy."""

    system = "0.0"

    def __init__(self, counter):
        self.counter = counter
        self._connect(make_bridge(counter))

    def compile(self, package, destination):
        shutil.copytree(package, destination)
