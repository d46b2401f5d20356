"""The Core ML packages of a model folder: one for each graph, a function for each lookahead."""

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

#: Graphs whose matrices are quantized: they take nearly all of the time.
COMPRESSED_GRAPHS = ("conformer_a", "conformer_b")


def write_graphs(
    parameters: Parameters,
    folder: Path,
    lookaheads: Sequence[int],
    precision: str,
    progress: GraphProgress,
) -> list[str]:
    """Write every graph into an existing folder; return the names of all files.

    Predictor and joint are float32, and so is the encoder with the precision `fp32`. With every
    other `precision`, the encoder computes in float16, and those smaller than `fp16` are for the
    conformer's weights.
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
                # Compressed one by one: coremltools cannot compress a package of several functions.
                _build(parameters, graph, lookahead, precision).save(str(parts[function]))
            merge(parts, package, f"The graph {graph} of nemocli, weights in {precision}")
        names += files(package)
    return names


@contextmanager
def _temporary_folder(folder: Path) -> Iterator[str]:
    """Make a temporary folder for parts, and for coremltools' own files, which are as large.

    It is inside the model folder: that disk has the room, and the next conversion removes what a
    killed one leaves there.
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
