"""The Core ML packages of a model folder: one for each graph, a function for each lookahead.

A package is written from one program with all its functions, which share their constants: no more
than the weights of one graph are in memory, in the precision in which they are stored.
"""

import gc
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from nemocli.network.diarizer_graphs import (
    build_diarizer_graph,
    list_fixed_graphs,
    split_diarizer_graph,
)
from nemocli.network.diarizer_parameters import TOWER, DiarizerParameters
from nemocli.network.graphs import DECODER_GRAPHS, ENCODER_GRAPHS, Graph, build_graph
from nemocli.network.parameters import Parameters
from nemocli.runtimes.coreml.compress import choose_compression
from nemocli.runtimes.coreml.constants import Constants
from nemocli.runtimes.coreml.functions import build_function, list_layouts
from nemocli.runtimes.coreml.package import write_package
from nemocli.runtimes.coreml.package_files import list_package_files
from nemocli.runtimes.coreml.package_layout import is_float32
from nemocli.runtimes.coreml.states import CACHES, has_states, name_state_function
from nemocli.runtimes.kind import GraphProgress
from nemocli.runtimes.packages import COREML, list_functions, name_package

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
    total = sum(len(list(_plan(graph, lookaheads, precision))) for graph in graphs)
    numbers = count(1)
    for graph in graphs:
        package = folder / name_package(graph, COREML)
        with _make_temporary_folder(folder) as temporary:

            def report(function: str, name: str = package.name) -> None:
                progress(f"{name} {function}", next(numbers), total)

            _write(parameters, graph, lookaheads, precision, package, Path(temporary), report)
        gc.collect()  # coremltools' programs refer to themselves, and hold a graph's weights
        names += list_package_files(package)
    return names


def write_diarizer(
    parameters: DiarizerParameters,
    folder: Path,
    sizes: Sequence[tuple[int, int]],
    precision: str,
    progress: GraphProgress,
) -> list[str]:
    """Write the graphs of a diarization model into an existing folder; return all files' names.

    The embedding is float32. The encoder and its head compute in float16, or in float32 with the
    precision `fp32`; those smaller than `fp16` are for the encoder's matrices. `sizes` are those
    of `list_fixed_graphs`.
    """
    names: list[str] = []
    packages = list_fixed_graphs(sizes)
    total, numbers = sum(map(len, packages.values())), count(1)
    dtype = _choose_encoder_dtype(precision)
    compression = None
    if precision not in ("fp16", "fp32"):
        matrices = (parameters.config.hidden_size, parameters.config.ff_size)
        compression = choose_compression(precision, matrices)
    for graph, functions in packages.items():
        package = folder / name_package(graph, COREML)
        is_exact = is_float32(graph)
        constants = Constants(
            "float32" if is_exact else dtype, None if is_exact else compression, within=TOWER
        )
        built: dict[str, Any] = {}
        notes: dict[str, str] = {}
        with _make_temporary_folder(folder) as temporary:
            for name in functions:
                function = split_diarizer_graph(name)[1]
                progress(f"{package.name} {function}", next(numbers), total)
                definition: Graph[Any] = build_diarizer_graph(name, parameters)
                built[function] = build_function(definition, constants, dtype)
                inputs, results = list_layouts(definition, dtype)
                notes |= {item.spec.name: item.note for item in (*inputs, *results)}
            description = f"The graph {graph} of nemocli, weights in {precision}"
            write_package(built, package, Path(temporary), description, notes)
        gc.collect()
        names += list_package_files(package)
    return names


@contextmanager
def _make_temporary_folder(folder: Path) -> Iterator[str]:
    """Make a temporary folder for parts, and for coremltools' own files, which are as large.

    It is inside the model folder: that disk has the room, and the next conversion removes what a
    killed one leaves there.
    """
    with tempfile.TemporaryDirectory(prefix=".functions-", dir=folder) as temporary:
        before, tempfile.tempdir = tempfile.tempdir, temporary
        try:
            yield temporary
        except BaseException as error:  # such as Ctrl-C
            # coremltools' own files, which its functions have open, remove themselves: before the
            # folder goes, or Python prints that they could not.
            traceback.clear_frames(error.__traceback__)
            raise
        finally:
            tempfile.tempdir = before


def _choose_encoder_dtype(precision: str) -> str:
    return "float32" if precision == "fp32" else "float16"


def _plan(
    graph: str, lookaheads: Sequence[int], precision: str
) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """Give name, lookahead and states of each function in a graph's package."""
    for name, lookahead in list_functions(graph, lookaheads):
        yield name, lookahead, ()
        if has_states(graph, _choose_encoder_dtype(precision)):
            yield name_state_function(graph, lookahead), lookahead, CACHES


def _write(
    parameters: Parameters,
    graph: str,
    lookaheads: Sequence[int],
    precision: str,
    package: Path,
    temporary: Path,
    report: Callable[[str], None],
) -> None:
    """Write the package of a graph; `report` is called with the name of each function before it."""
    dtype = _choose_encoder_dtype(precision)
    is_compressed = precision not in ("fp16", "fp32") and graph in COMPRESSED_GRAPHS
    config = parameters.config
    sizes = (config.hidden_size, config.ff_size, config.prompt_size, config.decoder_size)
    constants = Constants(
        "float32" if graph in DECODER_GRAPHS else dtype,
        choose_compression(precision, sizes) if is_compressed else None,
    )
    built: dict[str, Any] = {}
    notes: dict[str, str] = {}
    for name, lookahead, states in _plan(graph, lookaheads, precision):
        report(name)
        definition: Graph[Any] = build_graph(graph, parameters, lookahead + 1)
        built[name] = build_function(definition, constants, dtype, states)
        inputs, results = list_layouts(definition, dtype)
        notes |= {item.spec.name: item.note for item in (*inputs, *results)}
    description = f"The graph {graph} of nemocli, weights in {precision}"
    write_package(built, package, temporary, description, notes)
