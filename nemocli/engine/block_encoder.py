"""The encoder in blocks: a call takes any number of chunks of any number of streams."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from nemocli.engine.encoder_stream import ChunkInputs, EncoderStream
from nemocli.engine.frame_caches import FrameCaches
from nemocli.engine.state import make_zero_state, read_state
from nemocli.network.graphs import list_subsampling_cache_shapes
from nemocli.runtimes.base import Runtime

Array = NDArray[np.float32]

#: The most mel rows in a call of the subsampling, of all its streams. At the released size, its
#: convolutions take a megabyte for every 32 rows, and more rows are not faster.
MAX_SUBSAMPLING_ROWS = 256


class BlockEncoder:
    """Calls `pre_block` for a few streams at a time, and `conformer_block` for all together."""

    max_streams: int | None = None

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._caches = FrameCaches(runtime)
        self._subsampling_shapes = {
            f"cache{n}": shape
            for n, shape in enumerate(list_subsampling_cache_shapes(runtime.config))
        }

    def encode(
        self,
        streams: Sequence[EncoderStream],
        chunks: int,
        prepared: Callable[[], None] | None = None,
    ) -> list[Array]:
        """See Encoder."""
        runtime, caches = self._runtime, self._caches
        for stream in streams:
            if not stream.states:
                stream.states = {"subsampling": make_zero_state(self._subsampling_shapes)}
        pieces = [stream.take(chunks) for stream in streams]
        frames = (runtime.lookahead + 1) * chunks
        slots = caches.find_slots(streams, frames)
        inputs = {
            "neg_mask": np.stack([piece.neg_mask[None, :, None] for piece in pieces]),
            **self._list_slots(slots, chunks),
        }
        if runtime.config.has_prompts:
            inputs["one_hot"] = np.stack([stream.one_hot for stream in streams])
        if prepared is not None:
            prepared()
        group = max(1, MAX_SUBSAMPLING_ROWS // len(pieces[0].rows))
        embeds = [
            self._subsample(streams[at : at + group], pieces[at : at + group])
            for at in range(0, len(streams), group)
        ]
        inputs["embeds"] = embeds[0] if len(embeds) == 1 else np.concatenate(embeds)
        out = runtime.run("conformer_block", inputs | caches.arrays)
        caches.keep(streams, slots, read_state(caches.arrays, out))
        return [out["enc_proj"][n, : piece.valid] for n, piece in enumerate(pieces)]

    def trim(self) -> bool:
        """See Encoder."""
        return self._caches.trim()

    def close(self) -> None:
        """See Encoder."""
        self._caches.lose_all()

    def _list_slots(self, slots: NDArray[np.int64], chunks: int) -> dict[str, NDArray[np.int32]]:
        """List what `Slots` of nemocli/network/layers.py has, of the slots [streams, kept + F]."""
        config, chunk = self._runtime.config, self._runtime.lookahead + 1
        frames = chunk * chunks
        windows = slots[:, -frames - config.left_context :]
        starts = chunk * np.arange(chunks)[:, None]
        keys = windows[:, None, starts + np.arange(config.left_context + chunk)]
        rows = keys * config.num_heads + np.arange(config.num_heads)[:, None, None]
        found = {
            "new_slots": slots[:, -frames:].ravel(),
            "key_rows": rows,
            "conv_slots": slots[:, -frames - config.conv_kernel + 1 :],
        }
        return {name: each.astype(np.int32) for name, each in found.items()}

    def _subsample(self, streams: Sequence[EncoderStream], pieces: Sequence[ChunkInputs]) -> Array:
        """Compute the embeddings [streams, frames, hidden] of a piece of each stream."""
        runtime = self._runtime
        rows = np.stack([piece.rows for piece in pieces])
        masks = [
            np.concatenate(stage) for stage in zip(*(p.row_masks for p in pieces), strict=True)
        ]
        state = runtime.join_states([stream.states["subsampling"] for stream in streams])
        parts = []
        for start in range(0, rows.shape[1], MAX_SUBSAMPLING_ROWS):
            end = start + MAX_SUBSAMPLING_ROWS
            inputs = {"mel": rows[:, start:end]}
            for stage, mask in enumerate(masks):
                by = 2 << stage  # mel rows for each row of this stage
                inputs[f"row_mask{stage}"] = mask[:, :, start // by : end // by]
            out = runtime.run("pre_block", inputs | state)
            state = read_state(state, out)
            parts.append(out["embeds"])
        states = runtime.split_state(state, len(streams))
        for stream, each in zip(streams, states, strict=True):
            stream.states["subsampling"] = each
        return parts[0] if len(parts) == 1 else np.concatenate(parts, 1)
