"""The graphs a model is cut into: names, inputs, outputs and shapes, the same in every runtime.

Devices need fixed shapes. For them, `pre` (`pre_first` at the start of a stream), `conformer_a` and
`conformer_b` encode one chunk of one stream. The conformer is cut in halves because some devices do
not load it as one. `pre_tail` and `pre_first_tail` are `pre` and `pre_first` for the last, partial
chunk: they zero each stage's rows beyond the end of the sound, so that the result is that of an
offline pass.

Where shapes may vary, one call of `pre_block` and `conformer_block` takes any number of chunks of
any number of streams, first and last chunks among them, with the same result. The caches of
`conformer_block` are those of all streams: each frame has a slot, wherever there was room (see
`Slots` of layers.py).

An updated cache is an output in the shape of the input, under its name with `_out` appended.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic

from nemocli.network import layers
from nemocli.network.config import ModelConfig
from nemocli.network.operations import Operations, T
from nemocli.network.parameters import Parameters

#: The encoder in fixed shapes: one chunk of one stream in a call.
ENCODER_GRAPHS = (
    "pre_first",
    "pre",
    "pre_first_tail",
    "pre_tail",
    "conformer_a",
    "conformer_b",
)

#: The encoder for blocks of chunks of several streams.
BLOCK_GRAPHS = ("pre_block", "conformer_block")
DECODER_GRAPHS = ("predict", "joint")


@dataclass(frozen=True)
class TensorSpec:
    """A graph's input or output. A dimension with a name may have any length."""

    name: str
    shape: tuple[int | str, ...]
    dtype: str = "float32"

    @property
    def known_shape(self) -> tuple[int, ...]:
        """The shape for a runtime with fixed shapes: 1 in place of each name."""
        return tuple(size if isinstance(size, int) else 1 for size in self.shape)


@dataclass(frozen=True)
class Graph(Generic[T]):
    """A part of the network that can be called: `body` takes inputs and gives outputs by name."""

    name: str
    inputs: tuple[TensorSpec, ...]
    results: tuple[TensorSpec, ...]
    body: Callable[[Operations[T], Mapping[str, T]], dict[str, T]]

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the results, in order."""
        return tuple(result.name for result in self.results)


#: Rows that a stream's first chunk has less than the others: its first frame is made of one row.
FIRST_SHORT = 7


def count_chunk_rows(frames: int, first: bool) -> int:
    """Count the mel rows for `frames` encoder frames: 8 each, but 1 for a stream's first frame."""
    return 8 * frames - FIRST_SHORT if first else 8 * frames


def count_stage_rows(rows: int, first: bool) -> list[int]:
    """Count the rows that leave each of the three subsampling stages if `rows` mel rows enter."""
    counts = []
    for _ in range(3):
        rows = rows // 2 + 1 if first else rows // 2
        counts.append(rows)
    return counts


def build_graph(name: str, p: Parameters, frames: int) -> "Graph[T]":
    """Build a graph by its name, for chunks of `frames` encoder frames.

    The decoder's graphs are the same for every `frames`.
    """
    if name == "predict":
        return _make_predict(p)
    if name == "pre_block":
        return _make_pre_block(p)
    if name == "conformer_block":
        return _make_conformer_block(p, frames)
    if name.startswith("pre"):
        return _make_pre(name, p, frames)
    if name.startswith("conformer"):
        return _make_conformer(name, p, frames)
    if name == "joint":
        return _make_joint(p)
    raise ValueError(f"no graph is called {name!r}")


def _make_pre(name: str, p: Parameters, frames: int) -> "Graph[T]":
    first, masked = "first" in name, "tail" in name
    rows, mels = count_chunk_rows(frames, first), p.config.features.num_mels
    inputs = [TensorSpec("mel", (1, rows, mels))]
    cache_shapes = list_subsampling_cache_shapes(p.config)
    if not first:
        inputs += [TensorSpec(f"cache{n}", shape) for n, shape in enumerate(cache_shapes)]
    if masked:
        counts = count_stage_rows(rows, first)
        inputs += [TensorSpec(f"row_mask{n}", (1, 1, c, 1)) for n, c in enumerate(counts)]

    def body(ops: Operations[T], x: Mapping[str, T]) -> dict[str, T]:
        mel = ops.reshape(x["mel"], (1, 1, rows, mels))
        caches = None if first else [x[f"cache{n}"] for n in range(3)]
        masks = [x[f"row_mask{n}"] for n in range(3)] if masked else None
        embeds, new = layers.subsample(ops, p, mel, caches, masks)
        return {"embeds": embeds} | {f"cache{n}_out": c for n, c in enumerate(new)}

    embeds = TensorSpec("embeds", (1, frames, p.config.hidden_size))
    caches_out = [TensorSpec(f"cache{n}_out", shape) for n, shape in enumerate(cache_shapes)]
    return Graph(name, tuple(inputs), (embeds, *caches_out), body)


