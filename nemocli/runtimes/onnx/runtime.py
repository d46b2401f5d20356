"""Model folders run by onnxruntime on the CPU."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from nemocli.errors import ModelError, lacks_memory
from nemocli.network.config import ModelConfig
from nemocli.network.graphs import BLOCK_GRAPHS, DECODER_GRAPHS
from nemocli.runtimes.base import Arrays, Runtime
from nemocli.runtimes.onnx.names import graph_file
from nemocli.runtimes.onnx.processor import multiplies_signed_weights


class OnnxRuntime(Runtime):
    """Runs the graphs of one lookahead."""

    name = "onnx"

    def __init__(self, folder: Path, config: ModelConfig, lookahead: int) -> None:
        self.config = config
        self.lookahead = lookahead
        self._folder = folder
        self._sessions = {graph: self._load(graph) for graph in (*BLOCK_GRAPHS, *DECODER_GRAPHS)}

    def _load(self, graph: str) -> "tuple[ort.InferenceSession, list[str]]":
        path = self._folder / graph_file(graph, self.lookahead)
        if not path.is_file():
            raise ModelError(f"The model folder lacks the file {path}; convert the model again.")
        try:
            session = ort.InferenceSession(
                path, _options(), providers=["CPUExecutionProvider"], enable_fallback=0
            )  # whose fallback is the same once more, and is printed to stdout
        except Exception as error:  # onnxruntime's exceptions share no base class
            if lacks_memory(error):
                raise
            raise ModelError(
                f"onnxruntime cannot load {path}: {error}. Convert the model again."
            ) from None
        return session, [output.name for output in session.get_outputs()]

    def run(self, graph: str, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        session, names = self._sessions[graph]
        try:
            results: list[NDArray[np.float32]] = session.run(names, dict(inputs))
        except Exception as error:  # see above
            if lacks_memory(error):
                raise
            raise ModelError(
                f"onnxruntime cannot run the graph {graph}: {error}. Convert the model again."
            ) from None
        return dict(zip(names, results, strict=True))


def _options() -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is raised too, and told in a sentence
    # As the other numerical libraries do it; 0 stands for all cores.
    threads = os.environ.get("OMP_NUM_THREADS", "")
    options.intra_op_num_threads = int(threads) if threads.isdecimal() else 0
    # Threads wait for the next operation awake, which a chunk has hundreds of, but not for the next
    # call: several sessions share the cores.
    options.add_session_config_entry("session.intra_op.spin_duration_us", "50")
    options.add_session_config_entry("session.force_spinning_stop", "1")
    if not multiplies_signed_weights():
        # onnxruntime turns them into unsigned ones as it loads them: slower, and a second copy.
        options.add_session_config_entry("session.x64quantprecision", "1")
    return options
