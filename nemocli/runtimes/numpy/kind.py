"""What nemocli knows of the numpy runtime, which reads checkpoints directly."""

from typing import TYPE_CHECKING, ClassVar

from nemocli.runtimes.kind import CheckpointKind, Library
from nemocli.runtimes.system import System

if TYPE_CHECKING:
    from nemocli.network.checkpoint import AnyCheckpoint
    from nemocli.network.diarizer_parameters import DiarizerParameters
    from nemocli.runtimes.base import GraphRuntime, Runtime


class NumpyKind(CheckpointKind):
    """The readable reference: it computes on the processor in float32, slowly."""

    name = "numpy"
    library = Library("numpy", "numpy", "pip install numpy")
    default_precision = "fp32"
    precisions: ClassVar = {"fp32": 4.0}
    is_essential = True
    runs_diarizers = True

    def is_slow_on(self, system: System) -> bool:
        return True

    def open_checkpoint(self, checkpoint: "AnyCheckpoint", lookahead: int) -> "Runtime":
        from nemocli.runtimes.numpy.runtime import NumpyRuntime

        return NumpyRuntime(checkpoint.parameters, lookahead)

    def open_diarizer_checkpoint(self, parameters: "DiarizerParameters") -> "GraphRuntime":
        from nemocli.network.diarizer_graphs import build_diarizer_graph
        from nemocli.runtimes.numpy.runtime import NumpyGraphs

        return NumpyGraphs(lambda graph: build_diarizer_graph(graph, parameters))


KIND = NumpyKind()
