"""Bundles of Core AI graphs in the layout of coreaikit, the kit of iPhone and Mac apps.

A bundle is the form in which the released model is published for Core AI. It has a folder `macos`,
which nemocli runs, and a folder `ios`; each has a tokenizer and a package for each graph, with one
function, `main`. There is no manifest: a bundle is recognised by the names of its packages. There
are no graphs for the last, partial chunk of a sound either.

Nothing here imports Core AI.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nemocli.network.checkpoint import TOKENIZER
from nemocli.network.graphs import DECODER_GRAPHS
from nemocli.runtimes.packages import COREAI, name_package

MACOS, IOS = "macos", "ios"

#: The only lookahead of a bundle that nemocli writes.
LOOKAHEAD = 3

#: The graphs of the encoder, and the two of them that are compiled ahead of time for iPhones.
STREAM_GRAPHS = ("pre_first", "pre", "conformer_a", "conformer_b")
HALVES = ("conformer_a", "conformer_b")
GRAPHS = (*STREAM_GRAPHS, *DECODER_GRAPHS)

#: How the names of packages call the data type of a graph, by precision.
TYPES = {"fp16": "float16", "fp32": "float32"}

#: The files of a package: the program with its weights, and the program's SHA-256 in 32 bytes.
PROGRAM, HASH, METADATA = "main.mlirb", "main.hash", "metadata.json"
PARTS = (METADATA, HASH, PROGRAM)

#: nemocli's names for a graph's inputs and outputs -> those in a bundle, where they differ.
RENAMED = {"k_cache_out": "k_out", "v_cache_out": "v_out", "conv_cache_out": "conv_out"}
RENAMED_FIRST = {f"cache{n}_out": f"cache{n}" for n in range(3)}


def rename_results(graph: str) -> dict[str, str]:
    """Return the names in a bundle of those of a graph's results that nemocli calls otherwise."""
    return RENAMED_FIRST if graph == "pre_first" else RENAMED if graph in HALVES else {}


def bundle_package(graph: str, precision: str) -> str:
    """Return the name of a graph's package; `precision` is the encoder's."""
    if graph in DECODER_GRAPHS:
        return name_package(f"nemotron_asr_{graph}_{TYPES['fp32']}", COREAI)
    return name_package(f"nemotron_asr_stream_{graph}_{TYPES[precision]}", COREAI)


@dataclass(frozen=True)
class Bundle:
    """The half of a bundle that nemocli runs, complete or not."""

    #: The folder `macos`, or one with its content.
    folder: Path
    #: Precision of the encoder: fp16 or fp32.
    precision: str

    def get_package_path(self, graph: str) -> Path:
        """Return the path of a graph's package."""
        return self.folder / bundle_package(graph, self.precision)

    @property
    def tokenizer(self) -> Path:
        return self.folder / TOKENIZER

    @property
    def files(self) -> Iterator[Path]:
        """All files that it needs."""
        yield self.tokenizer
        for graph in GRAPHS:
            for part in PARTS:
                yield self.get_package_path(graph) / part

    @property
    def missing(self) -> Path | None:
        """The first file that it lacks, or None. Raises OSError."""
        return next((path for path in self.files if not path.is_file()), None)


def find_bundle(path: Path) -> Bundle | None:
    """Return the bundle in a folder, or in its folder `macos`; None if it has none of its packages.

    Raises OSError for a folder that may not be read.
    """
    for folder in (path / MACOS, path):
        for precision in TYPES:
            bundle = Bundle(folder, precision)
            if any(bundle.get_package_path(graph).is_dir() for graph in STREAM_GRAPHS):
                return bundle
    return None


def has_only_ios(path: Path) -> bool:
    """Tell whether a folder has only a bundle's half for iPhones. Raises OSError."""
    if find_bundle(path / IOS) is None:
        return False
    return find_bundle(path) is None
