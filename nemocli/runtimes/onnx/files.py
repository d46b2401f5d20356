"""The ONNX files of a model folder: a small file for each graph, one file of weights for all."""

from collections.abc import Sequence
from pathlib import Path

from nemocli.network.diarizer_graphs import DIARIZER_GRAPHS, EMBED, build_diarizer_graph
from nemocli.network.diarizer_parameters import DiarizerParameters
from nemocli.network.graphs import DECODER_GRAPHS, Graph, build_graph
from nemocli.network.parameters import Parameters
from nemocli.runtimes.kind import GraphProgress
from nemocli.runtimes.onnx.names import CONFORMER, WEIGHTS_FILE, name_graph_file
from nemocli.runtimes.onnx.operations import build_model
from nemocli.runtimes.onnx.weights_file import WeightsFile

#: The graphs that are the same for every lookahead.
SHARED_GRAPHS = ("pre_block", *DECODER_GRAPHS)


#: The graph that keeps float32 weights: log-mel energies, all far from 0, lose too much in eight
#: bits.
_EXACT = EMBED


def write_graphs(
    parameters: Parameters,
    folder: Path,
    lookaheads: Sequence[int],
    precision: str,
    progress: GraphProgress,
) -> list[str]:
    """Write every graph for every lookahead into an existing folder; return all files' names."""
    names = [WEIGHTS_FILE]
    graphs = [(graph, 0) for graph in SHARED_GRAPHS]
    graphs += [(CONFORMER, lookahead) for lookahead in lookaheads]
    with WeightsFile(folder / WEIGHTS_FILE) as weights:
        for number, (graph, lookahead) in enumerate(graphs, 1):
            name = name_graph_file(graph, lookahead)
            progress(name, number, len(graphs))
            built: Graph[str] = build_graph(graph, parameters, lookahead + 1)
            model = build_model(built, weights, precision == "int8")
            (folder / name).write_bytes(model.SerializeToString(deterministic=True))
            names.append(name)
    return names


def write_diarizer(
    parameters: DiarizerParameters, folder: Path, precision: str, progress: GraphProgress
) -> list[str]:
    """Write the graphs of a diarization model into an existing folder; return all files' names."""
    names = [WEIGHTS_FILE]
    with WeightsFile(folder / WEIGHTS_FILE) as weights:
        for number, graph in enumerate(DIARIZER_GRAPHS, 1):
            name = name_graph_file(graph)
            progress(name, number, len(DIARIZER_GRAPHS))
            built: Graph[str] = build_diarizer_graph(graph, parameters)
            model = build_model(built, weights, precision == "int8" and graph != _EXACT)
            (folder / name).write_bytes(model.SerializeToString(deterministic=True))
            names.append(name)
    return names
