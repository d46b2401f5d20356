"""What packages and their functions are called, for those who write them and those who run them."""

from nemocli.network.graphs import DECODER_GRAPHS


def package_name(graph: str) -> str:
    """The package of a graph, in the model folder."""
    return f"{graph}.aimodel"


def function_name(graph: str, lookahead: int) -> str:
    """The function of a package; the decoder's graphs are the same for every lookahead."""
    return "main" if graph in DECODER_GRAPHS else f"lookahead{lookahead}"
