"""Names of Apple's packages (Core ML, Core AI), which hold a function for each lookahead."""

from collections.abc import Iterator, Sequence

from nemocli.network.graphs import DECODER_GRAPHS

COREML, COREAI = "mlpackage", "aimodel"


def name_package(graph: str, suffix: str) -> str:
    """Return the name of a graph's package in a model folder; `suffix` is COREML or COREAI."""
    return f"{graph}.{suffix}"


def name_function(graph: str, lookahead: int) -> str:
    """Return the name of a package's function: `main` if it is the same for every lookahead."""
    return "main" if graph in DECODER_GRAPHS else f"lookahead{lookahead}"


def list_functions(graph: str, lookaheads: Sequence[int]) -> Iterator[tuple[str, int]]:
    """Give the name and lookahead of each function in a graph's package."""
    for lookahead in lookaheads[:1] if graph in DECODER_GRAPHS else lookaheads:
        yield name_function(graph, lookahead), lookahead
