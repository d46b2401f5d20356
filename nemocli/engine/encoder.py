"""One stream's way through the encoder: mel rows in, encoder frames out, caches carried between."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nemocli.network.graphs import (
    chunk_rows,
    conformer_cache_shapes,
    stage_rows,
    subsampling_cache_shapes,
)
from nemocli.runtimes.base import Arrays, Runtime

Array = NDArray[np.float32]

#: Added to the scores of keys that must not be seen. Finite, so that float16 survives it; e^-10000
#: is zero in any precision.
MASKED = np.float32(-1e4)


class EncoderStream:
    """Cuts mel rows into chunks and runs them; constant memory for a stream of any length."""

    def __init__(self, runtime: Runtime, prompt: int) -> None:
        self._runtime = runtime
        self._config = config = runtime.config
        self._frames = runtime.lookahead + 1
        self._rows = np.zeros((0, config.features.num_mels), np.float32)
        self._rows_done = 0
        self._filled = 0
        shapes = subsampling_cache_shapes(config)
        self._pre_caches: Arrays = {f"cache{n}": _zeros(shape) for n, shape in enumerate(shapes)}
        first = config.first_half
        self._a_caches = _conformer_caches(conformer_cache_shapes(config, first))
        self._b_caches = _conformer_caches(
            conformer_cache_shapes(config, config.num_layers - first)
        )
        self.set_prompt(prompt)

    def set_prompt(self, prompt: int) -> None:
        """Tell the language from the next chunk on."""
        self._one_hot = np.zeros((1, self._config.num_prompts), np.float32)
        self._one_hot[0, prompt] = 1

    def push(self, rows: Array) -> Iterator[Array]:
        """Add mel rows [n, mels]; yield enc_proj [frames, decoder size] of each whole chunk."""
        self._rows = np.concatenate([self._rows, rows])
        while len(self._rows) >= (need := chunk_rows(self._frames, self._is_first)):
            chunk, self._rows = self._rows[:need], self._rows[need:].copy()
            yield self._run(chunk, self._frames, {})

    def finish(self) -> Array:
        """The frames of the last, partial chunk, as an offline pass over the whole sound has them.

        The rows that are left make ceil(rows / 8) frames. The chunk is completed by rows of zeros,
        each subsampling stage's rows beyond its length are zeroed, and the keys of frames that do
        not exist are masked. A sound too short for a single row has one frame, made of zeros, as in
        the reference.
        """
        left = len(self._rows)
        if left == 0 and not self._is_first:
            return np.zeros((0, self._config.decoder_size), np.float32)
        valid = -(-left // 8) if not self._is_first else (left + 6) // 8 + 1
        rows = chunk_rows(self._frames, self._is_first)
        chunk = np.zeros((rows, self._config.features.num_mels), np.float32)
        chunk[:left] = self._rows
        self._rows = self._rows[:0]
        return self._run(chunk, valid, self._row_masks(left, rows))[:valid]

    @property
    def _is_first(self) -> bool:
        return self._rows_done == 0

    def _run(self, chunk: Array, valid: int, row_masks: Arrays) -> Array:
        """One chunk [rows, mels] through pre and both halves; masks make it the stream's last."""
        name = ("pre_first" if self._is_first else "pre") + ("_tail" if row_masks else "")
        caches = {} if self._is_first else self._pre_caches
        out = self._runtime.run(name, {"mel": chunk[None]} | caches | row_masks)
        self._pre_caches = _updated(out, self._pre_caches)
        mask = self._neg_mask(valid)
        inputs: Arrays = {"embeds": out["embeds"], "neg_mask": mask}
        out = self._runtime.run("conformer_a", inputs | self._a_caches)
        self._a_caches = _updated(out, self._a_caches)
        inputs = {"embeds": out["embeds_out"], "neg_mask": mask, "one_hot": self._one_hot}
        out = self._runtime.run("conformer_b", inputs | self._b_caches)
        self._b_caches = _updated(out, self._b_caches)
        self._rows_done += len(chunk)
        self._filled = min(self._config.left_context, self._filled + self._frames)
        result: Array = out["enc_proj"][0]
        return result

    def _neg_mask(self, valid: int) -> Array:
        """[1, 1, frames, left + frames]: hide cache slots not yet filled, and keys past the end."""
        left = self._config.left_context
        mask = np.zeros((1, 1, self._frames, left + self._frames), np.float32)
        mask[..., : left - self._filled] = MASKED
        mask[..., left + valid :] = MASKED
        return mask

    def _row_masks(self, left: int, rows: int) -> Arrays:
        """Ones for the rows of each subsampling stage that lie within the sound.

        Of n rows a stage makes n // 2 + 1, counted over the whole stream, now that it has ended.
        """
        length, done = self._rows_done + left, self._rows_done
        masks: Arrays = {}
        for stage, count in enumerate(stage_rows(rows, self._is_first)):
            length = length // 2 + 1
            done = (done + 1) // 2  # rows this stage has made in earlier chunks
            keep = done + np.arange(count) < length
            masks[f"row_mask{stage}"] = keep.astype(np.float32).reshape(1, 1, count, 1)
        return masks


def _zeros(shape: tuple[int, ...]) -> NDArray[Any]:
    return np.zeros(shape, np.float32)


def _conformer_caches(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> Arrays:
    attention, conv = shapes
    return {
        "k_cache": _zeros(attention),
        "v_cache": _zeros(attention),
        "conv_cache": _zeros(conv),
    }


def _updated(outputs: Arrays, caches: Arrays) -> Arrays:
    return {name: outputs[name + "_out"] for name in caches}
