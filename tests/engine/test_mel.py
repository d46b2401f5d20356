"""The mel front end: any packets give the same rows, and the rows are the formula's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemocli.engine.mel import MelStream, compute_mel_filters
from nemocli.network.features import FeatureConfig
from tests.engine.offline import mel_rows, triangles
from tests.sounds import speech_like

CONFIG = FeatureConfig(
    sampling_rate=16000, n_fft=512, win_length=400, hop_length=160, num_mels=128, preemphasis=0.97
)

#: Other sizes than the released ones; the first bands lie between two bins, the last below 1 kHz.
SMALL = FeatureConfig(
    sampling_rate=1800, n_fft=64, win_length=50, hop_length=20, num_mels=24, preemphasis=0.5
)


def frames(samples, sizes=(), config=CONFIG):
    """Compute all rows of a sound, cut into packets of the given sizes and one for the rest."""
    stream, parts, at = MelStream(config), [], 0
    for size in sizes:
        parts.append(stream.push(samples[at : at + size]))
        at += size
    parts += [stream.push(samples[at:]), stream.finish()]
    return np.concatenate(parts)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 50_000), max_size=12), st.integers(0, 60_000))
def test_packets_change_nothing(sizes, length):
    samples = speech_like(4.0, seed=1)[:length]
    assert frames(samples, sizes).tobytes() == frames(samples).tobytes()


def test_single_samples_change_nothing():
    samples = speech_like(0.1, seed=2)
    assert frames(samples, [1] * len(samples)).tobytes() == frames(samples).tobytes()


@pytest.mark.parametrize("length", [0, 1, 159, 160, 161, 199, 200, 320, 4000])
def test_frames_are_samples_over_hop(length):
    assert frames(speech_like(0.5, seed=3)[:length]).shape == (length // 160, 128)


def test_a_frame_comes_with_the_last_sample_of_its_window():
    stream, samples = MelStream(CONFIG), speech_like(0.1, seed=4)
    assert len(stream.push(samples[:199])) == 0
    assert len(stream.push(samples[199:200])) == 1
    assert len(stream.push(samples[200:359])) == 0
    assert len(stream.push(samples[359:360])) == 1


@pytest.mark.parametrize("config", [CONFIG, SMALL])
def test_frames_are_the_formula(config):
    samples = speech_like(0.3, seed=5)
    np.testing.assert_allclose(
        frames(samples, [1234], config), mel_rows(samples, config), atol=1e-5
    )


@pytest.mark.parametrize("config", [CONFIG, SMALL])
def test_filters_are_the_formula(config):
    np.testing.assert_allclose(
        compute_mel_filters(config), triangles(config), rtol=1e-9, atol=1e-15
    )


def test_silence_is_the_floor():
    np.testing.assert_allclose(frames(np.zeros(16000, np.float32)), np.log(2.0**-24), rtol=1e-6)
