"""The file of weights that a checkpoint is converted to; the graphs need no files of their own."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nemocli.network.diarizer_graphs import DIARIZER_GRAPHS, EMBED, build_diarizer_graph
from nemocli.network.diarizer_parameters import DiarizerParameters, list_diarizer_shapes
from nemocli.network.graphs import BLOCK_GRAPHS, DECODER_GRAPHS, Graph, build_graph
from nemocli.network.parameters import Parameters, list_shapes
from nemocli.network.tensors import Parameter
from nemocli.runtimes.kind import GraphProgress
from nemocli.runtimes.mlx.operations import Array, MLXOperations
from nemocli.runtimes.mlx.shapes import make_step_zeros, make_zeros
from nemocli.runtimes.mlx.tools import mx
from nemocli.runtimes.mlx.weights import BITS, PARTS, PlainMatrix, quantize
from nemocli.runtimes.mlx.weights_file import WeightsFile

WEIGHTS_FILE = "weights.safetensors"

#: The only graph that depends on the lookahead.
CONFORMER = "conformer_block"


class WrittenWeights:
    """`Weights` that writes each parameter once, and returns zeros of its shape, never computed."""

    def __init__(self, file: WeightsFile, dtype: mx.Dtype, bits: int | None) -> None:
        self._file = file
        self.dtype = dtype
        self._bits = bits
        self._shapes: dict[str, tuple[int, ...]] = {}

    def array(self, parameter: Parameter, axes: tuple[int, ...] | None = None) -> Array:
        """See Weights."""
        name = parameter.name
        if name not in self._shapes:
            value = parameter.load()
            stored = value if axes is None else value.transpose(axes)
            with np.errstate(over="ignore"):  # what becomes infinite is found when the model runs
                self._file.add(name, stored.astype(_numpy(self.dtype)))
            self._shapes[name] = stored.shape
        return mx.zeros(self._shapes[name], self.dtype)

    def matrix(self, parameter: Parameter) -> PlainMatrix:
        """See Weights."""
        if self._bits is None:
            return PlainMatrix(self.array(parameter))
        name = parameter.name
        if name not in self._shapes:
            value = parameter.load()
            parts = quantize(value, self.dtype, self._bits)
            for part, array in zip(PARTS, parts, strict=True):
                self._file.add(f"{name}.{part}", np.array(array))
            self._shapes[name] = value.shape
        return PlainMatrix(mx.zeros(self._shapes[name], self.dtype))


def write_graphs(
    parameters: Parameters,
    folder: Path,
    lookaheads: Sequence[int],
    precision: str,
    progress: GraphProgress,
) -> list[str]:
    """Write the weights of every graph for every lookahead; return the file's name in a list.

    `precision` is that of the matrices. The encoder's other weights are float16, unless it is
    fp32; the decoder's are float32.
    """
    graphs = [(graph, lookaheads[0]) for graph in (*DECODER_GRAPHS, *BLOCK_GRAPHS)]
    graphs += [(CONFORMER, lookahead) for lookahead in lookaheads[1:]]
    bits = BITS.get(precision)
    config = parameters.config
    most = len(PARTS) * len(list_shapes(config)) + len(lookaheads) * config.num_layers
    with WeightsFile(folder / WEIGHTS_FILE, most) as file:
        encoder = WrittenWeights(file, mx.float32 if precision == "fp32" else mx.float16, bits)
        decoder = WrittenWeights(file, mx.float32, bits)
        for number, (name, lookahead) in enumerate(graphs, 1):
            label = f"{name} lookahead{lookahead}" if name == CONFORMER else name
            progress(label, number, len(graphs))
            graph: Graph[Array] = build_graph(name, parameters, lookahead + 1)
            weights = decoder if name in DECODER_GRAPHS else encoder
            graph.body(
                MLXOperations(weights),
                make_zeros(graph, config, lookahead, weights.dtype),
            )
    return [WEIGHTS_FILE]


def write_diarizer(
    parameters: DiarizerParameters, folder: Path, precision: str, progress: GraphProgress
) -> list[str]:
    """Write the weights of a diarization model; return the file's name in a list.

    The embedding's are float32; the other weights are as those of the recognizer's encoder.
    """
    with WeightsFile(
        folder / WEIGHTS_FILE, len(PARTS) * len(list_diarizer_shapes(parameters.config))
    ) as file:
        half = mx.float32 if precision == "fp32" else mx.float16
        encoder = WrittenWeights(file, half, BITS.get(precision))
        for number, name in enumerate(DIARIZER_GRAPHS, 1):
            progress(name, number, len(DIARIZER_GRAPHS))
            graph: Graph[Array] = build_diarizer_graph(name, parameters)
            weights = WrittenWeights(file, mx.float32, None) if name == EMBED else encoder
            graph.body(MLXOperations(weights), make_step_zeros(graph, weights.dtype))
    return [WEIGHTS_FILE]


def _numpy(dtype: mx.Dtype) -> type[np.floating]:
    return np.float16 if dtype == mx.float16 else np.float32
