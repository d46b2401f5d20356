"""What nemocli knows of the ONNX runtime before onnxruntime is imported."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from nemocli.runtimes.kind import FolderKind, GraphProgress, Library, ModelFolder, Progress
from nemocli.runtimes.wheels import APPLE_SILICON, INTEL, Wheels

if TYPE_CHECKING:
    from nemocli.network.config import ModelConfig
    from nemocli.network.diarizer_config import DiarizerConfig
    from nemocli.network.diarizer_parameters import DiarizerParameters
    from nemocli.network.parameters import Parameters
    from nemocli.runtimes.base import GraphRuntime, Runtime


class OnnxKind(FolderKind):
    """onnxruntime on the processor; every system that runs nemocli has it."""

    name = "onnx"
    library = Library(
        "onnxruntime",
        "onnxruntime",
        "pip install onnxruntime",
        loads="nemocli.runtimes.onnx.runtime",
        mac_wheels=(
            Wheels((APPLE_SILICON,), 14, (3, 11), (3, 14)),
            Wheels((APPLE_SILICON, INTEL), 13, (3, 11), (3, 13)),  # 1.23
        ),
    )
    default_precision = "fp32"
    precisions: ClassVar = {"fp32": 4.1, "int8": 1.6}
    released_precision = "int8"
    is_essential = True
    runs_diarizers = True

    def write_graphs(
        self,
        parameters: "Parameters",
        folder: Path,
        lookaheads: Sequence[int],
        precision: str,
        progress: GraphProgress,
    ) -> list[str]:
        from nemocli.runtimes.onnx.files import write_graphs

        return write_graphs(parameters, folder, lookaheads, precision, progress)

    def open_folder(
        self,
        folder: "ModelFolder[ModelConfig]",
        lookahead: int,
        compute_units: str | None,
        progress: Progress,
    ) -> "Runtime":
        from nemocli.runtimes.onnx.runtime import OnnxRuntime

        return OnnxRuntime(folder.path, folder.config, lookahead)

    def write_diarizer(
        self,
        parameters: "DiarizerParameters",
        folder: Path,
        sizes: Sequence[tuple[int, int]],
        precision: str,
        progress: GraphProgress,
    ) -> list[str]:
        from nemocli.runtimes.onnx.files import write_diarizer

        return write_diarizer(parameters, folder, precision, progress)

    def open_diarizer(
        self,
        folder: "ModelFolder[DiarizerConfig]",
        compute_units: str | None,
        progress: Progress,
    ) -> "GraphRuntime":
        from nemocli.network.diarizer_graphs import DIARIZER_GRAPHS
        from nemocli.runtimes.onnx.names import name_graph_file
        from nemocli.runtimes.onnx.runtime import OnnxGraphs

        return OnnxGraphs(
            {graph: folder.path / name_graph_file(graph) for graph in DIARIZER_GRAPHS}
        )


KIND = OnnxKind()
