"""Writing a bundle in the layout of coreaikit."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nemocli.network.graphs import Graph, TensorSpec, build_graph
from nemocli.network.operations import Operations
from nemocli.network.parameters import Parameters
from nemocli.runtimes.coreai.bundle import (
    GRAPHS,
    HALVES,
    IOS,
    LOOKAHEAD,
    MACOS,
    METADATA,
    STREAM_GRAPHS,
    TYPES,
    Bundle,
    rename_results,
)
from nemocli.runtimes.coreai.files import drop_date
from nemocli.runtimes.coreai.operations import Constants, Value, add_function
from nemocli.runtimes.coreai.tools import authoring as ai
from nemocli.runtimes.kind import GraphProgress

#: The order of the inputs of conformer_b in published bundles; the others have nemocli's.
_ORDER = ("embeds", "one_hot", "neg_mask", "k_cache", "v_cache", "conv_cache")


def write_bundle(
    parameters: Parameters,
    folder: Path,
    precision: str,
    tokenizers: Mapping[str, str],
    about: Mapping[str, str],
    progress: GraphProgress,
) -> None:
    """Write `macos`, and `ios` without the halves of the conformer, into an existing folder.

    `precision` is the encoder's; predictor and joint are float32. The halves in `ios` are compiled
    ahead of time, which needs a Mac. `tokenizers` are the files of the tokenizer by name, and
    `about` is written into the metadata of the first graph.
    """
    bundle = Bundle(folder / MACOS, precision)
    bundle.folder.mkdir()
    for number, graph in enumerate(GRAPHS, 1):
        package = bundle.get_package_path(graph)
        progress(package.name, number, len(GRAPHS))
        module, constants = ai.Module.create(), Constants()
        is_half = TYPES[precision] == "float16" and graph in STREAM_GRAPHS
        with module:
            built: Graph[Value] = build_graph(graph, parameters, LOOKAHEAD + 1)
            published = _publish(built)
            add_function(published, "main", np.float16 if is_half else np.float32, constants)
        ai.AIProgram(module).save_asset(package)
        if graph == GRAPHS[0]:
            _describe(package, about)
        drop_date(package / METADATA)
    for name, content in tokenizers.items():
        (bundle.folder / name).write_text(content, encoding="utf-8")
    _copy_for_phones(bundle, folder / IOS)


def _publish(graph: Graph[Value]) -> Graph[Value]:
    """Return a graph with the names and the order that its tensors have in published bundles."""
    names = rename_results(graph.name)

    def body(ops: Operations[Value], inputs: Mapping[str, Value]) -> dict[str, Value]:
        results = graph.body(ops, inputs)
        return {names.get(name, name): value for name, value in results.items()}

    def place(spec: TensorSpec) -> int:
        return _ORDER.index(spec.name) if graph.name == "conformer_b" else 0

    return replace(
        graph,
        inputs=tuple(sorted(graph.inputs, key=place)),
        results=tuple(replace(r, name=names.get(r.name, r.name)) for r in graph.results),
        body=body,
    )


def _describe(package: Path, about: Mapping[str, str]) -> None:
    def describe(metadata: Any) -> None:
        for key, value in about.items():
            metadata.set_custom(key, value)

    ai.AIModelAsset.load(package).update_metadata(describe)


def _copy_for_phones(bundle: Bundle, folder: Path) -> None:
    folder.mkdir()
    for graph in GRAPHS:
        package = bundle.get_package_path(graph)
        if graph not in HALVES:
            shutil.copytree(package, folder / package.name)
    for path in bundle.folder.glob("*.json"):
        shutil.copyfile(path, folder / path.name)
