"""The shapes of the call that repeats: one chunk of one stream."""

from nemocli.network.graphs import Graph, TensorSpec, count_chunk_rows, count_stage_rows
from nemocli.runtimes.mlx.tools import mx


def chunk_shape(graph: Graph[mx.array], spec: TensorSpec, lookahead: int) -> tuple[int, ...]:
    """Return the shape of a graph's input or output for one chunk of one stream."""
    frames = lookahead + 1
    rows = count_chunk_rows(frames, first=False)
    lengths = {"batch": 1, "chunks": 1, "frames": frames}
    lengths |= {f"rows{stage}": n for stage, n in enumerate(count_stage_rows(rows, first=False))}
    # The joint's rows are those of the predictor's output: one for all frames.
    lengths["rows"] = 1 if graph.name == "joint" else rows
    return tuple(size if isinstance(size, int) else lengths[size] for size in spec.shape)


def make_zeros(graph: Graph[mx.array], lookahead: int, dtype: mx.Dtype) -> dict[str, mx.array]:
    """Return zeros, lazily, for each input of a graph; `dtype` is that of the floats."""
    return {
        spec.name: mx.zeros(
            chunk_shape(graph, spec, lookahead), mx.int32 if spec.dtype == "int32" else dtype
        )
        for spec in graph.inputs
    }
