"""Resampling as a stream: exact lengths, no lost tail, no dependence on the blocks."""

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from nemocli.audio.decoder import Block
from nemocli.audio.resample import mix_down, repack, resample
from nemocli.units import SAMPLE_RATE

RATES = st.sampled_from([8000, 11025, 12345, 16000, 22050, 44100, 48000, 96000, 192000])


def blocks(samples: np.ndarray, rate: int, sizes: list[int]) -> list[Block]:
    cuts = np.cumsum(sizes)
    return [Block(rate, part[:, None]) for part in np.split(samples, cuts[cuts < len(samples)])]


def resampled(pieces: list[Block]) -> np.ndarray:
    return np.concatenate([np.zeros(0, np.float32), *resample(pieces)])


@settings(deadline=None)
@given(
    rate=RATES,
    count=st.integers(0, 30_000),
    sizes=st.lists(st.integers(1, 5000), max_size=12),
    seed=st.integers(0, 9),
)
def test_length_is_exact_and_blocks_do_not_matter(rate, count, sizes, seed):
    samples = np.random.default_rng(seed).standard_normal(count).astype(np.float32)
    heard = resampled(blocks(samples, rate, sizes))
    assert abs(len(heard) - count * SAMPLE_RATE / rate) <= 0.5
    np.testing.assert_array_equal(heard, resampled([Block(rate, samples[:, None])]))
    assert heard.dtype == np.float32


def test_it_is_what_soxr_gives_at_once():
    samples = np.random.default_rng(0).standard_normal(44100).astype(np.float32)
    heard = resampled(blocks(samples, 44100, [1000] * 44))
    np.testing.assert_allclose(heard, soxr.resample(samples, 44100, SAMPLE_RATE), atol=1e-5)


def test_a_rate_that_changes_loses_no_tail():
    pieces = [Block(rate, np.ones((rate, 1), np.float32)) for rate in (48000, 16000, 8000, 44100)]
    assert len(resampled(pieces)) == 4 * SAMPLE_RATE


def test_channels_may_change():
    pieces = [Block(48000, np.full((4800, n), 0.25, np.float32)) for n in (1, 2, 6)]
    heard = resampled(pieces)
    assert len(heard) == 4800
    np.testing.assert_allclose(heard[100:-100], 0.25, atol=1e-3)


@pytest.mark.parametrize("channels", [1, 2, 3, 6, 8])
def test_mean_of_the_channels(channels):
    samples = np.random.default_rng(0).standard_normal((100, channels)).astype(np.float32)
    mono = mix_down(samples)
    assert mono.dtype == np.float32 and mono.shape == (100,)
    np.testing.assert_allclose(mono, samples.astype(np.float64).mean(axis=1), atol=1e-7)


@given(sizes=st.lists(st.integers(0, 50), max_size=20), size=st.integers(1, 60))
def test_repacking_keeps_every_sample(sizes, size):
    samples = np.arange(sum(sizes), dtype=np.float32)
    packets = list(repack(np.split(samples, np.cumsum(sizes)), size))
    assert all(len(packet) == size for packet in packets[:-1])
    assert all(len(packet) for packet in packets)
    np.testing.assert_array_equal(np.concatenate([samples[:0], *packets]), samples)
