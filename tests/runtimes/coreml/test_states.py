"""Functions with states: their outputs are those of the functions whose caches are arrays."""

import numpy as np
import pytest

from nemocli.runtimes.coreml.package_files import MODEL
from nemocli.runtimes.coreml.states import CACHES, STATE_GRAPHS
from nemocli.transcriber import Transcriber
from nemocli.transcript.token_decoder import TokenDecoder
from tests.mlprogram.evaluate import Evaluator
from tests.mlprogram.reader import Package
from tests.mlprogram.runtime import EvaluatedRuntime
from tests.repeats import repeats
from tests.sounds import speech_like

CHUNKS = 4


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("graph", STATE_GRAPHS)
def test_the_caches_are_the_same_chunk_by_chunk(case, graph, exact):
    package = Package(case("demo").write("fp16", (3,)) / f"{graph}.mlpackage")
    arrays = Evaluator(package.functions["lookahead3"], exact)
    states = Evaluator(package.functions["lookahead3_states"], exact)
    assert [state.name for state in states.function.states] == list(CACHES)
    assert not arrays.function.states
    state, rng = states.make_state(), np.random.default_rng(4)
    dtype = np.float32 if exact else np.float16
    caches = {name: value.astype(dtype) for name, value in state.items()}
    for _ in range(CHUNKS):
        inputs = {
            tensor.name: rng.normal(size=tensor.shape).astype(dtype)
            for tensor in states.function.inputs
        }
        expected = arrays(inputs | caches)
        result = states(inputs, state)
        for name in CACHES:
            caches[name] = expected.pop(f"{name}_out")
            np.testing.assert_array_equal(state[name], caches[name])
        assert result.keys() == expected.keys()
        for name, value in result.items():
            np.testing.assert_array_equal(value, expected[name])
    assert all(np.any(value) for value in state.values())


def test_states_share_the_weights_and_are_described(case):
    folder = case("demo").write("fp16", (3,)) / "conformer_b.mlpackage"
    functions = Package(folder).model.description.functions
    assert [function.name for function in functions] == ["lookahead3", "lookahead3_states"]
    states = functions[1].state
    assert [state.name for state in states] == list(CACHES)
    assert {state.type.WhichOneof("Type") for state in states} == {"stateType"}
    assert "axes in the order [0, 2, 1]" in states[2].shortDescription
    assert [feature.name for feature in functions[1].output] == ["enc_proj"]
    # Both functions name the same places of the file of weights.
    program = Package(folder).model.mlProgram
    offsets = [
        {
            value.blobFileValue.offset
            for block in function.block_specializations.values()
            for operation in block.operations
            for value in operation.attributes.values()
            if value.WhichOneof("value") == "blobFileValue"
        }
        for function in program.functions.values()
    ]
    assert len(offsets[0]) > 20 and offsets[0] == offsets[1]
    assert (folder / MODEL).stat().st_size < 1e6


def test_without_rounding_there_are_none(case):
    package = Package(case("even").write("fp32", (3,)) / "conformer_a.mlpackage")
    assert list(package.functions) == ["lookahead3"]  # Core ML has states in float16 only


@pytest.fixture
def opened(case):
    """Give a function that opens the demo's packages, with a transfer or another."""
    demo = case("demo")
    folder = demo.write("fp16", (3,))

    def get(transfer=None):
        return EvaluatedRuntime(folder, demo.parameters.config, 3, exact=False, transfer=transfer)

    return get


def test_a_stream_has_the_same_tokens(case, opened, clips):
    for clip in clips[:2]:
        expected = case("demo").transcribe(opened(), clip.samples, clip.lang)
        result = case("demo").transcribe(opened("states"), clip.samples, clip.lang)
        assert result.tokens == expected.tokens != []
        np.testing.assert_array_equal(result.enc_proj, expected.enc_proj)


#: Writing a package takes seconds for each lookahead.
SIZES = [("odd", 3), *(("odd", n) for n in (0, 6, 13)), *(("even", n) for n in (0, 3, 6, 13))]


@pytest.mark.parametrize(("name", "lookahead"), repeats(SIZES, 0))
def test_other_sizes_too(case, name, lookahead):
    sizes = case(name)
    folder, config = sizes.write("fp16", (lookahead,)), sizes.parameters.config
    results = [
        sizes.transcribe(
            EvaluatedRuntime(folder, config, lookahead, exact=False, transfer=transfer),
            speech_like(4.0, seed=6),
            "ja",
        )
        for transfer in (None, "states")
    ]
    assert results[0].tokens == results[1].tokens != []
    np.testing.assert_array_equal(results[0].enc_proj, results[1].enc_proj)


def test_each_stream_has_its_own_states(case, opened, clips):
    decoder = TokenDecoder(case("demo").tokenizer)
    texts = {}
    for transfer in (None, "states"):
        transcriber = Transcriber(opened(transfer), decoder, "a test")
        sessions = [transcriber.session(clip.lang) for clip in clips[:2]]
        for start in range(0, max(len(clip.samples) for clip in clips[:2]), 8000):
            for session, clip in zip(sessions, clips, strict=False):
                if len(packet := clip.samples[start : start + 8000]):
                    session.feed(packet)
        texts[transfer] = [session.finish().text for session in sessions]
    assert texts["states"] == texts[None] == [clip.text for clip in clips[:2]]


def test_a_stream_does_not_go_back(opened):
    runtime = opened("states")
    config, graph = runtime.config, "conformer_a"
    half = (config.first_half, config.num_heads, config.left_context, config.head_size)
    inputs = {
        "embeds": np.zeros((1, 4, config.hidden_size), np.float32),
        "neg_mask": np.zeros((1, 1, 4, config.left_context + 4), np.float32),
    }
    caches = dict.fromkeys(CACHES, np.zeros(half, np.float32))
    first = runtime.run(graph, inputs | caches)
    held = {name: first[f"{name}_out"] for name in CACHES}
    runtime.run(graph, inputs | held)
    with pytest.raises(ValueError, match="only forward"):
        runtime.run(graph, inputs | held)
    with pytest.raises(ValueError, match="begins with zeros"):
        runtime.run(graph, inputs | dict.fromkeys(CACHES, np.ones(half, np.float32)))
