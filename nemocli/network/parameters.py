"""The recognizer's weights by name, and parameters derived from them.

A derived parameter is a rearrangement that saves operations in every runtime: one matrix for
queries, keys and values, one for the LSTM's two products, constant factors folded in.
"""

import math

import numpy as np

from nemocli.network.config import ModelConfig
from nemocli.network.tensors import Array, NamedParameters, Parameter, WeightSource


def list_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor of the architecture, by its name on the hub."""
    shapes = _list_stem_shapes(config)
    for layer in range(config.num_layers):
        shapes |= _list_conformer_shapes(config, f"encoder.layers.{layer}.")
    return shapes | _list_decoder_shapes(config)


def _list_stem_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    c, d = config.subsampling_channels, config.hidden_size
    stem = "encoder.subsampling."
    shapes: dict[str, tuple[int, ...]] = {
        stem + "conv_in.weight": (c, 1, 3, 3),
        stem + "conv_in.bias": (c,),
        stem + "linear.weight": (d, c * config.subsampled_mels[2]),
        stem + "linear.bias": (d,),
    }
    for stage in (0, 1):
        prefix = f"{stem}layers.{stage}."
        shapes[prefix + "depthwise_conv.weight"] = (c, 1, 3, 3)
        shapes[prefix + "depthwise_conv.bias"] = (c,)
        shapes[prefix + "pointwise_conv.weight"] = (c, c, 1, 1)
        shapes[prefix + "pointwise_conv.bias"] = (c,)
    return shapes


def _list_conformer_shapes(config: ModelConfig, prefix: str) -> dict[str, tuple[int, ...]]:
    d, ff = config.hidden_size, config.ff_size
    shapes: dict[str, tuple[int, ...]] = {}
    for norm in ("feed_forward1", "self_att", "conv", "feed_forward2", "out"):
        shapes[f"{prefix}norm_{norm}.weight"] = (d,)
        shapes[f"{prefix}norm_{norm}.bias"] = (d,)
    for which in (1, 2):
        shapes[f"{prefix}feed_forward{which}.linear1.weight"] = (ff, d)
        shapes[f"{prefix}feed_forward{which}.linear2.weight"] = (d, ff)
    for projection in ("q", "k", "v", "o", "relative_k"):
        shapes[f"{prefix}self_attn.{projection}_proj.weight"] = (d, d)
    for bias in ("u", "v"):
        shapes[f"{prefix}self_attn.bias_{bias}"] = (config.num_heads, config.head_size)
    shapes |= {
        prefix + "conv.pointwise_conv1.weight": (2 * d, d, 1),
        prefix + "conv.depthwise_conv.weight": (d, 1, config.conv_kernel),
        prefix + "conv.norm.weight": (d,),
        prefix + "conv.norm.bias": (d,),
        prefix + "conv.pointwise_conv2.weight": (d, d, 1),
    }
    return shapes


def _list_decoder_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    d, h, vocab = config.hidden_size, config.decoder_size, config.vocab_size
    shapes: dict[str, tuple[int, ...]] = {}
    if config.has_prompts:
        shapes |= {
            "prompt_projector.linear_1.weight": (config.prompt_size, d + config.num_prompts),
            "prompt_projector.linear_1.bias": (config.prompt_size,),
            "prompt_projector.linear_2.weight": (d, config.prompt_size),
            "prompt_projector.linear_2.bias": (d,),
        }
    shapes |= {
        "encoder_projector.weight": (h, d),
        "encoder_projector.bias": (h,),
        "decoder.embedding.weight": (vocab, h),
        "decoder.decoder_projector.weight": (h, h),
        "decoder.decoder_projector.bias": (h,),
        "joint.head.weight": (vocab, h),
        "joint.head.bias": (vocab,),
    }
    for layer in range(config.decoder_layers):
        for kind in ("ih", "hh"):
            shapes[f"decoder.lstm.weight_{kind}_l{layer}"] = (4 * h, h)
            shapes[f"decoder.lstm.bias_{kind}_l{layer}"] = (4 * h,)
    return shapes


def count_weights(config: ModelConfig) -> int:
    """Count the numbers in all tensors."""
    return sum(math.prod(shape) for shape in list_shapes(config).values())


class Parameters(NamedParameters):
    """The network's parameters: those of the checkpoint by name, and the derived ones by method."""

    def __init__(self, config: ModelConfig, source: WeightSource) -> None:
        self.config = config
        super().__init__(source, list_shapes(config))

    def matrix(self, name: str) -> Parameter:
        """Return a 1x1 convolution's weight [out, in, 1] as a matrix [out, in]."""
        return Parameter(name + ".matrix", lambda: self.read(name)[:, :, 0])

    def half(self, name: str) -> Parameter:
        """Return a weight times 0.5, exactly: for the half step of a conformer's feed forward."""
        return Parameter(name + ".half", lambda: self.read(name) * np.float32(0.5))

    def qkv(self, layer: int) -> Parameter:
        """Return one matrix [3 hidden, hidden] for queries (scaled), keys and values.

        Queries are scaled by 1/sqrt(head size).
        """
        prefix = f"encoder.layers.{layer}.self_attn."

        def load() -> Array:
            q, k, v = (self.read(f"{prefix}{part}_proj.weight") for part in "qkv")
            return np.concatenate([q * self._attention_scale, k, v])

        return Parameter(prefix + "qkv_proj.weight", load)

    def query_bias(self, layer: int, which: str) -> Parameter:
        """Return bias_u or bias_v, scaled like the queries, as [heads, 1, head size]."""
        name = f"encoder.layers.{layer}.self_attn.bias_{which}"
        return Parameter(
            name + ".scaled", lambda: (self.read(name) * self._attention_scale)[:, None]
        )

    def relative_keys(self, layer: int, frames: int) -> Parameter:
        """Return the keys by distance, [heads, head size, left + 2 frames - 1].

        Column c is for the distance (left + frames - 1) - c between a query and a key; with
        `frames` queries over `left + frames` keys no other distances occur. Transformer-XL,
        appendix B (arXiv:1901.02860).
        """
        name = f"encoder.layers.{layer}.self_attn.relative_k_proj.weight"
        heads, size = self.config.num_heads, self.config.head_size

        def load() -> Array:
            table = _compute_sinusoids(
                self.config.left_context + frames - 1, 1 - frames, heads * size
            )
            keys = table @ self.read(name).T
            return np.ascontiguousarray(keys.reshape(len(table), heads, size).transpose(1, 2, 0))

        return Parameter(f"{name}.keys{frames}", load)

    def prompt_columns(self, which: str) -> Parameter:
        """Return the columns of prompt fusion's first matrix for the "encoder" or the "prompt".

        Their products are summed instead of multiplying the concatenation: the prompt's is then
        computed once for all frames.
        """
        name, d = "prompt_projector.linear_1.weight", self.config.hidden_size
        columns = {"encoder": slice(0, d), "prompt": slice(d, None)}[which]
        return Parameter(
            f"{name}.{which}",
            lambda: np.ascontiguousarray(self.read(name)[:, columns]),
        )

    def lstm_weight(self, layer: int) -> Parameter:
        """Return input and recurrent matrices side by side, [4 size, 2 size], gates i f g o."""
        return Parameter(
            f"decoder.lstm.weight_l{layer}",
            lambda: np.concatenate(
                [self.read(f"decoder.lstm.weight_{k}_l{layer}") for k in ("ih", "hh")], 1
            ),
        )

    def lstm_bias(self, layer: int) -> Parameter:
        """Return the sum of the two bias vectors, [4 size]."""
        return Parameter(
            f"decoder.lstm.bias_l{layer}",
            lambda: (
                self.read(f"decoder.lstm.bias_ih_l{layer}")
                + self.read(f"decoder.lstm.bias_hh_l{layer}")
            ),
        )

    @property
    def _attention_scale(self) -> np.float32:
        return np.float32(self.config.head_size**-0.5)


def _compute_sinusoids(first: int, last: int, size: int) -> Array:
    """Compute a row for each distance first, first - 1, ..., last; sine and cosine interleaved."""
    distance = np.arange(first, last - 1, -1, dtype=np.float32)
    exponent = np.arange(0, size, 2, dtype=np.float32) / np.float32(size)
    angle = distance[:, None] * (np.float32(1.0) / np.float32(10000.0) ** exponent)
    return np.stack([np.sin(angle), np.cos(angle)], -1).reshape(len(distance), size)
