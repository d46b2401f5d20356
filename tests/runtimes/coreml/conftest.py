"""Checkpoints as Core ML packages, each written once, and numpy runtimes to compare with."""

import dataclasses
import gc
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nemocli.network.checkpoint import Checkpoint
from nemocli.network.graphs import DECODER_GRAPHS
from nemocli.network.parameters import Parameters, list_shapes
from nemocli.runtimes.numpy.runtime import NumpyOperations, NumpyRuntime
from nemocli.transcriber import Transcriber
from nemocli.transcript.token_decoder import TokenDecoder
from tests.missing import skips_without
from tests.once import made_once
from tests.sounds import speech_like

pytest_pycollect_makemodule = skips_without("coremltools", reason="needs coremltools")

#: Sizes that differ from the demo's, with an even and an odd number of layers.
SHAPES = {
    "even": {
        "hidden_size": 64,
        "num_layers": 2,
        "num_heads": 2,
        "ff_size": 96,
        "subsampling_channels": 8,
        "prompt_size": 64,
        "decoder_size": 32,
    },
    "odd": {
        "hidden_size": 36,
        "num_layers": 3,
        "num_heads": 3,
        "ff_size": 40,
        "conv_kernel": 5,
        "left_context": 28,
        "subsampling_channels": 4,
        "prompt_size": 24,
        "decoder_size": 20,
        "decoder_layers": 1,
    },
}


class RandomWeights:
    """Random tensors by name, with a gain of about 1 everywhere; no scale is 1, no bias 0."""

    def __init__(self, config):
        self._shapes = list_shapes(config)

    def shapes(self):
        return self._shapes

    def read(self, name):
        shape = self._shapes[name]
        draw = np.random.default_rng(sum(name.encode())).normal(size=shape).astype(np.float32)
        if name == "encoder.subsampling.conv_in.bias":
            return 3 + draw  # mels are about -9
        if len(shape) == 1:
            return (1 if "norm" in name and name.endswith("weight") else 0) + 0.2 * draw
        return draw * np.float32(1.4 / np.sqrt(np.prod(shape[1:])))


class RoundedConstants(NumpyOperations):
    """Operations of numpy with every parameter rounded to float16, as in the packages' encoder."""

    def constant(self, value):
        if value.name not in self._loaded:
            self._loaded[value.name] = value.load().astype(np.float16).astype(np.float32)
        return self._loaded[value.name]


class RoundedNumpyRuntime(NumpyRuntime):
    def __init__(self, parameters, lookahead):
        super().__init__(parameters, lookahead)
        self._exact, self._rounded = self._operations, RoundedConstants()

    def run(self, graph, inputs):
        self._operations = self._exact if graph in DECODER_GRAPHS else self._rounded
        return super().run(graph, inputs)


@dataclasses.dataclass(frozen=True)
class StreamResult:
    """The result of a stream: tokens with their frames, the encoder's frames, the text."""

    tokens: list[tuple[int, int]]
    enc_proj: np.ndarray
    text: str


@dataclasses.dataclass(frozen=True)
class Case:
    """A checkpoint, and its packages at a precision and some lookaheads."""

    parameters: Parameters
    write: Callable[..., Path]
    tokenizer: str

    def transcribe(self, runtime, sound, lang="auto"):
        """Transcribe a sound in packets of a third of a second."""
        session = Transcriber(runtime, TokenDecoder(self.tokenizer), "a test").session(
            lang, keep_encoder=True
        )
        for start in range(0, len(sound), 5333):
            session.feed(sound[start : start + 5333])
        final = session.finish()
        tokens = [(token.id, token.frame) for token in final.tokens]
        return StreamResult(tokens, np.concatenate(session.enc_proj), final.text)


@pytest.fixture(scope="session", autouse=True)
def quicker():
    """coremltools checks and prints a program after each of a hundred passes, most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        make_quicker(patch)
        yield


def make_quicker(patch):
    with pytest.MonkeyPatch.context() as importing:
        importing.setitem(sys.modules, "sklearn", None)  # as the command does
        from coremltools.converters.mil.mil import Program

    gc.freeze()  # it searches all that it has imported for garbage, twice for each package

    patch.setattr(Program, "validate", lambda *args, **options: None)
    patch.setattr(Program, "__str__", lambda program: "")


@pytest.fixture(scope="session")
def case(demo, tmp_path_factory):
    """Give a function that returns the Case `demo`, `even` or `odd` by its name."""
    checkpoint = Checkpoint(demo)
    cases = {}

    def get(name):
        if name not in cases:
            parameters = checkpoint.parameters if name == "demo" else random_parameters(name, demo)
            write = _writer(name, parameters, tmp_path_factory)
            cases[name] = Case(parameters, write, checkpoint.tokenizer)
        return cases[name]

    return get


def _writer(case, parameters, tmp_path_factory):
    from nemocli.runtimes.coreml import files

    def write(precision, lookaheads, graphs=None):
        """Write the packages, or only those of some `graphs`; return their folder."""

        def make(folder):
            folder.mkdir()
            with pytest.MonkeyPatch.context() as patch:
                if graphs:
                    patch.setattr(files, "DECODER_GRAPHS", ())
                    patch.setattr(files, "ENCODER_GRAPHS", graphs)
                files.write_graphs(parameters, folder, lookaheads, precision, lambda *_: None)

        about = [case, precision, *map(str, lookaheads), *(graphs or ())]
        return made_once(tmp_path_factory, "-".join(["coreml", *about]), make)

    return write


def random_parameters(name, demo):
    """Make a random network that emits tokens on about a third of the frames."""
    config = dataclasses.replace(Checkpoint(demo).config, **SHAPES[name])
    parameters = Parameters(config, RandomWeights(config))
    runtime = NumpyRuntime(parameters, 3)
    case = Case(parameters, lambda: Path(), (demo / "tokenizer.json").read_text())
    frames = case.transcribe(runtime, speech_like(4.0, seed=9)).enc_proj
    state = np.zeros((config.decoder_layers, 1, config.decoder_size), np.float32)
    blank = np.array([[config.blank_id]], np.int32)
    dec_out = runtime.run("predict", {"token": blank, "h": state, "c": state})["dec_out"]
    logits = runtime.run("joint", {"dec_out": dec_out, "enc_frame": frames})["token_logits"]
    others = np.delete(logits, config.blank_id, 1).max(1)
    shift = np.quantile(others - logits[:, config.blank_id], 0.67)
    return Parameters(config, _Shifted(config, np.float32(shift)))


class _Shifted(RandomWeights):
    def __init__(self, config, shift):
        super().__init__(config)
        self._blank, self._shift = config.blank_id, shift

    def read(self, name):
        array = super().read(name)
        if name == "joint.head.bias":
            array[self._blank] += self._shift
        return array
