"""Running bundles in the layout of coreaikit with Core AI."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from nemocli.network.config import ModelConfig
from nemocli.runtimes.base import Arrays
from nemocli.runtimes.coreai.bundle import Bundle, rename_results
from nemocli.runtimes.coreai.runtime import CoreAIRuntime


class BundleRuntime(CoreAIRuntime):
    """Runs the packages of a bundle.

    It has no graphs for the last, partial chunk of a sound. The graphs for whole chunks take their
    place: zero rows complete the chunk, and only its frames that exist are decoded. But the rows
    of zeros are seen by the convolutions, and so the frames of this one chunk, at most four, differ
    from those of an offline pass. All frames before it are the same.
    """

    _advice = "get the bundle again"

    def __init__(
        self, bundle: Bundle, config: ModelConfig, lookahead: int, compute_units: str = "all"
    ) -> None:
        self._bundle = bundle
        super().__init__(bundle.folder, config, lookahead, bundle.precision, compute_units)

    def run(self, graph: str, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        known = {name: value for name, value in inputs.items() if not name.startswith("row_mask")}
        return super().run(graph.removesuffix("_tail"), known)

    def _call(self, graph: str, function: Any, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        results = super()._call(graph, function, inputs)
        names = {theirs: ours for ours, theirs in rename_results(graph).items()}
        return {names.get(name, name): value for name, value in results.items()}

    def _locate(self, graph: str) -> tuple[Path, str]:
        return self._bundle.get_package_path(graph), "main"
