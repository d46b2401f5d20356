"""The encoder chunk by chunk, with graphs of fixed shapes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nemocli.engine.encoder_stream import ChunkInputs, EncoderStream
from nemocli.engine.state import make_zero_state, read_state
from nemocli.network.graphs import (
    FIRST_SHORT,
    count_stage_rows,
    list_conformer_cache_shapes,
    list_subsampling_cache_shapes,
)
from nemocli.runtimes.base import Runtime

Array = NDArray[np.float32]


class ChunkEncoder:
    """Calls `pre`, or its variant for the first or last chunk, `conformer_a` and `conformer_b`."""

    max_streams: int | None = 1

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        config = runtime.config
        self._shapes = {
            "pre": {
                f"cache{n}": shape for n, shape in enumerate(list_subsampling_cache_shapes(config))
            }
        }
        first = config.first_half
        for half, layers in (("a", first), ("b", config.num_layers - first)):
            attention, conv = list_conformer_cache_shapes(config, layers)
            self._shapes[f"conformer_{half}"] = {
                "k_cache": attention,
                "v_cache": attention,
                "conv_cache": conv,
            }

    def encode(
        self,
        streams: Sequence[EncoderStream],
        chunks: int,
        prepared: Callable[[], None] | None = None,
    ) -> list[Array]:
        """See Encoder."""
        if prepared is not None:
            prepared()
        return [
            np.concatenate([self._encode_chunk(s) for _ in range(min(chunks, s.chunks))])
            for s in streams
        ]

    def trim(self) -> bool:
        """See Encoder; streams have their own memory here."""
        return False

    def close(self) -> None:
        """See Encoder; streams have nothing in common here."""

    def _encode_chunk(self, stream: EncoderStream) -> Array:
        """Compute enc_proj [frames, decoder size] of the next chunk."""
        if not stream.states:
            stream.states = {name: make_zero_state(s) for name, s in self._shapes.items()}
        piece = stream.take(1)
        embeds = self._subsample(stream, piece)
        frames, keys = self._runtime.lookahead + 1, piece.neg_mask.shape[1]
        mask = np.ascontiguousarray(np.broadcast_to(piece.neg_mask, (1, 1, frames, keys)))
        out = self._call(stream, "conformer_a", {"embeds": embeds, "neg_mask": mask})
        inputs = {"embeds": out["embeds_out"], "neg_mask": mask}
        if self._runtime.config.has_prompts:
            inputs["one_hot"] = stream.one_hot
        enc_proj: Array = self._call(stream, "conformer_b", inputs)["enc_proj"][0]
        return enc_proj[: piece.valid]

    def _subsample(self, stream: EncoderStream, piece: ChunkInputs) -> Array:
        """Compute the embeddings [1, frames, hidden] of a chunk."""
        rows, masks = piece.rows, piece.row_masks
        # The graphs for a stream's first chunk take no state: the zeros before it are built in.
        state = {} if piece.is_first else stream.states["pre"]
        has_edge = piece.has_edge
        if piece.is_first:
            rows = rows[FIRST_SHORT:]
            counts = count_stage_rows(len(rows), first=True)
            masks = [mask[:, :, -count:] for mask, count in zip(masks, counts, strict=True)]
            has_edge = any(not mask.all() for mask in masks)
        inputs = {"mel": rows[None]}
        if has_edge:
            inputs |= {f"row_mask{stage}": mask for stage, mask in enumerate(masks)}
        graph = ("pre_first" if piece.is_first else "pre") + ("_tail" if has_edge else "")
        out = self._runtime.run(graph, inputs | state)
        stream.states["pre"] = read_state(stream.states["pre"], out)
        embeds: Array = out["embeds"]
        return embeds

    def _call(self, stream: EncoderStream, graph: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Call one half of the conformer, and keep its new state."""
        out = self._runtime.run(graph, {**inputs, **stream.states[graph]})
        stream.states[graph] = read_state(stream.states[graph], out)
        return out
