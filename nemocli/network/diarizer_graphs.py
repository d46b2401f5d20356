"""The graphs of a diarization model: names, inputs, outputs and shapes, the same in every runtime.

`embed` makes frames of mel rows, and `diarize` computes the logits of a step. Where shapes may
vary, one call takes any number of frames of any number of streams. Devices need fixed shapes: for
them, `embedN` takes N frames of one stream, and `diarizeN` a step of N, those that are too many
hidden by a mask.
"""

import re
from collections.abc import Iterable, Mapping

from nemocli.network import diarizer_layers as layers
from nemocli.network.diarizer_config import ROWS_PER_FRAME
from nemocli.network.diarizer_parameters import TOWER, DiarizerParameters
from nemocli.network.graphs import Graph, TensorSpec
from nemocli.network.operations import Operations, T

EMBED, DIARIZE = "embed", "diarize"

#: The graphs for any number of frames and streams.
DIARIZER_GRAPHS = (EMBED, DIARIZE)

_NAME = re.compile(rf"({EMBED}|{DIARIZE})(\d*)")


def build_diarizer_graph(name: str, p: DiarizerParameters) -> "Graph[T]":
    """Build a graph by its name, such as `diarize`, or `diarize541` for a fixed shape."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise ValueError(f"no graph is called {name!r}")
    frames = int(match[2]) if match[2] else None
    return _make_embed(name, p, frames) if match[1] == EMBED else _make_diarize(name, p, frames)


def is_diarizer_graph(name: str) -> bool:
    """Tell whether a graph of a diarization model has this name."""
    return _NAME.fullmatch(name) is not None


def split_diarizer_graph(name: str) -> tuple[str, str]:
    """Split the name of a graph of a fixed shape: that of its package, and of its function."""
    match = _NAME.fullmatch(name)
    if match is None or not match[2]:
        raise ValueError(f"no graph of a fixed shape is called {name!r}")
    return match[1], f"frames{match[2]}"


def list_fixed_graphs(sizes: Iterable[tuple[int, int]]) -> dict[str, list[str]]:
    """Return the graphs of fixed shapes, by the names of their packages.

    `sizes` are the frames that a step embeds, and those that it encodes, in each mode.
    """
    embedded, encoded = (dict.fromkeys(each) for each in zip(*sizes, strict=True))
    return {
        EMBED: [f"{EMBED}{frames}" for frames in embedded],
        DIARIZE: [f"{DIARIZE}{frames}" for frames in encoded],
    }


def _make_embed(name: str, p: DiarizerParameters, frames: int | None) -> "Graph[T]":
    at = ("batch", "frames") if frames is None else (1, frames)
    width = ROWS_PER_FRAME * p.config.features.num_mels

    def body(ops: Operations[T], x: Mapping[str, T]) -> dict[str, T]:
        return {"embeds": layers.embed_rows(ops, p, x["mel"], x["silent"])}

    inputs = (TensorSpec("mel", (*at, width)), TensorSpec("silent", (*at, 1)))
    return Graph(name, inputs, (TensorSpec("embeds", (*at, p.config.hidden_size)),), body)


def _make_diarize(name: str, p: DiarizerParameters, frames: int | None) -> "Graph[T]":
    config = p.config
    at = ("batch", "frames") if frames is None else (1, frames)
    turns = (
        ()
        if frames
        else tuple(TensorSpec(which, ("frames", config.head_size)) for which in ("cos", "sin"))
    )

    def body(ops: Operations[T], x: Mapping[str, T]) -> dict[str, T]:
        if frames is None:
            cos, sin = x["cos"], x["sin"]
        else:
            cos, sin = (ops.constant(p.rotation(which, frames)) for which in ("cos", "sin"))
        hidden = layers.normalize(ops, p, TOWER + "input_layer_norm.", x["embeds"])
        for layer in range(config.num_layers):
            hidden = layers.apply_encoder_layer(ops, p, layer, hidden, x["neg_mask"], cos, sin)
        hidden = layers.normalize(ops, p, TOWER + "layer_norm.", hidden)
        return {"logits": layers.classify(ops, p, hidden, x["keep"])}

    inputs = (
        TensorSpec("embeds", (*at, config.hidden_size)),
        TensorSpec("neg_mask", (at[0], 1, 1, at[1])),
        TensorSpec("keep", (*at, 1)),
        *turns,
    )
    rows = "rows" if frames is None else ROWS_PER_FRAME * frames
    logits = TensorSpec("logits", (at[0], rows, config.num_speakers))
    return Graph(name, inputs, (logits,), body)
