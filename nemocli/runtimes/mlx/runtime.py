"""Running model folders with MLX.

On Linux, this computes on the processor, and tests the same code. On a Mac's GPU it was never run
by us. To try it there:

    pip install 'nemocli[mlx]' && nemocli doctor --verify
"""

import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nemocli.network.config import ModelConfig
from nemocli.network.graphs import BLOCK_GRAPHS, DECODER_GRAPHS, Graph, build_graph
from nemocli.network.parameters import Parameters, list_shapes
from nemocli.network.tensors import ShapesOnly
from nemocli.runtimes.base import Runtime, State
from nemocli.runtimes.mlx.device_thread import call, call_later
from nemocli.runtimes.mlx.files import WEIGHTS_FILE
from nemocli.runtimes.mlx.operations import Array, MLXOperations
from nemocli.runtimes.mlx.refusals import explain_failures
from nemocli.runtimes.mlx.shapes import find_chunk_shape, make_zeros
from nemocli.runtimes.mlx.stored_weights import StoredWeights, make_shape_error
from nemocli.runtimes.mlx.tools import mx

#: Computes the outputs of a graph by name from its inputs, lazily.
Function = Callable[[Mapping[str, Array]], dict[str, Array]]

#: Bytes of freed buffers that MLX keeps to use again; without a limit they grow with every shape.
MAX_CACHE_BYTES = 256 << 20

#: The graphs that are compiled on the GPU, each with the input that shows whether a call is of one
#: chunk of one stream. Compiled functions are kept for every shape and never dropped, so that other
#: calls are not compiled. The caches have a few shapes, too: they double when they grow.
_COMPILED = {"pre_block": "mel", "conformer_block": "embeds", "predict": "token"}


def choose_dtype(precision: str, compute_units: str) -> mx.Dtype:
    """Return the data type that the encoder computes in; the decoder's is float32.

    It is float16 on the GPU, unless the precision is fp32. On the processor it is float32, since
    MLX is many times slower at float16 there.
    """
    return mx.float16 if compute_units == "gpu" and precision != "fp32" else mx.float32