def _make_pre_block(p: Parameters) -> "Graph[T]":
    mels, cache_shapes = p.config.features.num_mels, list_subsampling_cache_shapes(p.config)
    caches = [
        TensorSpec(f"cache{n}", ("batch", *shape[1:])) for n, shape in enumerate(cache_shapes)
    ]
    masks = [TensorSpec(f"row_mask{n}", ("batch", 1, f"rows{n}", 1)) for n in range(3)]

    def body(ops: Operations[T], x: Mapping[str, T]) -> dict[str, T]:
        mel = ops.reshape(x["mel"], (0, 1, -1, mels))
        embeds, new = layers.subsample(
            ops, p, mel, [x[c.name] for c in caches], [x[m.name] for m in masks]
        )
        return {"embeds": embeds} | {f"cache{n}_out": c for n, c in enumerate(new)}

    embeds = TensorSpec("embeds", ("batch", "frames", p.config.hidden_size))
    return Graph(
        "pre_block",
        (TensorSpec("mel", ("batch", "rows", mels)), *caches, *masks),
        (embeds, *map(_make_output, caches)),
        body,
    )


def _make_conformer_block(p: Parameters, frames: int) -> "Graph[T]":
    config = p.config
    heads, keys = config.num_heads, config.left_context + frames
    shapes = list_slot_shapes(config)
    caches = [
        TensorSpec(f"{name}{layer}", ("slots", *shape))
        for layer in range(config.num_layers)
        for name, shape in shapes.items()
    ]

    def body(ops: Operations[T], x: Mapping[str, T]) -> dict[str, T]:
        hidden, out = x["embeds"], {}
        slots = layers.Slots(x["new_slots"], x["key_rows"], x["conv_slots"])
        for layer in range(config.num_layers):
            cache = layers.LayerCache(*(x[f"{name}{layer}"] for name in shapes))
            hidden, new = layers.apply_conformer_layer(
                ops, p, layer, hidden, x["neg_mask"], cache, frames, slots
            )
            for name, value in zip(shapes, (new.keys, new.values, new.conv), strict=True):
                out[f"{name}{layer}_out"] = value
        return {"enc_proj": _project(ops, p, hidden, x.get("one_hot"))} | out

    inputs = [
        TensorSpec("embeds", ("batch", "frames", config.hidden_size)),
        TensorSpec("neg_mask", ("batch", 1, "chunks", 1, keys)),
        TensorSpec("new_slots", ("new",), "int32"),
        TensorSpec("key_rows", ("batch", heads, "chunks", keys), "int32"),
        TensorSpec("conv_slots", ("batch", "conv_frames"), "int32"),
    ]
    if config.has_prompts:
        inputs.append(TensorSpec("one_hot", ("batch", 1, config.num_prompts)))
    enc_proj = TensorSpec("enc_proj", ("batch", "frames", config.decoder_size))
    results = (enc_proj, *map(_make_output, caches))
    return Graph("conformer_block", (*inputs, *caches), results, body)


def _make_output(cache: TensorSpec) -> TensorSpec:
    return TensorSpec(cache.name + "_out", cache.shape)


def _project(ops: Operations[T], p: Parameters, hidden: T, one_hot: T | None) -> T:
    """Compute what the joint takes from the last layer's output [B, F, D].

    `one_hot` is None for a model without prompts.
    """
    if one_hot is not None:
        hidden = layers.fuse_prompt(ops, p, hidden, one_hot)
    projector = "encoder_projector."
    return ops.linear(hidden, p[projector + "weight"], p[projector + "bias"])


