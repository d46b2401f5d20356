"""The names of a model folder's ONNX files. Running a model imports this, and not `onnx`."""

#: The only graph that depends on the lookahead.
CONFORMER = "conformer_block"

WEIGHTS_FILE = "weights.bin"


def name_graph_file(graph: str, lookahead: int = 0) -> str:
    """Return the name of a graph's file."""
    return f"{graph}.lookahead{lookahead}.onnx" if graph == CONFORMER else f"{graph}.onnx"
