"""The kinds of model folders that a checkpoint can be converted to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from nemocli.network.graphs import DECODER_GRAPHS, ENCODER_GRAPHS
from nemocli.network.parameters import Parameters


class WriteGraphs(Protocol):
    """Writes every graph, for every lookahead, into an existing folder; the names of all files.

    `progress` hears a name before each of the `count_graphs` graphs.
    """

    def __call__(
        self,
        parameters: Parameters,
        folder: Path,
        lookaheads: Sequence[int],
        precision: str,
        progress: Callable[[str], None],
    ) -> list[str]: ...


@dataclass(frozen=True)
class Kind:
    """One kind: its precisions, the first being the default, and bytes a weight takes on disk."""

    precisions: dict[str, float]
    module: str
    #: Graphs written once, and those written for every lookahead.
    shared: tuple[str, ...] = DECODER_GRAPHS
    by_lookahead: tuple[str, ...] = ENCODER_GRAPHS

    @property
    def default_precision(self) -> str:
        return next(iter(self.precisions))

    @property
    def write_graphs(self) -> WriteGraphs:
        """Imported at use, because each needs a library of its own."""
        return cast(WriteGraphs, import_module(self.module).write_graphs)

    def count_graphs(self, lookaheads: Sequence[int]) -> int:
        """Graphs that are written for so many lookaheads."""
        return len(self.shared) + len(self.by_lookahead) * len(lookaheads)


# Bytes a weight: of the conformer in the precision named, and a little for what stays as it is.
KINDS = {
    "onnx": Kind(
        {"fp32": 4.1, "int8": 1.6},
        "nemocli.runtimes.onnx.files",
        shared=("pre_block", *DECODER_GRAPHS),
        by_lookahead=("conformer_block",),
    ),
    # Core ML keeps each lookahead's functions apart until they are merged.
    "coreml": Kind(
        {"fp16": 4.5, "int8": 3.5, "int4": 3.0, "palettized-6": 3.2, "fp32": 9.0},
        "nemocli.runtimes.coreml.files",
    ),
    "coreai": Kind({"fp16": 2.3, "fp32": 4.1}, "nemocli.runtimes.coreai.files"),
}