def _make_conformer(name: str, p: Parameters, frames: int) -> "Graph[T]":
    config = p.config
    last = name.endswith("b")
    span = range(config.first_half, config.num_layers) if last else range(config.first_half)
    attention_cache, conv_cache = list_conformer_cache_shapes(config, len(span))
    inputs = [
        TensorSpec("embeds", (1, frames, config.hidden_size)),
        TensorSpec("neg_mask", (1, 1, frames, config.left_context + frames)),
        TensorSpec("k_cache", attention_cache),
        TensorSpec("v_cache", attention_cache),
        TensorSpec("conv_cache", conv_cache),
    ]
    if last and config.has_prompts:
        inputs.append(TensorSpec("one_hot", (1, config.num_prompts)))

    def body(ops: Operations[T], x: Mapping[str, T]) -> dict[str, T]:
        hidden, new = x["embeds"], []
        for n, layer in enumerate(span):
            cache = layers.LayerCache(
                *(ops.slice(x[key], 0, n, n + 1) for key in ("k_cache", "v_cache", "conv_cache"))
            )
            hidden, cache = layers.apply_conformer_layer(
                ops, p, layer, hidden, x["neg_mask"], cache, frames, None
            )
            new.append(cache)
        caches = {
            "k_cache_out": ops.concat([c.keys for c in new], 0),
            "v_cache_out": ops.concat([c.values for c in new], 0),
            "conv_cache_out": ops.concat([c.conv for c in new], 0),
        }
        if not last:
            return {"embeds_out": hidden} | caches
        return {"enc_proj": _project(ops, p, hidden, x.get("one_hot"))} | caches

    results = (
        TensorSpec("enc_proj", (1, frames, config.decoder_size))
        if last
        else TensorSpec("embeds_out", (1, frames, config.hidden_size)),
        TensorSpec("k_cache_out", attention_cache),
        TensorSpec("v_cache_out", attention_cache),
        TensorSpec("conv_cache_out", conv_cache),
    )
    return Graph(name, tuple(inputs), results, body)


def _make_predict(p: Parameters) -> "Graph[T]":
    state = (p.config.decoder_layers, "batch", p.config.decoder_size)

    def body(ops: Operations[T], x: Mapping[str, T]) -> dict[str, T]:
        out = ops.take(ops.constant(p["decoder.embedding.weight"]), x["token"])
        hs, cs = [], []
        for layer in range(p.config.decoder_layers):
            h, c = (ops.slice(x[key], 0, layer, layer + 1) for key in ("h", "c"))
            out, c = layers.step_lstm_layer(ops, p, layer, out, h, c)
            hs.append(out)
            cs.append(c)
        projector = "decoder.decoder_projector."
        out = ops.reshape(out, (-1, p.config.decoder_size))
        return {
            "dec_out": ops.linear(out, p[projector + "weight"], p[projector + "bias"]),
            "h_out": ops.concat(hs, 0),
            "c_out": ops.concat(cs, 0),
        }

    inputs = (
        TensorSpec("token", (1, "batch"), "int32"),
        TensorSpec("h", state),
        TensorSpec("c", state),
    )
    results = (
        TensorSpec("dec_out", ("batch", p.config.decoder_size)),
        TensorSpec("h_out", state),
        TensorSpec("c_out", state),
    )
    return Graph("predict", inputs, results, body)


def _make_joint(p: Parameters) -> "Graph[T]":
    size = p.config.decoder_size

    def body(ops: Operations[T], x: Mapping[str, T]) -> dict[str, T]:
        hidden = ops.relu(ops.add(x["enc_frame"], x["dec_out"]))
        head = "joint.head."
        return {"token_logits": ops.linear(hidden, p[head + "weight"], p[head + "bias"])}

    # `rows` is 1 or the number of frames: one predictor output for all frames, or one for each.
    # Many frames in a call read the head's weights only once.
    inputs = (TensorSpec("dec_out", ("rows", size)), TensorSpec("enc_frame", ("frames", size)))
    logits = TensorSpec("token_logits", ("frames", p.config.vocab_size))
    return Graph("joint", inputs, (logits,), body)


def list_subsampling_cache_shapes(config: ModelConfig) -> list[tuple[int, ...]]:
    """Return the shape of each stage's last input row: [1, channels in, 1, mels + padding]."""
    channels, mels = config.subsampling_channels, config.subsampled_mels
    padding = sum(layers.MEL_PADDING)
    return [
        (1, 1, 1, config.features.num_mels + padding),
        (1, channels, 1, mels[0] + padding),
        (1, channels, 1, mels[1] + padding),
    ]


def list_conformer_cache_shapes(
    config: ModelConfig, num_layers: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the shapes of the key (or value) cache and the convolution cache of some layers."""
    return (
        (num_layers, config.num_heads, config.left_context, config.head_size),
        (num_layers, config.hidden_size, config.conv_kernel - 1),
    )


def list_slot_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Return the shapes of what `conformer_block` keeps of a frame in a layer, by caches' names."""
    attention = (config.num_heads, config.head_size)
    return {"k_cache": attention, "v_cache": attention, "conv_cache": (config.hidden_size,)}


def count_kept_frames(config: ModelConfig) -> int:
    """Count the frames before a chunk that the conformer's layers read."""
    return max(config.left_context, config.conv_kernel - 1)
