"""Running model folders with onnxruntime on the CPU."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from nemocli.errors import ModelError, lacks_memory
from nemocli.network.config import ModelConfig
from nemocli.network.graphs import BLOCK_GRAPHS, DECODER_GRAPHS
from nemocli.runtimes.base import GraphRuntime, Runtime, State, move_rows
from nemocli.runtimes.onnx.names import CONFORMER, name_graph_file
from nemocli.runtimes.onnx.processor import multiplies_signed_weights


class OnnxGraphs(GraphRuntime):
    """Runs graphs, each from a file."""

    name = "onnx"

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._sessions = {graph: self._load(path) for graph, path in files.items()}

    def _load(self, path: Path) -> "tuple[ort.InferenceSession, list[str]]":
        if not path.is_file():
            raise ModelError(f"The model folder lacks the file {path}; convert the model again.")
        try:
            session = ort.InferenceSession(
                path, make_options(), providers=["CPUExecutionProvider"], enable_fallback=0
            )  # its fallback would only try the same again, and print to stdout
        except Exception as error:  # onnxruntime's exceptions share no base class
            if lacks_memory(error):
                raise
            raise ModelError(
                f"onnxruntime cannot load {path}: {error}. Convert the model again."
            ) from None
        return session, [output.name for output in session.get_outputs()]

    def run(self, graph: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        session, names = self._sessions[graph]
        results = _explain_failures(graph, lambda: session.run(names, dict(inputs)))
        return dict(zip(names, results, strict=True))

    def close(self) -> None:
        self._sessions.clear()


class OnnxRuntime(OnnxGraphs, Runtime):
    """Runs a recognizer's graphs of one lookahead.

    The caches of `conformer_block` are changed in their own memory: each is bound as an input, and
    as the output for it.
    """

    def __init__(self, folder: Path, config: ModelConfig, lookahead: int) -> None:
        self.config = config
        self.lookahead = lookahead
        graphs = (*BLOCK_GRAPHS, *DECODER_GRAPHS)
        super().__init__({graph: folder / name_graph_file(graph, lookahead) for graph in graphs})

    def run(self, graph: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        if graph != CONFORMER:
            return super().run(graph, inputs)
        session, names = self._sessions[graph]
        binding, results = session.io_binding(), {}
        for name in names:
            if (value := inputs.get(name.removesuffix("_out"))) is None:
                binding.bind_output(name, "cpu")
                continue
            if isinstance(value, np.ndarray):
                value = ort.OrtValue.ortvalue_from_numpy(value)
            binding.bind_ortvalue_input(name.removesuffix("_out"), value)
            binding.bind_ortvalue_output(name, value)
            results[name] = value
        for name, value in inputs.items():
            if name + "_out" not in results:
                binding.bind_cpu_input(name, value)
        _explain_failures(graph, lambda: session.run_with_iobinding(binding))
        for name, value in zip(names, binding.get_outputs(), strict=True):
            if name not in results:
                results[name] = value.numpy()
        return results

    def move_slots(self, caches: State, kept: NDArray[np.int64], slots: int) -> State:
        moved: State = {}
        for name in list(caches):  # one after another, so that the old ones are given back
            value = caches.pop(name)
            array = value.numpy() if isinstance(value, ort.OrtValue) else value
            moved[name] = move_rows(array, kept, slots)
        return moved


def _explain_failures(graph: str, call: Callable[[], Any]) -> Any:
    """Call onnxruntime; raise its failures as ModelError, unless memory is lacking."""
    try:
        return call()
    except Exception as error:  # onnxruntime's exceptions share no base class
        if lacks_memory(error):
            raise
        raise ModelError(
            f"onnxruntime cannot run the graph {graph}: {error}. Convert the model again."
        ) from None


def make_options() -> ort.SessionOptions:
    """Make the options of a session, for this processor."""
    options = ort.SessionOptions()
    options.log_severity_level = 4  # errors are raised too
    # The variable that other numerical libraries read; 0 means all cores.
    threads = os.environ.get("OMP_NUM_THREADS", "")
    options.intra_op_num_threads = int(threads) if threads.isdecimal() else 0
    # Threads stay awake between the hundreds of operations of a chunk, but not between calls:
    # several sessions share the cores.
    options.add_session_config_entry("session.intra_op.spin_duration_us", "50")
    options.add_session_config_entry("session.force_spinning_stop", "1")
    if not multiplies_signed_weights():
        # onnxruntime makes unsigned weights of them at loading: slower, and in a second copy.
        options.add_session_config_entry("session.x64quantprecision", "1")
    return options
