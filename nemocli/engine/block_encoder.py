"""The encoder in blocks: a call takes any number of chunks of any number of streams."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nemocli.engine.encoder_stream import ChunkInputs, EncoderStream
from nemocli.engine.state import make_zero_state, read_state
from nemocli.network.graphs import list_conformer_cache_shapes, list_subsampling_cache_shapes
from nemocli.runtimes.base import Runtime

Array = NDArray[np.float32]

#: The most mel rows of one stream in a call of the subsampling. At the released size, its
#: convolutions take a megabyte for every 32 rows, and more rows are not faster.
MAX_SUBSAMPLING_ROWS = 256


class BlockEncoder:
    """Calls `pre_block` for each stream, and `conformer_block` for all of them together."""

    max_streams: int | None = None

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        config = runtime.config
        attention, conv = list_conformer_cache_shapes(config, 1)
        self._subsampling_shapes = {
            f"cache{n}": shape for n, shape in enumerate(list_subsampling_cache_shapes(config))
        }
        self._conformer_shapes = {
            f"{name}{layer}": shape
            for layer in range(config.num_layers)
            for name, shape in (
                ("k_cache", attention),
                ("v_cache", attention),
                ("conv_cache", conv),
            )
        }

    def encode(self, streams: Sequence[EncoderStream], chunks: int) -> list[Array]:
        """See Encoder."""
        runtime = self._runtime
        for stream in streams:
            if not stream.states:
                stream.states = {
                    "subsampling": make_zero_state(self._subsampling_shapes),
                    "conformer": make_zero_state(self._conformer_shapes),
                }
        pieces = [stream.take(chunks) for stream in streams]
        embeds = [self._subsample(s, piece) for s, piece in zip(streams, pieces, strict=True)]
        keys = runtime.config.left_context + runtime.lookahead + 1
        starts = (runtime.lookahead + 1) * np.arange(chunks)[:, None]
        inputs = {
            "embeds": embeds[0] if len(embeds) == 1 else np.concatenate(embeds),
            "neg_mask": np.stack([piece.neg_mask[None, :, None] for piece in pieces]),
            "windows": (starts + np.arange(keys)).astype(np.int32),
        }
        if runtime.config.has_prompts:
            inputs["one_hot"] = np.stack([stream.one_hot for stream in streams])
        state = runtime.join_states([stream.states["conformer"] for stream in streams])
        out = runtime.run("conformer_block", inputs | state)
        states = runtime.split_state(read_state(state, out), len(streams))
        for stream, state in zip(streams, states, strict=True):
            stream.states["conformer"] = state
        return [out["enc_proj"][n, : piece.valid] for n, piece in enumerate(pieces)]

    def _subsample(self, stream: EncoderStream, piece: ChunkInputs) -> Array:
        """Compute the embeddings [1, frames, hidden] of a piece."""
        parts = []
        for start in range(0, len(piece.rows), MAX_SUBSAMPLING_ROWS):
            end = start + MAX_SUBSAMPLING_ROWS
            inputs = {"mel": piece.rows[None, start:end]}
            for stage, mask in enumerate(piece.row_masks):
                by = 2 << stage  # mel rows for each row of this stage
                inputs[f"row_mask{stage}"] = mask[:, :, start // by : end // by]
            state = stream.states["subsampling"]
            out = self._runtime.run("pre_block", inputs | state)
            stream.states["subsampling"] = read_state(state, out)
            parts.append(out["embeds"])
        return parts[0] if len(parts) == 1 else np.concatenate(parts, 1)
