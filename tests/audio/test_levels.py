"""Levels: floats in the range of integers are scaled, and a gain is constant but for streams."""

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from nemocli.audio.gain import RISE, TARGET_DB, RunningGain, measure_level, to_factor
from nemocli.audio.options import SoundOptions, parse_gain
from nemocli.audio.sound import open_sound
from nemocli.errors import UsageError
from nemocli.units import SAMPLE_RATE
from tests import media
from tests.sounds import speech_like


def decode(path, **options):
    with open_sound(path, options=SoundOptions(**options)) as sound:
        return np.concatenate(list(sound)), sound


def write_floats(path, samples):
    """Write a file with libsndfile, or for .mka with FFmpeg."""
    if path.suffix == ".mka":
        return media.encode(path, "pcm_f32le", samples, SAMPLE_RATE)
    soundfile.write(path, samples, SAMPLE_RATE, subtype="FLOAT")
    return path


# ------------------------------------------------------------------ floats in the range of integers


@pytest.mark.parametrize("name", ["a.wav", "a.mka", "a.caf"])
@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_integers_that_were_kept_as_floats(tmp_path, name, bits):
    sound = speech_like(3)
    path = write_floats(tmp_path / name, np.round(sound * 2.0 ** (bits - 1)).astype(np.float32))
    heard, opened = decode(path)
    np.testing.assert_allclose(heard, sound, atol=2.0 ** (1 - bits))
    (warning,) = opened.warnings
    assert (warning.kind, warning.at_s) == ("level", 0.0)
    assert f"divided by {2 ** (bits - 1):,}" in warning.message


def test_a_quiet_begin_is_scaled_like_the_rest(tmp_path):
    sound = np.concatenate([1e-4 * speech_like(20), speech_like(5)])
    heard, _ = decode(write_floats(tmp_path / "a.wav", 32768 * sound))
    np.testing.assert_allclose(heard, sound, rtol=1e-6)


def test_what_is_only_too_loud_stays(tmp_path):
    """Float recordings may go beyond full scale; a codec's decoder may, too."""
    sound = 12 * speech_like(2)
    assert 5 < np.abs(sound).max() < 8
    heard, opened = decode(write_floats(tmp_path / "a.wav", sound))
    np.testing.assert_array_equal(heard, sound)
    assert opened.warnings == ()


@pytest.mark.parametrize("loudest", [20.0, 30000.0, 1e9])
@pytest.mark.parametrize("at", [1000, 40000])
def test_a_stray_sample_in_digital_silence_is_not_the_scale(tmp_path, loudest, at):
    sound = np.concatenate([np.zeros(3 * SAMPLE_RATE, np.float32), speech_like(3)])
    spoilt = sound.copy()
    spoilt[at] = -loudest
    heard, opened = decode(write_floats(tmp_path / "a.wav", spoilt))
    np.testing.assert_array_equal(heard, sound)
    assert [warning.kind for warning in opened.warnings] == ["damage"]


def test_the_scale_may_come_late(tmp_path, monkeypatch):
    """It lies behind the first look, and the warning says where it begins."""
    monkeypatch.setattr("nemocli.audio.sound.FIRST_LOOK_S", 1.0)
    quiet, loud = np.zeros(3 * SAMPLE_RATE, np.float32), 32768 * speech_like(2)
    heard, opened = decode(write_floats(tmp_path / "a.wav", np.concatenate([quiet, loud])))
    assert np.abs(heard).max() == pytest.approx(0.5, abs=0.01)
    (warning,) = opened.warnings
    assert warning.at_s == pytest.approx(3, abs=1.1)


# --------------------------------------------------------------------------------------------- gain


