"""A model with random weights, so small that tests of the engine take milliseconds."""

from functools import cache

import numpy as np

from nemocli.network.config import ModelConfig
from nemocli.network.features import FeatureConfig
from nemocli.network.graphs import build_graph
from nemocli.network.parameters import Parameters, list_shapes
from nemocli.runtimes.fixed_shapes import FixedShapeRuntime
from nemocli.runtimes.numpy.runtime import NumpyRuntime
from nemocli.transcriber import Transcriber
from tests.engine.offline import Offline, mel_rows
from tests.sounds import speech_like

FEATURES = FeatureConfig(
    sampling_rate=16000, n_fft=512, win_length=400, hop_length=160, num_mels=20, preemphasis=0.97
)

#: All sizes that could be confused differ, and so do the two halves of the layers.
CONFIG = ModelConfig(
    features=FEATURES,
    hidden_size=12,
    num_layers=3,
    num_heads=2,
    ff_size=18,
    conv_kernel=4,
    subsampling_channels=5,
    left_context=9,
    lookaheads=(3, 0, 2),
    default_lookahead=3,
    num_prompts=4,
    prompt_size=16,
    default_prompt=3,
    vocab_size=11,
    blank_id=7,
    decoder_size=14,
    decoder_layers=2,
    max_symbols=3,
    prompts={"en-US": 0, "de-DE": 1, "ja-JP": 2, "auto": 3},
    languages=("en-US", "de-DE", "ja-JP"),
)

#: Pieces by id. `Letters` makes text of them.
VOCABULARY = ("<en-US>", "▁a", "▁b", "▁c", "d", "e", "f", "<blank>", "g", "▁h", "i")


class Weights(dict):
    """Random arrays by name; no scale is 1 and no bias is 0.

    A random transducer emits nothing or never stops. Therefore each token has a dimension of the
    joint: the token is emitted if that is high, and the predictor keeps that of the last token low.
    """

    def __init__(self, seed=2):
        rng = np.random.default_rng(seed)
        for name, shape in list_shapes(CONFIG).items():
            wide = "decoder." in name or "joint" in name
            values = rng.normal(size=shape) * (2 if wide else 1.2)
            if len(shape) > 1 and not name.endswith(("bias_u", "bias_v", "embedding.weight")):
                values /= np.sqrt(np.prod(shape[1:]))
            elif "norm" in name and name.endswith("weight"):
                values = 1 + 0.2 * values
            else:
                values *= 0.3
            self[name] = values.astype(np.float32)
        self._normalize_projection()
        self._suppress_last_token(rng)

    def shapes(self):
        return {name: value.shape for name, value in self.items()}

    def read(self, name):
        return self[name]

    def _normalize_projection(self):
        """Give enc_proj of speech the mean 0 and the deviation 1."""
        rows = mel_rows(speech_like(4, seed=99), FEATURES)
        enc_proj = np.concatenate(
            [Offline(CONFIG, self).encode(rows, 3, [n] * len(rows)) for n in (0, 1, 3)]
        )
        mean, deviation = enc_proj.mean(0), enc_proj.std(0)
        projector, bias = "encoder_projector.weight", "encoder_projector.bias"
        self[projector] = (self[projector] / deviation[:, None]).astype(np.float32)
        self[bias] = ((self[bias] - mean) / deviation).astype(np.float32)

    def _suppress_last_token(self, rng):
        """Fit the predictor's projector to lower the last token's dimension of the joint."""
        tokens = [token for token in range(CONFIG.vocab_size) if token != CONFIG.blank_id]
        offline, states, targets = Offline(CONFIG, self), [], []
        state = offline.initial_state()
        for number in rng.integers(len(tokens), size=300):
            _, state = offline.predict(tokens[number], state)
            states.append([*state[-1][0], 1])
            targets.append(-8 * np.eye(CONFIG.decoder_size)[number])
        fitted = np.linalg.lstsq(np.array(states), np.array(targets), rcond=None)[0]
        self["decoder.decoder_projector.weight"] = fitted[:-1].T.astype(np.float32)
        self["decoder.decoder_projector.bias"] = fitted[-1].astype(np.float32)
        self["joint.head.weight"] *= 0.5
        self["joint.head.weight"][tokens, np.arange(len(tokens))] += 4
        self["joint.head.bias"][CONFIG.blank_id] += 3


@cache
def weights():
    return Weights()


@cache
def offline():
    """Return the reference for the small model."""
    return Offline(CONFIG, weights())


class SmallRuntime(NumpyRuntime):
    """The small model in numpy, with the graphs for blocks.

    Like a device, it refuses inputs of other names, types and shapes than the graphs have.
    """

    def __init__(self, lookahead):
        self._parameters = Parameters(CONFIG, weights())
        super().__init__(self._parameters, lookahead)

    def run(self, graph, inputs):
        spec = build_graph(graph, self._parameters, self.lookahead + 1)
        assert set(inputs) == {wanted.name for wanted in spec.inputs}, graph
        for wanted in spec.inputs:
            array, about = inputs[wanted.name], (graph, wanted.name)
            assert array.dtype == wanted.dtype, about
            for size, length in zip(wanted.shape, array.shape, strict=True):
                assert isinstance(size, str) or size == length, about
        return super().run(graph, inputs)


class SmallDevice(FixedShapeRuntime):
    """The small model with graphs of fixed shapes: one chunk, or frame, of one stream in a call."""

    name = "device"

    def __init__(self, lookahead):
        super().__init__(CONFIG, lookahead)
        self._numpy = SmallRuntime(lookahead)
        self.loaded = []
        self._load_graphs()

    def _load(self, graph):
        self.loaded.append(graph)
        return build_graph(graph, Parameters(CONFIG, weights()), self.lookahead + 1)

    def _call(self, graph, function, inputs):
        assert function.name == graph
        for wanted in function.inputs:
            assert inputs[wanted.name].shape == wanted.known_shape, (graph, wanted.name)
        return self._numpy.run(graph, inputs)


def small_runtime(lookahead, blocks=True):
    return SmallRuntime(lookahead) if blocks else SmallDevice(lookahead)


def record(runtime):
    """Return a list that gets graph and inputs of each call; make copies of what is returned."""
    calls, run = [], runtime.run

    def recorded(graph, inputs):
        calls.append((graph, inputs))
        return {name: np.array(value) for name, value in run(graph, inputs).items()}

    runtime.run = recorded
    return calls


class Letters:
    """A token decoder for `VOCABULARY`."""

    def get_piece(self, token):
        return VOCABULARY[token]

    def decode_text(self, tokens):
        return "".join(VOCABULARY[token] for token in tokens).replace("▁", " ").strip()


def small(lookahead, blocks=True):
    """Make a transcriber of the small model."""
    return Transcriber(small_runtime(lookahead, blocks), Letters(), "small")
