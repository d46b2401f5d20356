"""Samples of any kind become the same floats, or one sentence says what is expected."""

import array

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemocli.engine.samples import as_samples
from nemocli.errors import NemocliError, UsageError
from tests.engine.small import small
from tests.sounds import speech_like

INTEGERS = st.lists(st.integers(-(2**15), 2**15 - 1), max_size=30)


@given(INTEGERS)
def test_every_kind_of_array_gives_the_same_floats(integers):
    samples = np.array(integers, np.int16)
    expected = samples.astype(np.float32) / 2**15
    floats = samples / 2**15
    for given_ in (
        samples,
        samples.astype(">i2"),
        array.array("h", integers),
        memoryview(array.array("h", integers)),
        memoryview(array.array("d", floats)),
        samples.astype(np.int32) << 16,
        (samples.astype(np.int32) + 2**15).astype(np.uint16),
        floats,
        floats.astype(np.longdouble),
        floats.tolist(),
        tuple(floats),
        np.repeat(samples, 2)[::2],
    ):
        found = as_samples(given_)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected)


@given(st.lists(st.integers(0, 255), max_size=30))
def test_eight_bits_are_as_in_wav_files(integers):
    unsigned = np.array(integers, np.uint8)
    signed = (unsigned.astype(np.int16) - 128).astype(np.int8)
    for given_ in (unsigned, signed, array.array("b", signed.tolist())):
        np.testing.assert_array_equal(as_samples(given_), signed / np.float32(128))


def test_what_was_given_is_not_changed():
    samples = np.ones(5, np.float32)
    as_samples(samples)[:] = 3
    assert (samples == 1).all()


def test_tensors_of_torch():
    torch = pytest.importorskip("torch")
    expected = [0.0, 0.5, -1.0]
    for kind in (torch.float16, torch.float32, torch.float64):
        assert as_samples(torch.tensor(expected, dtype=kind)).tolist() == expected
    integers = torch.tensor([0, 2**14, -(2**15)], dtype=torch.int16)
    assert as_samples(integers).tolist() == expected
    for tensor, advice in (
        (torch.zeros(3, requires_grad=True), "detach"),
        (torch.zeros(3, device="meta"), "meta"),
        (torch.zeros(1, 3), r"samples\[0\]"),
    ):
        with pytest.raises(UsageError, match=advice):
            as_samples(tensor)


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ("talk.wav", "an array of numbers, not 'talk.wav'"),
        (None, "an array of numbers, not None"),
        (["talk.wav"], "an array of numbers, not list of <U8"),
        (iter([0.0]), "an array of numbers, not list_iterator"),
        (np.zeros(3, bool), "not ndarray of bool"),
        (np.zeros(3, complex), "not ndarray of complex128"),
        (np.zeros(3, object), "not ndarray of object"),
        ([[0.0], [0.0, 1.0]], "cannot be converted to an array of numpy"),
        (b"\0\0", "np.frombuffer(data, np.int16)"),
        (bytearray(2), "np.frombuffer(data, np.int16)"),
        (memoryview(b"\0\0"), "np.frombuffer(data, np.int16)"),
        (np.zeros(3, np.int64), "np.asarray(samples, np.int16)"),
        ([0, 1, -1], "np.asarray(samples, np.int16)"),
        (0.5, "one-dimensional (16 kHz mono), not of the shape []."),
        (np.zeros((160, 2)), "one channel, for example with samples[:, 0]."),
        (np.zeros((2, 160), np.int16), "one channel, for example with samples[0]."),
        (np.zeros((1, 2, 160)), "not of the shape [1, 2, 160]."),
        (np.array([0, 20000, -3], np.float32), "reach 20000, but floats go from -1 to 1"),
        (np.array([0, 20000.5, -3]), "feed the integers as they are"),
    ],
)
def test_anything_else_is_refused_in_one_sentence(given_, words):
    with pytest.raises(UsageError) as caught:
        as_samples(given_)
    sentence = str(caught.value)
    assert words in sentence and sentence.endswith(".") and "\n" not in sentence


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_what_is_not_a_number_is_refused(value):
    with pytest.raises(NemocliError, match="not NaN or infinite"):
        as_samples([0.0, value])


def test_sound_that_is_too_loud_is_still_sound():
    loud = 1000 * speech_like(0.1)
    np.testing.assert_array_equal(as_samples(loud), loud.astype(np.float32))


def test_a_session_takes_the_same():
    transcriber, sound = small(3), speech_like(2, seed=4)
    integers = np.round(sound * (2**15 - 1)).astype(np.int16)
    expected = transcriber.transcribe(integers / 2**15)
    assert expected.tokens
    session = transcriber.session()
    for start in range(0, len(integers), 4000):
        session.feed(array.array("h", integers[start : start + 4000].tolist()))
    for found in (session.finish(), transcriber.transcribe(integers)):
        assert [(t.id, t.frame) for t in found.tokens] == [(t.id, t.frame) for t in expected.tokens]
