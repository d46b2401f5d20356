"""The base of runtimes whose graphs have fixed shapes: one chunk of one stream in a call."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from nemocli.network.config import ModelConfig
from nemocli.network.graphs import DECODER_GRAPHS, ENCODER_GRAPHS
from nemocli.runtimes.base import Arrays, Runtime

#: What a runtime loads for a graph.
Function = TypeVar("Function")


class FixedShapeRuntime(Runtime, Generic[Function]):
    """A runtime that loads the graphs of one lookahead, those for the end of a stream at use."""

    has_fixed_shapes = True

    def __init__(self, config: ModelConfig, lookahead: int) -> None:
        self.config = config
        self.lookahead = lookahead
        self._functions: dict[str, Function] = {}

    @abstractmethod
    def _load(self, graph: str) -> Function:
        """Load a graph. Raises ModelError if that is not possible."""

    @abstractmethod
    def _call(self, graph: str, function: Function, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """Call what was loaded for a graph; the joint gets one frame in `enc_frame`."""

    def _load_graphs(self) -> None:
        """Load all graphs but those for the end of a stream: the last step of an `__init__`."""
        for graph in (*ENCODER_GRAPHS, *DECODER_GRAPHS):
            if not graph.endswith("_tail"):
                self._get_function(graph)

    def run(self, graph: str, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        function = self._get_function(graph)
        if graph != "joint":
            return self._call(graph, function, inputs)
        frames = inputs["enc_frame"]
        outputs = [
            self._call(graph, function, {**inputs, "enc_frame": frames[n : n + 1]})
            for n in range(len(frames))
        ]
        return {"token_logits": np.concatenate([output["token_logits"] for output in outputs])}

    def close(self) -> None:
        self._functions.clear()

    def _get_function(self, graph: str) -> Function:
        if graph not in self._functions:
            self._functions[graph] = self._load(graph)
        return self._functions[graph]
