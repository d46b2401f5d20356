"""The names of a model folder's ONNX files; a module of its own, so that to run needs no `onnx`."""

#: The only graph that depends on the lookahead.
CONFORMER = "conformer_block"

WEIGHTS_FILE = "weights.bin"


def graph_file(graph: str, lookahead: int) -> str:
    """The file of a graph."""
    return f"{graph}.lookahead{lookahead}.onnx" if graph == CONFORMER else f"{graph}.onnx"
