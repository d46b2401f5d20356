"""A diarization model's weights by name, and parameters derived from them."""

import numpy as np

from nemocli.network.diarizer_config import ROWS_PER_FRAME, DiarizerConfig
from nemocli.network.tensors import Array, NamedParameters, Parameter, WeightSource

#: Where the encoder's tensors are.
TOWER = "model.audio_tower."

#: The learned embedding that stands for silence in the speaker cache.
SILENCE = "silence_embeds"


def list_diarizer_shapes(config: DiarizerConfig) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor of the architecture, by its name on the hub."""
    d, h = config.hidden_size, config.head_hidden_size
    rows = ROWS_PER_FRAME
    shapes: dict[str, tuple[int, ...]] = {
        TOWER + "embedder.projection.weight": (d, rows * config.features.num_mels),
        **_list_norm_shapes(TOWER + "input_layer_norm.", d),
        **_list_norm_shapes(TOWER + "layer_norm.", d),
        "model.proj.weight": (h, d),
        "model.proj.bias": (h,),
        "model.upsampler.conv.weight": (rows * h, h, 3),
        "model.upsampler.conv.bias": (rows * h,),
        "classifier.dense.weight": (h, h),
        "classifier.dense.bias": (h,),
        "classifier.out_proj.weight": (config.num_speakers, h),
        "classifier.out_proj.bias": (config.num_speakers,),
        SILENCE: (d,),
    }
    for layer in range(config.num_layers):
        shapes |= _list_layer_shapes(config, f"{TOWER}layers.{layer}.")
    return shapes


def _list_norm_shapes(prefix: str, size: int) -> dict[str, tuple[int, ...]]:
    return {prefix + "weight": (size,), prefix + "bias": (size,)}


def _list_layer_shapes(config: DiarizerConfig, prefix: str) -> dict[str, tuple[int, ...]]:
    d, ff = config.hidden_size, config.ff_size
    shapes = {f"{prefix}self_attn.{part}_proj.weight": (d, d) for part in "qkvo"}
    return {
        **shapes,
        prefix + "self_attn.o_proj.bias": (d,),
        **_list_norm_shapes(prefix + "layer_norm1.", d),
        **_list_norm_shapes(prefix + "layer_norm2.", d),
        prefix + "mlp.fc1.weight": (ff, d),
        prefix + "mlp.fc1.bias": (ff,),
        prefix + "mlp.fc2.weight": (d, ff),
        prefix + "mlp.fc2.bias": (d,),
    }


class DiarizerParameters(NamedParameters):
    """The network's parameters: those of the checkpoint by name, and the derived ones by method."""

    def __init__(self, config: DiarizerConfig, source: WeightSource) -> None:
        self.config = config
        super().__init__(source, list_diarizer_shapes(config))

    def qkv(self, layer: int) -> Parameter:
        """Return one matrix [3 hidden, hidden] for queries (scaled), keys and values.

        Queries are scaled by 1/sqrt(head size); turning them does not change their length.
        """
        prefix = f"{TOWER}layers.{layer}.self_attn."

        def load() -> Array:
            q, k, v = (self.read(f"{prefix}{part}_proj.weight") for part in "qkv")
            return np.concatenate([q * np.float32(self.config.head_size**-0.5), k, v])

        return Parameter(prefix + "qkv_proj.weight", load)

    def upsampling_matrix(self) -> Parameter:
        """Return the upsampling convolution as a matrix [8 h, 3 h] for three frames side by side.

        Its columns are those of the frame before, the frame itself, and the frame after.
        """
        name = "model.upsampler.conv.weight"

        def load() -> Array:
            weight = self.read(name)
            return np.ascontiguousarray(weight.transpose(0, 2, 1)).reshape(len(weight), -1)

        return Parameter(name + ".matrix", load)

    def rotation(self, which: str, rows: int) -> Parameter:
        """Return the cosines or sines of `compute_rotation` for a graph with a fixed size."""
        index = ("cos", "sin").index(which)
        return Parameter(
            f"rotation.{which}{rows}", lambda: compute_rotation(self.config, rows)[index]
        )


def compute_rotation(config: DiarizerConfig, rows: int) -> tuple[Array, Array]:
    """Compute the factors [rows, head size] by which each dimension turns at positions 0, 1, ...

    Dimension i of the first half is turned with dimension i of the second half. The sines are
    negative for the first half; for dimensions that are not turned, cosine is 1 and sine is 0.
    """
    size = config.rotary_size
    exponent = np.arange(0, size, 2, dtype=np.float32) / np.float32(size)
    frequency = np.float32(1) / np.float32(config.rotary_base) ** exponent
    angle = np.arange(rows, dtype=np.float32)[:, None] * frequency
    rest = (rows, config.head_size - size)
    cos = np.concatenate([np.cos(angle), np.cos(angle), np.ones(rest, np.float32)], 1)
    sin = np.concatenate([-np.sin(angle), np.sin(angle), np.zeros(rest, np.float32)], 1)
    return cos, sin
