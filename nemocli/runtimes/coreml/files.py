"""The Core ML packages of a model folder: one a graph, with a function for each lookahead."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from nemocli.network.graphs import DECODER_GRAPHS, ENCODER_GRAPHS, Graph, build_graph
from nemocli.network.parameters import Parameters
from nemocli.runtimes.coreml.compress import compress
from nemocli.runtimes.coreml.operations import build_model
from nemocli.runtimes.coreml.package import files, merge
from nemocli.runtimes.kind import GraphProgress
from nemocli.runtimes.packages import COREML, functions, package_name

#: Graphs whose matrices are quantized: where the time goes.
COMPRESSED_GRAPHS = ("conformer_a", "conformer_b")


def write_graphs(
    parameters: Parameters,
    folder: Path,
    lookaheads: Sequence[int],
    precision: str,
    progress: GraphProgress,
) -> list[str]:
    """Write every graph into an existing folder; the names of all files.

    The encoder is float16 throughout, predictor and joint float32. `precision` is `fp16`, one of
    the smaller ones for the conformer's weights, or `fp32`.
    """
    names: list[str] = []
    graphs = (*DECODER_GRAPHS, *ENCODER_GRAPHS)
    total = sum(len(list(functions(graph, lookaheads))) for graph in graphs)
    numbers = count(1)
    for graph in graphs:
        package = folder / package_name(graph, COREML)
        with _temporary_folder(folder) as temporary:
            parts: dict[str, Path] = {}
            for function, lookahead in functions(graph, lookaheads):
                progress(f"{package.name} {function}", next(numbers), total)
                parts[function] = Path(temporary, f"{function}.mlpackage")
                # Compressed one by one: a package of several functions cannot be.
                _build(parameters, graph, lookahead, precision).save(str(parts[function]))
            merge(parts, package, f"The graph {graph} of nemocli, weights in {precision}")
        names += files(package)
    return names


@contextmanager
def _temporary_folder(folder: Path) -> Iterator[str]:
    """A folder for parts, and for what coremltools writes on its way, which is as large.

    All of it lies where the model will: that disk has the room, and what a killed conversion
    leaves there is removed by the next one.
    """
    with tempfile.TemporaryDirectory(prefix=".functions-", dir=folder) as temporary:
        before, tempfile.tempdir = tempfile.tempdir, temporary
        try:
            yield temporary
        finally:
            tempfile.tempdir = before


def _build(parameters: Parameters, graph: str, lookahead: int, precision: str) -> Any:
    built: Graph[Any] = build_graph(graph, parameters, lookahead + 1)
    model = build_model(built, "float32" if precision == "fp32" else "float16")
    if precision in ("fp16", "fp32") or graph not in COMPRESSED_GRAPHS:
        return model
    return compress(model, precision, parameters.config)
