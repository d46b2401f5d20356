"""Channels: their mean, unless they cancel each other out; one of them; or each by itself."""

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from nemocli.audio.antiphase import CELL_S, Mixer
from nemocli.audio.options import SoundOptions, parse_channels
from nemocli.audio.resample import mix_down
from nemocli.audio.sound import open_sound
from nemocli.errors import AudioError, UsageError
from nemocli.units import SAMPLE_RATE
from tests import media
from tests.sounds import speech_like


def decode(path, channels="mix"):
    with open_sound(path, options=SoundOptions(channels=channels)) as sound:
        samples = np.concatenate(list(sound))
        return samples, sound


def mixed(samples, sizes=(), rate=SAMPLE_RATE, *, ahead=True):
    """What a mixer makes of float32 [frames, channels], cut into pieces of some sizes."""
    mixer = Mixer(rate, ahead=ahead)
    cuts = np.cumsum([0, *sizes])
    pieces = np.split(samples, cuts[(cuts > 0) & (cuts < len(samples))])
    mono = [mixer.push(piece) for piece in pieces]
    return np.concatenate([*mono, mixer.finish()]), mixer


def antiphase(seconds, seed=0):
    sound = speech_like(seconds, seed)
    return np.stack([sound, -sound], axis=1)


def ordinary(seconds, seed=0):
    """Two voices, each nearer to one side."""
    first, second = speech_like(seconds, seed), speech_like(seconds, seed + 1)
    return np.stack([first + 0.3 * second, 0.3 * first + second], axis=1).astype(np.float32)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mka", "a.m4a", "a.mp3", "a.ogg"])
def test_antiphase_stereo_is_one_of_its_channels(tmp_path, name):
    samples = antiphase(4)
    codecs = {"mka": "pcm_s16le", "m4a": "aac", "mp3": "libmp3lame", "ogg": "libopus"}
    codec = codecs.get(name.split(".")[1])
    if codec is None:
        soundfile.write(tmp_path / name, samples, SAMPLE_RATE)
    else:
        media.encode(tmp_path / name, codec, samples, SAMPLE_RATE)
    heard, sound = decode(tmp_path / name)
    left, _ = decode(tmp_path / name, 1)
    assert np.abs(left).max() > 0.2
    np.testing.assert_array_equal(heard, left)
    (warning,) = sound.warnings
    assert warning.kind == "channels" and warning.at_s <= 0.1
    assert "the left channel alone" in warning.message
    assert sound.decoded.channels == "left"


def test_left_of_a_weak_right_and_noise(tmp_path):
    """As a real cable has it: not quite as loud, and each side with noise of its own."""
    rng = np.random.default_rng(0)
    sound = speech_like(4)
    samples = np.stack([sound, -0.85 * sound], axis=1) + 0.003 * rng.normal(size=(len(sound), 2))
    heard, mixer = mixed(samples.astype(np.float32))
    np.testing.assert_array_equal(heard, samples[:, 0].astype(np.float32))
    assert mixer.taken == 0


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 5),
    width=st.floats(-0.6, 1.0),
    sizes=st.lists(st.integers(1, 9000), max_size=12),
    channels=st.sampled_from([2, 3, 6]),
    ahead=st.booleans(),
    quiet=st.sampled_from([1.0, 1e-2, 1e-4]),
)
def test_ordinary_sound_is_the_mean_to_the_bit(seed, width, sizes, channels, ahead, quiet):
    voices = np.stack([speech_like(3.0, seed + n) for n in range(channels)], axis=1)
    shared = speech_like(3.0, seed + 9)[:, None]
    samples = (quiet * ((1 - abs(width)) * voices + width * shared)).astype(np.float32)
    heard, mixer = mixed(samples, sizes, ahead=ahead)
    np.testing.assert_array_equal(heard, mix_down(samples))
    assert mixer.taken is None and mixer.cancelled_from is None


@pytest.mark.parametrize("silent", [0, 1])
def test_a_silent_channel_is_ordinary(silent):
    samples = antiphase(3)
    samples[:, silent] = 0
    np.testing.assert_array_equal(mixed(samples)[0], mix_down(samples))


@settings(deadline=None, max_examples=15)
@given(sizes=st.lists(st.integers(1, 30_000), max_size=12), ahead=st.booleans())
def test_pieces_do_not_matter(sizes, ahead):
    samples = np.concatenate([ordinary(2), antiphase(2), ordinary(2)]).astype(np.float32)
    whole, first = mixed(samples, ahead=ahead)
    heard, second = mixed(samples, sizes, ahead=ahead)
    assert len(heard) == len(samples)
    np.testing.assert_array_equal(heard, whole)
    assert first.cancelled_from == second.cancelled_from


def test_what_turns_antiphase_later_is_heard_from_there_on():
    begin, end = 5 * SAMPLE_RATE, 9 * SAMPLE_RATE
    samples = np.concatenate([ordinary(5), antiphase(4, 3), ordinary(5, 7)])
    heard, mixer = mixed(samples)
    slack = round(0.5 * SAMPLE_RATE)  # quiet places around the change belong to either side
    before, after = slice(0, begin - slack), slice(end + slack, None)
    np.testing.assert_array_equal(heard[before], mix_down(samples)[before])
    np.testing.assert_array_equal(heard[after], mix_down(samples)[after])
    middle = slice(begin + round(CELL_S * SAMPLE_RATE), end - slack)
    np.testing.assert_array_equal(heard[middle], samples[middle, 0])
    assert mixer.cancelled_from == pytest.approx(5, abs=0.5)


