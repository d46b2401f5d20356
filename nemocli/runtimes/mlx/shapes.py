"""The shapes of a chunk of one stream, which is the call that repeats, and of a diarizer's step."""

from collections.abc import Sequence

from nemocli.network.config import ModelConfig
from nemocli.network.diarizer_config import ROWS_PER_FRAME
from nemocli.network.graphs import (
    Graph,
    TensorSpec,
    count_chunk_rows,
    count_kept_frames,
    count_stage_rows,
)
from nemocli.runtimes.mlx.tools import mx


def find_chunk_shape(
    graph: Graph[mx.array], spec: TensorSpec, config: ModelConfig, lookahead: int
) -> tuple[int, ...]:
    """Return the shape of a graph's input or output for one chunk of one stream."""
    frames = lookahead + 1
    rows = count_chunk_rows(frames, first=False)
    lengths = {"batch": 1, "chunks": 1, "frames": frames, "new": frames}
    lengths["slots"] = 1 + count_kept_frames(config) + frames
    lengths["conv_frames"] = config.conv_kernel - 1 + frames
    lengths |= {f"rows{stage}": n for stage, n in enumerate(count_stage_rows(rows, first=False))}
    # The joint's rows are those of the predictor's output: one for all frames.
    lengths["rows"] = 1 if graph.name == "joint" else rows
    return tuple(size if isinstance(size, int) else lengths[size] for size in spec.shape)


def make_zeros(
    graph: Graph[mx.array], config: ModelConfig, lookahead: int, dtype: mx.Dtype
) -> dict[str, mx.array]:
    """Return zeros, lazily, for each input of a graph; `dtype` is that of the floats."""
    return {
        spec.name: mx.zeros(
            find_chunk_shape(graph, spec, config, lookahead),
            mx.int32 if spec.dtype == "int32" else dtype,
        )
        for spec in graph.inputs
    }


#: Frames of a step that shows whether weights fit.
_STEP_FRAMES = 4


def list_step_shapes(specs: Sequence[TensorSpec]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of inputs or outputs of a diarization graph for a short step, by name."""
    lengths = {"batch": 1, "frames": _STEP_FRAMES, "rows": ROWS_PER_FRAME * _STEP_FRAMES}
    return {
        spec.name: tuple(size if isinstance(size, int) else lengths[size] for size in spec.shape)
        for spec in specs
    }


def make_step_zeros(graph: Graph[mx.array], dtype: mx.Dtype) -> dict[str, mx.array]:
    """Return zeros, lazily, for each input of a diarization graph."""
    shapes = list_step_shapes(graph.inputs)
    return {name: mx.zeros(shape, dtype) for name, shape in shapes.items()}
