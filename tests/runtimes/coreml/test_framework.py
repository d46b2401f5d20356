"""Core ML called directly, with a stand-in in the framework's place: no cache is copied."""

import sys

import numpy as np
import pytest

from nemocli.errors import ModelError, UnsupportedError
from nemocli.runtimes.coreml.framework import Framework, _MultiArrays, import_bridge
from nemocli.transcriber import Transcriber
from nemocli.transcript.token_decoder import TokenDecoder
from tests.mlprogram.framework import Counter, MultiArray, StandInFramework, make_bridge
from tests.mlprogram.runtime import EvaluatedRuntime

#: Samples of a chunk at lookahead 3.
CHUNK = 5120


@pytest.fixture
def opened(case):
    """Give a function that opens the demo's packages with the stand-in, or without it."""
    demo = case("demo")
    folder = demo.write("fp16", (3,))

    def get(transfer=None, counter=None):
        backend = StandInFramework(counter) if counter else None
        return EvaluatedRuntime(folder, demo.parameters.config, 3, False, transfer, backend)

    return get


@pytest.mark.parametrize("transfer", ["direct", "direct-states"])
def test_the_results_are_those_of_copied_arrays(case, opened, clips, transfer):
    expected = case("demo").transcribe(opened(), clips[0].samples, clips[0].lang)
    result = case("demo").transcribe(opened(transfer, Counter()), clips[0].samples, clips[0].lang)
    assert result.tokens == expected.tokens != []
    np.testing.assert_array_equal(result.enc_proj, expected.enc_proj)


def moved(runtime, case, clip, counter):
    """Return the bytes that each chunk moved but the first and the last."""
    session = Transcriber(runtime, TokenDecoder(case("demo").tokenizer), "a test").session()
    session.feed(clip.samples[: 2 * CHUNK])
    counts = []
    for start in range(2 * CHUNK, len(clip.samples) - CHUNK, CHUNK):
        counter.reset()
        session.feed(clip.samples[start : start + CHUNK])
        counts.append((dict(counter.brought), counter.read))
    assert len(counts) > 3
    return counts


@pytest.mark.parametrize("transfer", ["direct", "direct-states"])
def test_no_cache_is_moved(case, opened, clips, transfer):
    counter, config = Counter(), case("demo").parameters.config
    for brought, read in moved(opened(transfer, counter), case, clips[0], counter):
        assert read == 0
        # The sound, what one graph passes to the next, and masks; of the decoder a frame at a time.
        assert set(brought) <= {
            *("mel", "embeds", "neg_mask", "one_hot", "token", "dec_out", "enc_frame")
        }
        if "token" not in brought:  # nothing was said: the chunk is the encoder's alone
            frames = 4 * (2 + 2 + 2) * config.decoder_size * 4
            masks = 2 * 2 * 4 * (config.left_context + 4)
            embeds = 2 * 2 * 4 * config.hidden_size
            assert sum(brought.values()) <= 2 * 32 * 128 + embeds + masks + 2 * 128 + frames


def test_what_is_declined_is_read_whatever_its_strides(case, opened, clips):
    counter, expected = Counter(), case("demo").transcribe(opened(), clips[0].samples)
    counter.gap = 5
    counter.declined = ("k_cache_out", "conv_cache_out", "cache1_out", "enc_proj", "h_out")
    runtime = opened("direct", counter)
    result = case("demo").transcribe(runtime, clips[0].samples)
    assert result.tokens == expected.tokens
    np.testing.assert_array_equal(result.enc_proj, expected.enc_proj)
    brought, read = moved(runtime, case, clips[0], counter)[0]
    config = case("demo").parameters.config
    keys = 2 * config.num_layers * config.num_heads * config.left_context * config.head_size
    assert brought["k_cache"] >= keys and brought["cache1"] and "v_cache" not in brought
    assert read > keys


@pytest.mark.parametrize("failure", ["error", "raise"])
def test_a_call_that_fails_is_said_in_a_sentence(opened, failure):
    counter = Counter()
    runtime = opened("direct", counter)
    counter.failure = failure
    state = np.zeros((2, 1, 144), np.float32)
    with pytest.raises(ModelError, match=r"cannot compute predict: .*framework.* --compute-units"):
        runtime.run("predict", {"token": np.array([[3]], np.int32), "h": state, "c": state})


def test_a_lack_of_memory_is_no_fault_of_the_model(opened):
    counter = Counter()
    runtime = opened("direct", counter)
    counter.failure = "memory"
    state = np.zeros((2, 1, 144), np.float32)
    with pytest.raises(MemoryError):
        runtime.run("predict", {"token": np.array([[3]], np.int32), "h": state, "c": state})


def test_arrays_are_wrapped_whatever_their_strides():
    arrays = _MultiArrays(make_bridge(Counter()))
    values = np.arange(12, dtype=np.float16).reshape(3, 4)
    for array in (values, values[None], values[:, None], values[2:]):
        wrapped = arrays.wrap(array)
        np.testing.assert_array_equal(wrapped.array, array)
        assert wrapped.strides()[-2:] == [array.shape[-1], 1]
    with pytest.raises(TypeError):
        arrays.wrap(values.T)


def test_a_function_that_is_not_there(case, opened, monkeypatch):
    monkeypatch.setattr(
        "nemocli.runtimes.coreml.runtime.name_state_function", lambda graph, lookahead: "nothing"
    )
    with pytest.raises(ModelError, match=r"says no\. Convert the model again"):
        opened("direct-states", Counter())


def test_outputs_of_another_shape_are_refused(opened):
    counter = Counter()
    runtime = opened("direct", counter)
    counter.declined = ("h_out",)
    own = MultiArray.own

    def give_less(array, gap):
        return own(array[:1], gap)

    state = np.zeros((2, 1, 144), np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MultiArray, "own", give_less)
        with pytest.raises(ModelError, match="which the package does not say"):
            runtime.run("predict", {"token": np.array([[3]], np.int32), "h": state, "c": state})


def test_pyobjc_that_copies_memory_is_refused(opened, monkeypatch):
    class Copying(MultiArray):
        def objectAtIndexedSubscript_(self, index):  # noqa: N802  pyobjc's name
            return 1  # what the array held before it was changed

    monkeypatch.setattr("tests.mlprogram.framework.MultiArray", Copying)
    with pytest.raises(UnsupportedError, match="copies the memory of arrays"):
        opened("direct", Counter())


def test_without_pyobjc_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "CoreML", None)
    with pytest.raises(UnsupportedError, match=r"pip install 'nemocli\[coreml\]'"):
        import_bridge()


@pytest.mark.skipif(sys.platform == "darwin", reason="here is Core ML")
def test_elsewhere_than_on_macos():
    with pytest.raises(UnsupportedError, match="needs macOS"):
        Framework()