def test_a_gain_in_decibels(tmp_path):
    sound = (0.1 * speech_like(2)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", sound, SAMPLE_RATE, subtype="FLOAT")
    for gain in (20.0, -6.0):
        heard, opened = decode(tmp_path / "a.wav", gain=gain)
        np.testing.assert_allclose(heard, sound * 10 ** (gain / 20), rtol=1e-5)
        assert opened.decoded.gain == gain
    heard, opened = decode(tmp_path / "a.wav")
    np.testing.assert_array_equal(heard, sound)
    assert opened.decoded.gain is None


@pytest.mark.parametrize("quiet", [-55.0, -46.0, -20.0, 0.0])
def test_one_gain_for_a_file_from_its_loudest_seconds(tmp_path, quiet):
    """The sound begins with silence, quiet noise, or speech."""
    rng = np.random.default_rng(0)
    noise = (1e-3 * rng.normal(size=10 * SAMPLE_RATE)).astype(np.float32)
    sound = np.concatenate([noise, speech_like(12)]) * to_factor(quiet)
    soundfile.write(tmp_path / "a.wav", sound, SAMPLE_RATE, subtype="FLOAT")
    heard, opened = decode(tmp_path / "a.wav", gain="auto")
    gain = opened.decoded.gain
    np.testing.assert_allclose(heard, sound * to_factor(gain), rtol=1e-5, atol=1e-9)
    seconds = heard[: len(heard) // SAMPLE_RATE * SAMPLE_RATE].reshape(-1, SAMPLE_RATE)
    assert max(map(measure_level, seconds)) == pytest.approx(TARGET_DB, abs=2)


def test_silence_gets_no_gain(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(8000), 8000)
    heard, opened = decode(tmp_path / "a.wav", gain="auto")
    assert not heard.any() and opened.decoded.gain == 0.0


def test_each_channel_has_a_gain_of_its_own(tmp_path):
    """One side of a call is often far quieter."""
    sound = np.stack([speech_like(4, 1), 0.01 * speech_like(4, 2)], axis=1)
    soundfile.write(tmp_path / "a.wav", sound, SAMPLE_RATE, subtype="FLOAT")
    heard, opened = decode(tmp_path / "a.wav", gain="auto", channels="separate")
    loud, quiet = opened.decoded.gain
    assert quiet - loud == pytest.approx(40, abs=4)
    np.testing.assert_allclose(heard, sound * [to_factor(loud), to_factor(quiet)], rtol=1e-4)


def test_a_stream_comes_up_slowly_and_stays():
    running = RunningGain("auto")
    quiet = speech_like(30) * np.float32(to_factor(-40))
    first = running.apply(quiet[:1600])
    assert np.abs(first).max() <= np.abs(quiet[:1600]).max() * to_factor(1.01 * RISE * 0.1)
    for start in range(1600, len(quiet), 1600):
        last = running.apply(quiet[start : start + 1600])
    assert len(last) == 1600
    settled = running.gain
    assert 25 < settled < 60
    for _ in range(20):  # a pause of two seconds changes little
        running.apply(np.zeros(1600, np.float32))
    assert abs(running.gain - settled) < 1


@given(st.lists(st.integers(1, 4000), min_size=2, max_size=30), st.floats(-70, 10))
def test_a_running_gain_has_no_steps(sizes, decibels):
    """Between two samples of a constant, the gain changes by its slope at most."""
    running = RunningGain("auto")
    constant = np.float32(to_factor(decibels))
    made = np.concatenate([running.apply(np.full(size, constant, np.float32)) for size in sizes])
    steps = np.abs(np.diff(20 * np.log10(made / constant)))
    assert np.isfinite(made).all() and steps.max(initial=0) < 0.01


def test_without_a_gain_a_stream_is_as_it_was():
    samples = speech_like(1)
    assert RunningGain(None).apply(samples) is samples
    assert RunningGain(0.0).apply(samples) is samples
    np.testing.assert_allclose(RunningGain(20.0).apply(samples), 10 * samples, rtol=1e-6)


def test_what_gain_takes():
    texts = (None, "auto", "20", "-6dB", "+3.5 dB", "0")
    assert [parse_gain(text) for text in texts] == [None, "auto", 20.0, -6.0, 3.5, 0.0]
    for text in ("", "loud", "nan", "inf", "1e3", "200", "dB"):
        with pytest.raises(UsageError, match="--gain is"):
            parse_gain(text)