class MLXRuntime(Runtime):
    """Computes a model folder's graphs at one lookahead, on the `gpu` or the `cpu`.

    `precision` is the model folder's. The states of streams stay on the device. Raises ModelError
    for a folder that it cannot load, UnsupportedError if the GPU does not compute.
    """

    name = "mlx"

    def __init__(
        self,
        folder: Path,
        config: ModelConfig,
        lookahead: int,
        precision: str,
        compute_units: str = "gpu",
    ) -> None:
        self.config = config
        self.lookahead = lookahead
        self._is_on_gpu = compute_units == "gpu"
        self._device = mx.gpu if self._is_on_gpu else mx.cpu
        self._dtype = choose_dtype(precision, compute_units)
        self._functions: dict[str, Function] = {}
        self._compiled: dict[str, Function] = {}
        self._compiled_shapes: dict[str, tuple[int, ...]] = {}
        # What was compiled holds the weights, and must be dropped in the thread that compiled it.
        weakref.finalize(self, call_later, self._compiled.clear).atexit = False
        call(partial(self._load, folder / WEIGHTS_FILE, precision))

    def _load(self, path: Path, precision: str) -> None:
        with explain_failures(f"MLX cannot load {path}"), mx.stream(self._device):
            mx.set_cache_limit(MAX_CACHE_BYTES)
            weights = StoredWeights(path, list_shapes(self.config), precision, self._dtype)
            operations = MLXOperations(weights)
            names = Parameters(self.config, ShapesOnly(list_shapes(self.config)))
            for name in (*BLOCK_GRAPHS, *DECODER_GRAPHS):
                graph: Graph[Array] = build_graph(name, names, self.lookahead + 1)
                self._functions[name] = partial(graph.body, operations)
                self._try(path, graph)

    def _try(self, path: Path, graph: Graph[Array]) -> None:
        """Call a graph with zeros; raise ModelError if its weights do not fit.

        Nothing is computed on the processor; on the GPU, which then has its kernels ready, all is.
        """
        zeros = make_zeros(graph, self.config, self.lookahead, self._float(graph.name))
        # On the processor, MLX would run a compiler, and load what it finds in a shared folder.
        if self._is_on_gpu and graph.name in _COMPILED:
            self._compiled[graph.name] = mx.compile(self._functions[graph.name])
            self._compiled_shapes[graph.name] = zeros[_COMPILED[graph.name]].shape
        outputs = self._choose_function(graph.name, zeros)(zeros)
        for spec in graph.results:
            if outputs[spec.name].shape != find_chunk_shape(
                graph, spec, self.config, self.lookahead
            ):
                raise make_shape_error(path)
        if self._is_on_gpu:
            mx.eval(outputs)

    def run(self, graph: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        return call(partial(self._run, graph, inputs))

    def _run(self, graph: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        with explain_failures(f"MLX cannot run the graph {graph}"), mx.stream(self._device):
            given = {name: self._as_array(graph, value) for name, value in inputs.items()}
            outputs = self._choose_function(graph, given)(given)
            # The engine computes with the others, as numpy's float32.
            results = [name for name in outputs if name.removesuffix("_out") not in inputs]
            outputs |= {name: outputs[name].astype(mx.float32) for name in results}
            # Once for all, and before returning: another thread could not compute them.
            mx.eval(outputs)
            arrays = {name: np.array(outputs[name]) for name in results}
            return {**outputs, **arrays}

    def close(self) -> None:
        call(self._unload)

    def _unload(self) -> None:
        self._functions.clear()
        self._compiled.clear()
        mx.clear_cache()

    def join_states(self, states: Sequence[State], axis: int = 0) -> State:
        if len(states) == 1:
            return states[0]
        return call(partial(self._join, states, axis))

    def _join(self, states: Sequence[State], axis: int) -> State:
        with explain_failures("MLX cannot join the states of streams"), mx.stream(self._device):
            joined = {
                name: mx.concatenate([mx.array(state[name]) for state in states], axis)
                for name in states[0]
            }
            mx.eval(joined)
            return joined

    def split_state(self, state: State, count: int, axis: int = 0) -> list[State]:
        if count == 1:
            return [state]
        return call(partial(self._split, state, count, axis))

    def _split(self, state: State, count: int, axis: int) -> list[State]:
        with explain_failures("MLX cannot split the state of streams"), mx.stream(self._device):
            parts = {name: mx.split(value, count, axis) for name, value in state.items()}
            mx.eval(parts)
            return [{name: each[n] for name, each in parts.items()} for n in range(count)]

    def move_slots(self, caches: State, kept: NDArray[np.int64], slots: int) -> State:
        return call(partial(self._move, caches, kept, slots))

    def _move(self, caches: State, kept: NDArray[np.int64], slots: int) -> State:
        with explain_failures("MLX cannot move what streams need"), mx.stream(self._device):
            moved: State = {}
            for name in list(caches):  # one after another, so that the old ones are given back
                rows = mx.array(caches.pop(name))[mx.array(kept)]
                moved[name] = mx.zeros((slots, *rows.shape[1:]), rows.dtype)
                moved[name][: len(kept)] = rows
                mx.eval(moved[name])
            return moved

    def _choose_function(self, graph: str, inputs: Mapping[str, Array]) -> Function:
        """Return the compiled function if there is one for the shapes of a call."""
        shape = self._compiled_shapes.get(graph)
        if shape is not None and inputs[_COMPILED[graph]].shape == shape:
            return self._compiled[graph]
        return self._functions[graph]

    def _as_array(self, graph: str, value: Any) -> Array:
        array = value if isinstance(value, mx.array) else mx.array(value)
        return array if array.dtype == mx.int32 else array.astype(self._float(graph))

    def _float(self, graph: str) -> mx.Dtype:
        return mx.float32 if graph in DECODER_GRAPHS else self._dtype
