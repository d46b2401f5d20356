"""Calls of the encoder's graphs: blocks of several streams where the runtime takes them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nemocli.engine.encoder_stream import ChunkInputs, EncoderStream
from nemocli.network.graphs import (
    FIRST_SHORT,
    conformer_cache_shapes,
    stage_rows,
    subsampling_cache_shapes,
)
from nemocli.runtimes.base import Arrays, Runtime

Array = NDArray[np.float32]

#: Mel rows of one stream that go through the subsampling at once: its convolutions hold a megabyte
#: for every 32 rows at the released size, and gain nothing from more.
SUBSAMPLED_ROWS = 256

_CONFORMER_CACHES = ("k_cache", "v_cache", "conv_cache")


def encode(runtime: Runtime, streams: Sequence[EncoderStream], chunks: int) -> list[Array]:
    """The next `chunks` chunks of each stream: enc_proj [frames, decoder size] of each.

    A stream that has not ended must have so many; of one that has, there may be fewer.
    """
    if runtime.takes_blocks:
        return _encode_block(runtime, streams, chunks)
    return [
        np.concatenate([_encode_chunk(runtime, s) for _ in range(min(chunks, s.chunks))])
        for s in streams
    ]


def _encode_block(runtime: Runtime, streams: Sequence[EncoderStream], chunks: int) -> list[Array]:
    config = runtime.config
    for stream in streams:
        if not stream.caches:
            stream.caches = _block_caches(runtime)
    pieces = [stream.take(chunks) for stream in streams]
    embeds = [_subsampled(runtime, s, piece) for s, piece in zip(streams, pieces, strict=True)]
    keys = config.left_context + runtime.lookahead + 1
    starts = (runtime.lookahead + 1) * np.arange(chunks)[:, None]
    inputs: Arrays = {
        "embeds": _joined(embeds),
        "neg_mask": np.stack([piece.neg_mask[None, :, None] for piece in pieces]),
        "windows": (starts + np.arange(keys)).astype(np.int32),
        "one_hot": np.stack([stream.one_hot for stream in streams]),
    }
    names = [name + str(n) for n in range(config.num_layers) for name in _CONFORMER_CACHES]
    inputs |= {name: _joined([stream.caches[name] for stream in streams]) for name in names}
    out = runtime.run("conformer_block", inputs)
    for n, stream in enumerate(streams):
        stream.caches |= {name: out[name + "_out"][n : n + 1] for name in names}
    return [out["enc_proj"][n, : piece.valid] for n, piece in enumerate(pieces)]


def _joined(arrays: list[Array]) -> Array:
    """Arrays of one stream each as that of all: no copy if a call before left them side by side."""
    if len(arrays) == 1:
        return arrays[0]
    whole = arrays[0].base
    if isinstance(whole, np.ndarray) and len(whole) == len(arrays):
        first, step = whole.ctypes.data, whole.strides[0]
        if all(
            array.base is whole and array.ctypes.data == first + n * step
            for n, array in enumerate(arrays)
        ):
            return whole
    return np.concatenate(arrays)


def _subsampled(runtime: Runtime, stream: EncoderStream, piece: ChunkInputs) -> Array:
    """The embeddings [1, frames, hidden] of a piece."""
    parts = []
    for start in range(0, len(piece.rows), SUBSAMPLED_ROWS):
        end = start + SUBSAMPLED_ROWS
        inputs: Arrays = {"mel": piece.rows[None, start:end]}
        for stage, mask in enumerate(piece.row_masks):
            by = 2 << stage  # rows that make one of this stage
            inputs[f"row_mask{stage}"] = mask[:, :, start // by : end // by]
        caches = {name: stream.caches[name] for name in ("cache0", "cache1", "cache2")}
        out = runtime.run("pre_block", inputs | caches)
        stream.caches |= {name: out[name + "_out"] for name in caches}
        parts.append(out["embeds"])
    return parts[0] if len(parts) == 1 else np.concatenate(parts, 1)


def _block_caches(runtime: Runtime) -> Arrays:
    config = runtime.config
    attention, conv = conformer_cache_shapes(config, 1)
    shapes: dict[str, tuple[int, ...]] = {
        f"cache{n}": shape for n, shape in enumerate(subsampling_cache_shapes(config))
    }
    for layer in range(config.num_layers):
        shapes |= {f"k_cache{layer}": attention, f"v_cache{layer}": attention}
        shapes[f"conv_cache{layer}"] = conv
    return {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}


def _encode_chunk(runtime: Runtime, stream: EncoderStream) -> Array:
    """One chunk of one stream, through graphs of fixed shapes."""
    if not stream.caches:
        stream.caches = _chunk_caches(runtime)
    piece = stream.take(1)
    rows, masks = piece.rows, piece.row_masks
    # The graphs for a stream's first chunk have the rows before it built in.
    pre: Arrays = {}
    edge_here = piece.has_edge
    if piece.is_first:
        rows = rows[FIRST_SHORT:]
        counts = stage_rows(len(rows), first=True)
        masks = [mask[:, :, -count:] for mask, count in zip(masks, counts, strict=True)]
        edge_here = any(not mask.all() for mask in masks)
    else:
        pre = {name: stream.caches[name] for name in ("cache0", "cache1", "cache2")}
    if edge_here:
        pre |= {f"row_mask{stage}": mask for stage, mask in enumerate(masks)}
    name = ("pre_first" if piece.is_first else "pre") + ("_tail" if edge_here else "")
    out = runtime.run(name, {"mel": rows[None]} | pre)
    stream.caches |= {name: out[name + "_out"] for name in ("cache0", "cache1", "cache2")}
    frames, keys = runtime.lookahead + 1, piece.neg_mask.shape[1]
    mask = np.ascontiguousarray(np.broadcast_to(piece.neg_mask, (1, 1, frames, keys)))
    out = _half(runtime, stream, "a", {"embeds": out["embeds"], "neg_mask": mask})
    inputs = {"embeds": out["embeds_out"], "neg_mask": mask, "one_hot": stream.one_hot}
    enc_proj: Array = _half(runtime, stream, "b", inputs)["enc_proj"][0]
    return enc_proj[: piece.valid]


def _half(runtime: Runtime, stream: EncoderStream, half: str, inputs: Arrays) -> Arrays:
    """conformer_a or conformer_b; the stream keeps the caches of both, marked by the half."""
    caches = {name: stream.caches[half + name] for name in _CONFORMER_CACHES}
    out = runtime.run(f"conformer_{half}", inputs | caches)
    stream.caches |= {half + name: out[name + "_out"] for name in caches}
    return out


def _chunk_caches(runtime: Runtime) -> Arrays:
    config = runtime.config
    shapes: dict[str, tuple[int, ...]] = {
        f"cache{n}": shape for n, shape in enumerate(subsampling_cache_shapes(config))
    }
    first = config.first_half
    for half, layers in (("a", first), ("b", config.num_layers - first)):
        attention, conv = conformer_cache_shapes(config, layers)
        shapes |= {f"{half}k_cache": attention, f"{half}v_cache": attention}
        shapes[f"{half}conv_cache"] = conv
    return {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
