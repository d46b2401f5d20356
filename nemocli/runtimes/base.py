"""What the engine asks of a runtime."""

from collections.abc import Mapping
from typing import Any, Protocol

from numpy.typing import NDArray

from nemocli.network.config import ModelConfig

Arrays = dict[str, NDArray[Any]]


class Runtime(Protocol):
    """A loaded model at one lookahead. May serve any number of streams, one call at a time."""

    #: How a person names it: `numpy`, `onnx`.
    name: str
    config: ModelConfig
    lookahead: int
    #: Whether it has the graphs for blocks of chunks of several streams, rather than the encoder's
    #: for one chunk of one stream.
    takes_blocks: bool

    def run(self, graph: str, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """Call a graph of nemocli.network.graphs; arrays by name, in the shapes given there.

        The arrays returned belong to the caller: a later call does not overwrite them.
        """
        ...
