"""The sizes of the model in a bundle, read from the shapes of its graphs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nemocli.errors import ModelError, UnsupportedError, UsageError
from nemocli.network import released
from nemocli.network.config import ModelConfig
from nemocli.network.graphs import Graph, build_graph
from nemocli.network.parameters import Parameters, list_shapes
from nemocli.runtimes.coreai.bundle import (
    GRAPHS,
    LOOKAHEAD,
    STREAM_GRAPHS,
    TYPES,
    Bundle,
    rename_results,
)
from nemocli.runtimes.coreai.kind import KIND
from nemocli.runtimes.coreai.layout import LAYOUT
from nemocli.runtimes.coreai.native_silence import silence_stderr

#: How Core AI describes a tensor: `NDArray (Float16, 1 × 25 × 128)`.
_TENSOR = re.compile(r"NDArray \((\w+), (\d{1,9}(?: × \d{1,9}){0,7})\)")


@dataclass(frozen=True)
class Tensor:
    """Data type and shape of an input or an output, such as float16 [1, 25, 128]."""

    dtype: str
    shape: tuple[int, ...]


#: Inputs and outputs of a graph, by name.
Signature = Mapping[str, Tensor]


def read_config(bundle: Bundle) -> ModelConfig:
    """Return the model's sizes, without loading weights; the rest is that of the released model.

    Raises UnsupportedError without Core AI, and ModelError for a package that cannot be read, or
    for graphs that do not fit each other.
    """
    signatures = {graph: _read_signature(bundle, graph) for graph in GRAPHS}
    try:
        config = _find_sizes(signatures)
        expected = {graph: _expect(config, graph, bundle.precision) for graph in GRAPHS}
    except (LookupError, ValueError, ModelError):
        raise ModelError(
            f"The bundle in {bundle.folder} has graphs that do not fit each other: get it again,"
            " or choose another one."
        ) from None
    for graph in GRAPHS:
        for name, tensor in expected[graph].items():
            if signatures[graph].get(name) != tensor:
                path = bundle.get_package_path(graph)
                raise ModelError(
                    f"{path} does not fit the bundle's other graphs in {name!r}:"
                    " get the bundle again, or choose another one."
                )
    return config


def _read_signature(bundle: Bundle, graph: str) -> Signature:
    try:
        from coreai.authoring import AIModelAsset
    except ImportError:
        raise UnsupportedError(KIND.missing_library) from None
    package = bundle.get_package_path(graph)
    try:
        with silence_stderr():  # the native parser writes to stderr
            summary = AIModelAsset.load(package).summary(include_statistics=False)
            if summary is None or "main" not in summary.function_names:
                raise ValueError("it has no function 'main'")
            described = [*summary.function_inputs("main"), *summary.function_outputs("main")]
        return {name: _parse_tensor(text) for name, text in described}
    except Exception as error:  # coreai's exceptions share no base class
        reason = str(error).rstrip(".")
        raise ModelError(
            f"Core AI cannot read {package}: {reason}. Get the bundle again."
        ) from None


def _parse_tensor(text: str) -> Tensor:
    match = _TENSOR.fullmatch(text)
    if match is None:
        raise ValueError(f"a tensor of an unknown form: {text}")
    return Tensor(match[1].lower(), tuple(int(size) for size in match[2].split(" × ")))


def _find_sizes(signatures: Mapping[str, Signature]) -> ModelConfig:
    """Return the sizes that the shapes show; KeyError, ValueError or IndexError for others."""
    pre, first, second = (signatures[name] for name in ("pre_first", "conformer_a", "conformer_b"))
    _, frames, hidden = pre["embeds"].shape
    layers, heads, left_context, _ = first["k_cache"].shape
    vocabulary = signatures["joint"]["token_logits"].shape[1]
    decoder_layers, _, decoder_size = signatures["predict"]["h"].shape
    sizes = {
        "features": vars(released.make_features(pre["mel"].shape[2])),
        "hidden_size": hidden,
        "num_layers": layers + second["k_cache"].shape[0],
        "num_heads": heads,
        "conv_kernel": first["conv_cache"].shape[2] + 1,
        "subsampling_channels": signatures["pre"]["cache1"].shape[1],
        "left_context": left_context,
        "num_prompts": second["one_hot"].shape[1],
        "vocab_size": vocabulary,
        "decoder_size": decoder_size,
        "decoder_layers": decoder_layers,
    }
    try:
        return ModelConfig.from_json(sizes | _find_rest(hidden, vocabulary, frames - 1))
    except TypeError as error:
        raise ValueError(str(error)) from None


def _find_rest(hidden: int, vocabulary: int, lookahead: int) -> dict[str, object]:
    """Return what shapes do not tell: it is that of the released model.

    The sizes inside feed-forward and prompt layers only serve to count weights.
    """
    return {
        "ff_size": 4 * hidden,
        "prompt_size": 2 * hidden,
        "lookaheads": (lookahead,),
        "default_lookahead": lookahead,
        "blank_id": vocabulary - 1,
        "max_symbols": released.SYMBOLS_PER_FRAME,
        "default_prompt": released.DEFAULT_PROMPT,
        "prompts": dict(released.PROMPTS),
        "languages": (),
    }


def fit_config_to_bundle(config: ModelConfig) -> ModelConfig:
    """Return the configuration that a bundle written from a model will show.

    Raises UsageError if the layout cannot express the model, which would then be run wrongly.
    """
    features = released.make_features(config.features.num_mels)
    others = [
        name for name, index in released.PROMPTS.items() if config.prompts.get(name, index) != index
    ]
    problems = [
        (LOOKAHEAD not in config.lookaheads, f"it has no lookahead {LOOKAHEAD}"),
        (config.features != features, "its mel front end is another one"),
        (config.blank_id != config.vocab_size - 1, "its blank is not the last token"),
        (
            config.max_symbols != released.SYMBOLS_PER_FRAME,
            f"it emits up to {config.max_symbols} tokens on a frame,"
            f" not {released.SYMBOLS_PER_FRAME}",
        ),
        (not config.has_prompts, "it has no prompts"),
        (config.num_prompts <= max(released.PROMPTS.values()), "it has fewer prompts"),
        (bool(others), f"its prompt for {next(iter(others), None)} is another one"),
    ]
    for is_wrong, why in problems:
        if is_wrong:
            raise UsageError(
                f"The layout {LAYOUT} has no configuration, so that it is only for models like the"
                f" released one, and this is none: {why}."
            )
    rest = _find_rest(config.hidden_size, config.vocab_size, LOOKAHEAD)
    return ModelConfig.from_json(config.to_json() | rest)


class _OnlyShapes:
    """A source of weights that has none, for graphs that are never computed."""

    def __init__(self, config: ModelConfig) -> None:
        self._config = config

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """See WeightSource."""
        return list_shapes(self._config)

    def read(self, name: str) -> NDArray[np.float32]:
        """See WeightSource."""
        raise LookupError(name)


def _expect(config: ModelConfig, graph: str, precision: str) -> Signature:
    """Return the inputs and outputs that a graph has in a bundle of these sizes."""
    frames = config.default_lookahead + 1
    built: Graph[None] = build_graph(graph, Parameters(config, _OnlyShapes(config)), frames)
    floats = TYPES[precision] if graph in STREAM_GRAPHS else TYPES["fp32"]
    names = rename_results(graph)
    return {
        names.get(spec.name, spec.name): Tensor(
            "int32" if spec.dtype == "int32" else floats, spec.known_shape
        )
        for spec in (*built.inputs, *built.results)
    }
