"""What a user relies on: every usual file comes out as the same 16 kHz mono sound."""

import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nemocli.audio.sound import open_sound
from nemocli.units import SAMPLE_RATE
from tests import media


def read(path, **options) -> np.ndarray:
    with open_sound(path, **options) as sound:
        return np.concatenate([np.zeros(0, np.float32), *sound])


def difference(heard: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Sample by sample, away from the ends, where filters and encoders settle."""
    size = min(len(heard), len(wanted))
    return np.abs(heard[:size] - wanted[:size])[1600:-1600]


def test_16_khz_mono_int16_passes_bit_for_bit(tmp_path):
    integers = np.random.default_rng(0).integers(-32768, 32768, 50_001).astype(np.int16)
    integers[:2] = -32768, 32767
    for name in ("a.wav", "a.flac", "a.aiff", "a.au", "a.caf", "a.w64"):
        soundfile.write(tmp_path / name, integers, SAMPLE_RATE, subtype="PCM_16")
        heard = read(tmp_path / name)
        assert heard.dtype == np.float32 and heard.ndim == 1
        np.testing.assert_array_equal(heard, integers / np.float32(32768), err_msg=name)


@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_s32le", "pcm_f32le", "pcm_f64le", "flac"])
def test_ffmpeg_keeps_full_scale_in_every_sample_format(tmp_path, codec):
    samples = np.linspace(-1, 1, 16_000, dtype=np.float32)
    samples = np.round(samples * 32767) / np.float32(32768)
    path = media.encode(tmp_path / "a.mka", codec, samples, SAMPLE_RATE)
    np.testing.assert_allclose(read(path), samples, atol=1 / 32768)


def test_nothing_is_clipped_or_scaled(tmp_path):
    loud = np.array([3.0, -2.5, 1e-9] * 100, np.float32)
    soundfile.write(tmp_path / "a.wav", loud, SAMPLE_RATE, subtype="FLOAT")
    np.testing.assert_array_equal(read(tmp_path / "a.wav"), loud)


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000, 96000, 192000])
@pytest.mark.parametrize("channels", [1, 2, 6, 8])
def test_any_rate_and_channel_count(tmp_path, rate, channels):
    gains = np.arange(channels) + 0.5  # their mean is not that of the first two
    samples = media.sine(0.7, rate)[:, None] * gains.astype(np.float32) / channels
    soundfile.write(tmp_path / "a.wav", samples, rate, subtype="FLOAT")
    heard = read(tmp_path / "a.wav")
    assert len(heard) == round(0.7 * SAMPLE_RATE)
    wanted = media.sine(0.7, SAMPLE_RATE) * gains.mean() / channels
    assert difference(heard, wanted).max() < 1e-3


LOSSY = {
    "a.mp3": ("libmp3lame", 44100, 2),
    "a.opus": ("libopus", 48000, 2),
    "a.m4a": ("aac", 44100, 2),
    "mono.m4a": ("aac", 22050, 1),
    "a.aac": ("aac", 48000, 2),
    "a.mkv": ("libopus", 48000, 1),
    "a.webm": ("libopus", 48000, 2),
    "six.m4a": ("aac", 48000, 6),
    "eight.mka": ("flac", 96000, 8),
}


@pytest.mark.parametrize("name", LOSSY)
def test_compressed_formats(tmp_path, name):
    codec, rate, channels = LOSSY[name]
    samples = np.repeat(media.sine(2, rate)[:, None], channels, axis=1)
    path = media.encode(tmp_path / name, codec, samples, rate)
    with open_sound(path) as sound:
        assert sound.path == path
        assert sound.duration == pytest.approx(2, abs=0.1)
        heard = np.concatenate(list(sound))
    assert len(heard) == pytest.approx(2 * SAMPLE_RATE, abs=0.1 * SAMPLE_RATE)
    if channels <= 2:  # the bass channel of more than that may lack 440 Hz
        assert np.std(heard[4000:-4000]) == pytest.approx(np.sqrt(0.5) / 3, rel=0.06)
    if channels <= 2 and name != "a.aac":  # which keeps the encoder's lead-in
        # The median, because FFmpeg's own aac encoder clicks now and then on a pure tone.
        assert np.median(difference(heard, media.sine(2, SAMPLE_RATE))) < 0.03


@pytest.mark.parametrize("rate", [8000, 44100])
def test_vorbis(tmp_path, rate):
    soundfile.write(tmp_path / "a.ogg", media.sine(2, rate), rate)
    heard = read(tmp_path / "a.ogg")
    # FFmpeg ends a Vorbis stream with its last window, within milliseconds of the true end.
    assert len(heard) == pytest.approx(2 * SAMPLE_RATE, abs=0.02 * SAMPLE_RATE)
    assert difference(heard, media.sine(2, SAMPLE_RATE)).max() < 0.03


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_sound_of_a_video(tmp_path, name):
    path = media.encode(tmp_path / name, "aac", media.sine(2, 48000), 48000, picture_seconds=5)
    heard = read(path)  # the picture goes on after the sound, which is no damage
    assert len(heard) == pytest.approx(2 * SAMPLE_RATE, abs=0.1 * SAMPLE_RATE)
    assert np.std(heard[4000:-4000]) == pytest.approx(np.sqrt(0.5) / 3, rel=0.06)


def test_a_late_start_and_a_gap_become_silence(tmp_path):
    def pts(frame: int) -> int:
        return frame + 16_000 + (32_000 if frame >= 48_000 else 0)

    samples = media.sine(6, SAMPLE_RATE)
    path = media.encode(
        tmp_path / "a.mkv", "pcm_s16le", samples, SAMPLE_RATE, pts=pts, picture_seconds=9
    )
    heard = read(path)
    assert len(heard) == pytest.approx(9 * SAMPLE_RATE, abs=32)
    assert not heard[:15_900].any() and not heard[64_100:95_900].any()
    np.testing.assert_allclose(heard[16_100:63_900], samples[100:47_900], atol=1e-3)
    np.testing.assert_allclose(heard[96_100:143_900], samples[48_100:95_900], atol=1e-3)


def test_every_part_of_a_chained_ogg(tmp_path):
    parts = [media.sine(1, 44100), media.sine(2, 44100, hertz=700)]
    chain = b""
    for samples in parts:
        soundfile.write(tmp_path / "part.ogg", samples, 44100)
        chain += (tmp_path / "part.ogg").read_bytes()
    (tmp_path / "chain.ogg").write_bytes(chain)
    assert len(read(tmp_path / "chain.ogg")) == pytest.approx(3 * SAMPLE_RATE, abs=800)


def test_no_sample_and_one_sample(tmp_path):
    for count in (0, 1):
        soundfile.write(tmp_path / "a.wav", np.full(count, 0.5), SAMPLE_RATE)
        assert read(tmp_path / "a.wav").tolist() == [0.5] * count
        with open_sound(tmp_path / "a.wav") as sound:
            assert sound.duration == count / SAMPLE_RATE
    soundfile.write(tmp_path / "a.wav", np.full(1, 0.5), 8000)
    assert len(read(tmp_path / "a.wav")) == 2
    soundfile.write(tmp_path / "a.wav", np.zeros((0, 2)), 44100)
    assert len(read(tmp_path / "a.wav")) == 0


def test_packets_have_the_length_asked_for(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(44100), 44100)
    with open_sound(tmp_path / "a.wav", packet_seconds=0.3) as sound:
        assert [len(packet) for packet in sound] == [4800, 4800, 4800, 1600]
    with pytest.raises(ValueError, match="packet_seconds"):
        open_sound(tmp_path / "a.wav", packet_seconds=0)


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    path = tmp_path_factory.mktemp("noise") / "noise.flac"
    soundfile.write(path, np.random.default_rng(1).uniform(-1, 1, (60_000, 2)), 44100)
    return path, read(path)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(packet_seconds=st.floats(0.002, 5))
def test_packet_size_does_not_change_the_sound(noise, packet_seconds):
    path, whole = noise
    np.testing.assert_array_equal(read(path, packet_seconds=packet_seconds), whole)


def test_closed_early_it_yields_nothing_more(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(80_000), SAMPLE_RATE)
    with open_sound(tmp_path / "a.wav") as sound:
        assert len(next(sound)) == SAMPLE_RATE
    assert list(sound) == []
    sound.close()


@pytest.mark.parametrize("name", ["long.wav", "long.mka"])
def test_memory_stays_flat_however_long_the_file(tmp_path, name):
    minutes = 20  # 77 MB once decoded
    path = tmp_path / name
    second = np.zeros(8000, np.int16)
    if name.endswith("wav"):
        with soundfile.SoundFile(path, "w", 8000, 1, subtype="PCM_U8") as file:
            for _ in range(minutes * 60):
                file.write(second)
    else:
        with av.open(str(path), "w") as container:
            stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
            for number in range(minutes * 60):
                frame = av.AudioFrame.from_ndarray(second[None], "s16", "mono")
                frame.sample_rate, frame.pts = 8000, number * 8000
                container.mux(stream.encode(frame))
    tracemalloc.start()
    try:
        with open_sound(path) as sound:
            assert sound.duration == pytest.approx(minutes * 60)
            total = sum(len(packet) for packet in sound)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == minutes * 60 * SAMPLE_RATE
    assert peak < 8e6


@pytest.mark.parametrize("name", ["talk:1.mp3", "-", "ünï 話.raw", "%03d.ogg", "http:x.m4a"])
def test_names_that_libraries_take_for_something_else(tmp_path, monkeypatch, name):
    soundfile.write(tmp_path / "a.wav", np.zeros(1600), SAMPLE_RATE)
    os.rename(tmp_path / "a.wav", tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert len(read(name)) == len(read(Path(name))) == 1600


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_can_be_read(tmp_path):
    path = media.encode(tmp_path / "a.ogg", "libopus", media.sine(1, 48000), 48000)
    os.mkfifo(tmp_path / "pipe")
    script = f"open({str(tmp_path / 'pipe')!r}, 'wb').write(open({str(path)!r}, 'rb').read())"
    with subprocess.Popen([sys.executable, "-c", script]) as writer:
        heard = read(tmp_path / "pipe")
    assert writer.returncode == 0
    np.testing.assert_array_equal(heard, read(path))


def test_the_command_line_starts_without_the_decoders():
    script = (
        "import sys, nemocli.audio; "
        "print(sorted({'av', 'soundfile', 'soxr', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
