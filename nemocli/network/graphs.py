"""The graphs a model is cut into: names, inputs, outputs and shapes, the same in every runtime.

The conformer is two halves because one bundle with all of it does not load on some devices.
Updated caches come back under the input's name with `_out` behind it, in the same shape.
`pre_tail` and `pre_first_tail` are `pre` and `pre_first` for the last, partial chunk: each stage's
rows beyond the end of the sound are zeroed, which makes the result that of an offline pass.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic

from nemocli.network import layers
from nemocli.network.config import ModelConfig
from nemocli.network.operations import Operations, T
from nemocli.network.parameters import Parameters

#: Graphs whose shapes depend on the number of frames in a call, and those that have no such shape.
ENCODER_GRAPHS = (
    "pre_first",
    "pre",
    "pre_first_tail",
    "pre_tail",
    "conformer_a",
    "conformer_b",
)
DECODER_GRAPHS = ("predict", "joint")


@dataclass(frozen=True)
class TensorSpec:
    """A graph's input or output. A dimension of None may have any length."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str = "float32"


@dataclass(frozen=True)
class Graph(Generic[T]):
    """One callable piece of the network: `body` maps its inputs by name to its outputs by name."""

    name: str
    inputs: tuple[TensorSpec, ...]
    results: tuple[TensorSpec, ...]
    body: Callable[[Operations[T], Mapping[str, T]], dict[str, T]]

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the results, in order."""
        return tuple(result.name for result in self.results)


def chunk_rows(frames: int, first: bool) -> int:
    """Mel rows that make `frames` encoder frames: 8 each, but the stream's first frame takes 1."""
    return 8 * frames - 7 if first else 8 * frames


def stage_rows(rows: int, first: bool) -> list[int]:
    """Rows that leave each of the three subsampling stages when `rows` mel rows enter a chunk."""
    counts = []
    for _ in range(3):
        rows = rows // 2 + 1 if first else rows // 2
        counts.append(rows)
    return counts


def build_graph(name: str, p: Parameters, frames: int) -> "Graph[T]":
    """The graph called `name` for `frames` encoder frames in a call (ignored by the decoder's)."""
    if name.startswith("pre"):
        if name == "predict":
            return _predict(p)
        return _pre(name, p, frames)
    if name.startswith("conformer"):
        return _conformer(name, p, frames)
    if name == "joint":
        return _joint(p)
    raise ValueError(f"no graph is called {name!r}")


def _pre(name: str, p: Parameters, frames: int) -> "Graph[T]":
    first, masked = "first" in name, "tail" in name
    rows, mels = chunk_rows(frames, first), p.config.features.num_mels
    inputs = [TensorSpec("mel", (1, rows, mels))]
    cache_shapes = subsampling_cache_shapes(p.config)
    if not first:
        inputs += [TensorSpec(f"cache{n}", shape) for n, shape in enumerate(cache_shapes)]
    if masked:
        counts = stage_rows(rows, first)
        inputs += [TensorSpec(f"row_mask{n}", (1, 1, c, 1)) for n, c in enumerate(counts)]

    def body(ops: Operations[T], x: Mapping[str, T]) -> dict[str, T]:
        mel = ops.reshape(x["mel"], (1, 1, rows, mels))
        caches = None if first else [x[f"cache{n}"] for n in range(3)]
        masks = [x[f"row_mask{n}"] for n in range(3)] if masked else None
        embeds, new = layers.subsampling(ops, p, mel, frames, caches, masks)
        return {"embeds": embeds} | {f"cache{n}_out": c for n, c in enumerate(new)}

    embeds = TensorSpec("embeds", (1, frames, p.config.hidden_size))
    caches_out = [TensorSpec(f"cache{n}_out", shape) for n, shape in enumerate(cache_shapes)]
    return Graph(name, tuple(inputs), (embeds, *caches_out), body)


