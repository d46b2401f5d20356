"""Packages with a function for each lookahead, as Core ML and Core AI have them."""

from collections.abc import Iterator, Sequence

from nemocli.network.graphs import DECODER_GRAPHS

COREML, COREAI = "mlpackage", "aimodel"


def package_name(graph: str, suffix: str) -> str:
    """The package of a graph in the model folder; `suffix` is COREML or COREAI."""
    return f"{graph}.{suffix}"


def function_name(graph: str, lookahead: int) -> str:
    """The function of a package; the decoder's graphs are the same for every lookahead."""
    return "main" if graph in DECODER_GRAPHS else f"lookahead{lookahead}"


def functions(graph: str, lookaheads: Sequence[int]) -> Iterator[tuple[str, int]]:
    """Name and lookahead of each function that a graph's package holds."""
    for lookahead in lookaheads[:1] if graph in DECODER_GRAPHS else lookaheads:
        yield function_name(graph, lookahead), lookahead
