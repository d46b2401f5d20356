"""Functions with states: their outputs are those of the functions whose caches are arrays."""

import numpy as np
import pytest

from nemocli.runtimes.coreml.package import MODEL
from nemocli.runtimes.coreml.states import STATE_GRAPHS, STATES
from tests.mlprogram.evaluate import Evaluator
from tests.mlprogram.reader import Package

CHUNKS = 4


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("graph", STATE_GRAPHS)
def test_the_caches_are_the_same_chunk_by_chunk(case, graph, exact):
    package = Package(case("demo").write("fp16", (3,)) / f"{graph}.mlpackage")
    arrays = Evaluator(package.functions["lookahead3"], exact)
    states = Evaluator(package.functions["lookahead3_states"], exact)
    assert [state.name for state in states.function.states] == list(STATES)
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
        for name in STATES:
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
    assert [state.name for state in states] == list(STATES)
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