def _conformer(name: str, p: Parameters, frames: int) -> "Graph[T]":
    config = p.config
    last = name.endswith("b")
    span = range(config.first_half, config.num_layers) if last else range(config.first_half)
    attention_cache, conv_cache = conformer_cache_shapes(config, len(span))
    inputs = [
        TensorSpec("embeds", (1, frames, config.hidden_size)),
        TensorSpec("neg_mask", (1, 1, frames, config.left_context + frames)),
        TensorSpec("k_cache", attention_cache),
        TensorSpec("v_cache", attention_cache),
        TensorSpec("conv_cache", conv_cache),
    ]
    if last:
        inputs.append(TensorSpec("one_hot", (1, config.num_prompts)))

    def body(ops: Operations[T], x: Mapping[str, T]) -> dict[str, T]:
        hidden, new = x["embeds"], []
        for n, layer in enumerate(span):
            cache = layers.LayerCache(
                *(ops.slice(x[key], 0, n, n + 1) for key in ("k_cache", "v_cache", "conv_cache"))
            )
            hidden, cache = layers.conformer_layer(
                ops, p, layer, hidden, x["neg_mask"], cache, frames
            )
            new.append(cache)
        caches = {
            "k_cache_out": ops.concat([c.keys for c in new], 0),
            "v_cache_out": ops.concat([c.values for c in new], 0),
            "conv_cache_out": ops.concat([c.conv for c in new], 0),
        }
        if not last:
            return {"embeds_out": hidden} | caches
        fused = layers.prompt_fusion(ops, p, hidden, x["one_hot"])
        projector = "encoder_projector."
        enc_proj = ops.linear(fused, p[projector + "weight"], p[projector + "bias"])
        return {"enc_proj": enc_proj} | caches

    results = (
        TensorSpec("enc_proj", (1, frames, config.decoder_size))
        if last
        else TensorSpec("embeds_out", (1, frames, config.hidden_size)),
        TensorSpec("k_cache_out", attention_cache),
        TensorSpec("v_cache_out", attention_cache),
        TensorSpec("conv_cache_out", conv_cache),
    )
    return Graph(name, tuple(inputs), results, body)


def _predict(p: Parameters) -> "Graph[T]":
    state = (p.config.decoder_layers, 1, p.config.decoder_size)

    def body(ops: Operations[T], x: Mapping[str, T]) -> dict[str, T]:
        out = ops.gather(p["decoder.embedding.weight"], x["token"])
        hs, cs = [], []
        for layer in range(p.config.decoder_layers):
            h, c = (ops.slice(x[key], 0, layer, layer + 1) for key in ("h", "c"))
            out, c = layers.lstm_layer(ops, p, layer, out, h, c)
            hs.append(out)
            cs.append(c)
        projector = "decoder.decoder_projector."
        out = ops.reshape(out, (1, p.config.decoder_size))
        return {
            "dec_out": ops.linear(out, p[projector + "weight"], p[projector + "bias"]),
            "h_out": ops.concat(hs, 0),
            "c_out": ops.concat(cs, 0),
        }

    inputs = (TensorSpec("token", (1, 1), "int32"), TensorSpec("h", state), TensorSpec("c", state))
    results = (
        TensorSpec("dec_out", (1, p.config.decoder_size)),
        TensorSpec("h_out", state),
        TensorSpec("c_out", state),
    )
    return Graph("predict", inputs, results, body)


def _joint(p: Parameters) -> "Graph[T]":
    size = p.config.decoder_size

    def body(ops: Operations[T], x: Mapping[str, T]) -> dict[str, T]:
        hidden = ops.relu(ops.add(x["enc_frame"], x["dec_out"]))
        head = "joint.head."
        return {"token_logits": ops.linear(hidden, p[head + "weight"], p[head + "bias"])}

    # One predictor output meets any number of frames at once, which reads the head's weights once.
    inputs = (TensorSpec("dec_out", (1, size)), TensorSpec("enc_frame", (None, size)))
    return Graph("joint", inputs, (TensorSpec("token_logits", (None, p.config.vocab_size)),), body)


def subsampling_cache_shapes(config: ModelConfig) -> list[tuple[int, ...]]:
    """Each stage's last input row, padded in frequency: [1, channels in, 1, mels + 3]."""
    channels, mels = config.subsampling_channels, config.subsampled_mels
    padding = sum(layers.MEL_PADDING)
    return [
        (1, 1, 1, config.features.num_mels + padding),
        (1, channels, 1, mels[0] + padding),
        (1, channels, 1, mels[1] + padding),
    ]


def conformer_cache_shapes(
    config: ModelConfig, num_layers: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shapes of the key (and value) cache and of the convolution cache of `num_layers` layers."""
    return (
        (num_layers, config.num_heads, config.left_context, config.head_size),
        (num_layers, config.hidden_size, config.conv_kernel - 1),
    )