def test_changes_do_not_click():
    """A tone that turns over has no step that is larger than the tone's own."""
    tone = media.sine(6, SAMPLE_RATE, 200)
    turned = np.where(np.arange(len(tone)) < len(tone) // 2, 1, -1)
    heard, mixer = mixed(np.stack([tone, turned * tone], axis=1).astype(np.float32))
    assert mixer.taken == 0
    assert np.abs(np.diff(heard)).max() < 1.2 * np.abs(np.diff(tone)).max()
    np.testing.assert_allclose(heard, tone, atol=1e-6)  # the mean of equal channels is the channel


def test_a_live_mixer_follows_within_a_part_of_a_second():
    samples = antiphase(3)
    heard, mixer = mixed(samples, [1600] * 29, ahead=False)
    assert mixer.taken == 0 and mixer.cancelled_from < 0.8
    later = round((mixer.cancelled_from + CELL_S) * SAMPLE_RATE)
    np.testing.assert_array_equal(heard[later:], samples[later:, 0])


def test_surround_that_cancels(tmp_path):
    sound = speech_like(3)
    samples = np.zeros((len(sound), 6), np.float32)
    samples[:, 1], samples[:, 4] = sound, -sound
    soundfile.write(tmp_path / "a.wav", samples, SAMPLE_RATE, subtype="FLOAT")
    heard, opened = decode(tmp_path / "a.wav")
    np.testing.assert_array_equal(heard, sound)
    assert opened.decoded.channels == "channel 2"


@pytest.mark.parametrize("rate", [8000, SAMPLE_RATE, 44100])
def test_memory_is_a_second(rate):
    mixer = Mixer(rate, ahead=True)
    pushed = given_out = 0
    for second in range(20):
        samples = (1e-3 * ordinary(1, second))[:rate]
        pushed += len(samples)
        given_out += len(mixer.push(samples))
        assert pushed - given_out <= 1.1 * rate
    assert given_out + len(mixer.finish()) == pushed


@pytest.mark.parametrize("rate", [SAMPLE_RATE, 44100])
def test_one_channel_and_each_by_itself(tmp_path, rate):
    samples = np.stack([media.sine(2, rate, hertz) for hertz in (300, 500, 700)], axis=1)
    soundfile.write(tmp_path / "a.wav", samples, rate, subtype="FLOAT")
    separate, sound = decode(tmp_path / "a.wav", "separate")
    assert separate.shape == (2 * SAMPLE_RATE, 3)
    assert sound.channel_names == ("channel 1", "channel 2", "channel 3")
    assert sound.decoded.channels == "separate"
    for number in (1, 2, 3):
        alone, sound = decode(tmp_path / "a.wav", number)
        np.testing.assert_allclose(separate[:, number - 1], alone, atol=1e-6)
        assert np.abs(np.fft.rfft(alone)).argmax() / 2 == 200 * number + 100
        assert sound.channel_names == () and sound.decoded.channels == f"channel {number}"
        assert sound.warnings == ()


def test_separate_stereo_has_sides_and_mono_has_none(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros((8000, 2)), 8000)
    assert decode(tmp_path / "a.wav", "separate")[1].channel_names == ("left", "right")
    soundfile.write(tmp_path / "a.wav", np.zeros(8000), 8000)
    samples, sound = decode(tmp_path / "a.wav", "separate")
    assert samples.shape == (SAMPLE_RATE,) and sound.channel_names == ()


def test_a_gap_is_silent_in_every_channel(tmp_path):
    """The decoder fills a gap in the time stamps with silence of a single channel."""
    samples = np.stack([media.sine(4, SAMPLE_RATE, 300), media.sine(4, SAMPLE_RATE, 700)], axis=1)
    path = media.encode(
        tmp_path / "a.mka",
        "pcm_s16le",
        samples,
        SAMPLE_RATE,
        pts=lambda frame: frame + (16_000 if frame >= 32_000 else 0),
    )
    separate, _ = decode(path, "separate")
    assert separate.shape == pytest.approx((5 * SAMPLE_RATE, 2), abs=40)
    for channel in (0, 1):
        np.testing.assert_allclose(separate[:, channel], decode(path, channel + 1)[0], atol=1e-6)
        assert not separate[33_000:47_000, channel].any()
        assert np.abs(separate[50_000:, channel]).max() > 0.3


def test_channels_that_are_not_there(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros((8000, 2)), 8000)
    with pytest.raises(AudioError, match="has 2 channels, and --channels asks for number 3"):
        decode(tmp_path / "a.wav", 3)
    soundfile.write(tmp_path / "a.wav", np.zeros((800, 9)), 8000)
    with pytest.raises(AudioError, match="separate takes 8 at most"):
        decode(tmp_path / "a.wav", "separate")


def test_what_channels_takes():
    texts = ("mix", "left", "Right", "3", "separate")
    assert [parse_channels(text) for text in texts] == ["mix", 1, 2, 3, "separate"]
    for text in ("", "0", "-1", "both", "1.5", "²"):
        with pytest.raises(UsageError, match="--channels is"):
            parse_channels(text)
