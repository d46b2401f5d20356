"""Running the folder of a diarization model with MLX.

On Linux, this computes on the processor, and tests the same code. On a Mac's GPU it was never run
by us.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nemocli.network.diarizer_config import DiarizerConfig
from nemocli.network.diarizer_graphs import DIARIZER_GRAPHS, EMBED, build_diarizer_graph
from nemocli.network.diarizer_parameters import DiarizerParameters, list_diarizer_shapes
from nemocli.network.graphs import Graph
from nemocli.network.tensors import ShapesOnly
from nemocli.runtimes.base import Arrays, GraphRuntime
from nemocli.runtimes.mlx.device_thread import call
from nemocli.runtimes.mlx.files import WEIGHTS_FILE
from nemocli.runtimes.mlx.operations import Array, MLXOperations
from nemocli.runtimes.mlx.refusals import explain_failures
from nemocli.runtimes.mlx.runtime import MAX_CACHE_BYTES, Function, choose_dtype
from nemocli.runtimes.mlx.shapes import list_step_shapes, make_step_zeros
from nemocli.runtimes.mlx.stored_weights import StoredWeights, make_shape_error
from nemocli.runtimes.mlx.tools import mx


class MLXDiarizer(GraphRuntime):
    """Computes the two graphs, for any number of frames and streams, on the `gpu` or the `cpu`.

    The embedding is float32. `precision` is the model folder's. Raises ModelError for a folder that
    it cannot load, UnsupportedError if the GPU does not compute.
    """

    name = "mlx"

    def __init__(
        self, folder: Path, config: DiarizerConfig, precision: str, compute_units: str = "gpu"
    ) -> None:
        self._config = config
        self._is_on_gpu = compute_units == "gpu"
        self._device = mx.gpu if self._is_on_gpu else mx.cpu
        self._dtype = choose_dtype(precision, compute_units)
        self._functions: dict[str, Function] = {}
        call(partial(self._load, folder / WEIGHTS_FILE, precision))

    def run(self, graph: str, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        return call(partial(self._run, graph, inputs))

    def close(self) -> None:
        call(self._unload)

    def _unload(self) -> None:
        self._functions.clear()
        mx.clear_cache()

    def _load(self, path: Path, precision: str) -> None:
        with explain_failures(f"MLX cannot load {path}"), mx.stream(self._device):
            mx.set_cache_limit(MAX_CACHE_BYTES)
            shapes = list_diarizer_shapes(self._config)
            operations = MLXOperations(StoredWeights(path, shapes, precision, self._dtype))
            names = DiarizerParameters(self._config, ShapesOnly(shapes))
            for name in DIARIZER_GRAPHS:
                graph: Graph[Array] = build_diarizer_graph(name, names)
                self._functions[name] = partial(graph.body, operations)
                # On the processor, nothing is computed: weights of other shapes are found.
                outputs = self._functions[name](make_step_zeros(graph, self._float(name)))
                if any(outputs[n].shape != s for n, s in list_step_shapes(graph.results).items()):
                    raise make_shape_error(path)
                if self._is_on_gpu:
                    mx.eval(outputs)

    def _run(self, graph: str, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        with explain_failures(f"MLX cannot run the graph {graph}"), mx.stream(self._device):
            dtype = self._float(graph)
            given = {name: mx.array(value).astype(dtype) for name, value in inputs.items()}
            outputs = self._functions[graph](given)
            results = {name: value.astype(mx.float32) for name, value in outputs.items()}
            mx.eval(results)
            return {name: np.array(value) for name, value in results.items()}

    def _float(self, graph: str) -> mx.Dtype:
        return mx.float32 if graph == EMBED else self._dtype
