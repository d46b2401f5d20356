"""The Core AI packages of a model folder: one for each graph, a function for each lookahead.

The functions of a package share their weights: a package stores equal constants once.
"""

import json
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from nemocli.network.diarizer_graphs import (
    EMBED,
    build_diarizer_graph,
    list_fixed_graphs,
    split_diarizer_graph,
)
from nemocli.network.diarizer_parameters import DiarizerParameters
from nemocli.network.graphs import DECODER_GRAPHS, ENCODER_GRAPHS, Graph, build_graph
from nemocli.network.parameters import Parameters
from nemocli.runtimes.coreai.operations import Constants, Value, add_function
from nemocli.runtimes.coreai.tools import authoring as ai
from nemocli.runtimes.kind import GraphProgress
from nemocli.runtimes.packages import COREAI, list_functions, name_package


def write_graphs(
    parameters: Parameters,
    folder: Path,
    lookaheads: Sequence[int],
    precision: str,
    progress: GraphProgress,
) -> list[str]:
    """Write every graph into an existing folder; return the names of all files.

    `precision` is the encoder's; predictor and joint are float32.
    """
    names: list[str] = []
    graphs = (*DECODER_GRAPHS, *ENCODER_GRAPHS)
    total = sum(len(list(list_functions(graph, lookaheads))) for graph in graphs)
    numbers = count(1)
    for graph in graphs:
        package = folder / name_package(graph, COREAI)
        is_half = precision == "fp16" and graph in ENCODER_GRAPHS
        module, constants = ai.Module.create(), Constants()
        with module:
            for name, lookahead in list_functions(graph, lookaheads):
                progress(f"{package.name} {name}", next(numbers), total)
                built: Graph[Value] = build_graph(graph, parameters, lookahead + 1)
                add_function(built, name, np.float16 if is_half else np.float32, constants)
        names += _save(module, package)
    return names


def write_diarizer(
    parameters: DiarizerParameters,
    folder: Path,
    sizes: Sequence[tuple[int, int]],
    precision: str,
    progress: GraphProgress,
) -> list[str]:
    """Write the graphs of a diarization model into an existing folder; return all files' names.

    The embedding is float32. `sizes` are those of `list_fixed_graphs`.
    """
    names: list[str] = []
    packages = list_fixed_graphs(sizes)
    total, numbers = sum(map(len, packages.values())), count(1)
    for graph, functions in packages.items():
        package = folder / name_package(graph, COREAI)
        dtype = np.float16 if precision == "fp16" and graph != EMBED else np.float32
        module, constants = ai.Module.create(), Constants()
        with module:
            for name in functions:
                function = split_diarizer_graph(name)[1]
                progress(f"{package.name} {function}", next(numbers), total)
                built: Graph[Value] = build_diarizer_graph(name, parameters)
                add_function(built, function, dtype, constants)
        names += _save(module, package)
    return names


def _save(module: Any, package: Path) -> list[str]:
    """Write a package, and return the names of its files in the folder that holds it."""
    ai.AIProgram(module).save_asset(package)
    drop_date(package / "metadata.json")
    return [f"{package.name}/{path.name}" for path in sorted(package.iterdir())]


def drop_date(metadata: Path) -> None:
    """Set a fixed date: the same weights make the same bytes on any day."""
    described = json.loads(metadata.read_text(encoding="utf-8"))
    described["creationDate"] = "19700101T000000Z"
    metadata.write_text(json.dumps(described, indent=2, sort_keys=True) + "\n", encoding="utf-8")
