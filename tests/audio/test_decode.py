"""Files that cannot be read, or not to their end: one sentence each."""

import os
import re
import struct
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from nemocli.audio.sound import open_sound
from nemocli.errors import AudioError
from nemocli.units import SAMPLE_RATE
from tests import media


def refusal(path: Path) -> str:
    """The sentence for a file that cannot be opened."""
    with pytest.raises(AudioError) as caught:
        open_sound(path)
    return checked(path, caught.value)


def read(path: Path) -> tuple[np.ndarray, dict[str, str]]:
    """What could be decoded, and the sentence of each kind of warning."""
    with open_sound(path) as sound:
        samples = np.concatenate([np.zeros(0, np.float32), *sound])
    warnings = {warning.kind: warning.message for warning in sound.warnings}
    for sentence in warnings.values():
        assert "\n" not in sentence and sentence.endswith(".")
    return samples, warnings


def checked(path: Path, error: AudioError) -> str:
    sentence = str(error)
    assert str(path) in sentence and "\n" not in sentence and sentence.endswith(".")
    assert ":" in sentence or ";" in sentence  # what to do follows
    assert error.__cause__ is None and (error.__context__ is None or error.__suppress_context__)
    return sentence


def test_missing_directory_and_empty(tmp_path):
    assert "does not exist" in refusal(tmp_path / "nowhere.wav")
    assert "is a directory" in refusal(tmp_path)
    (tmp_path / "empty.wav").touch()
    assert "is empty" in refusal(tmp_path / "empty.wav")
    (tmp_path / "empty.wav").rename(tmp_path / "file")
    assert "cannot be read" in refusal(tmp_path / "file" / "below.wav")


def test_no_permission(tmp_path, monkeypatch):
    path = tmp_path / "secret.wav"
    soundfile.write(path, np.zeros(100), SAMPLE_RATE)
    path.chmod(0)
    if os.geteuid() == 0:  # whom no permission stops

        def refuse(*_arguments, **_options):
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr(Path, "open", refuse)
    assert "permission" in refusal(path)


@pytest.mark.parametrize("name", ["a.txt", "a.wav", "a.mp3", "a.ogg", "a"])
@pytest.mark.parametrize(
    "content",
    [
        b"Dear diary, nothing happened today.\n" * 50,
        b"x",
        b"RIFF",
        b"fLaC" + bytes(500),
        b"OggS" + bytes(500),
        b"ID3\x04\0\0\0\0\0\x0a" + bytes(5000),
        b"\xff\xfb\x90\x64" + bytes(range(256)) * 40,
        b"RIFF\xff\xff\xff\xffWAVE",
        bytes(5000),
    ],
)
def test_no_sound_at_all(tmp_path, capfd, name, content):
    (tmp_path / name).write_bytes(content)
    assert "is not a sound file" in refusal(tmp_path / name)
    assert capfd.readouterr() == ("", "")


def test_pictures(tmp_path):
    picture = media.write_video(tmp_path / "a.png", "png", "rgb24", frames=1)
    assert "is not a sound file" in refusal(picture)
    for name in ("a.mp4", "a.mkv"):
        assert "without a sound track" in refusal(media.write_video(tmp_path / name))


def patched(path: Path, offset_from: bytes, offset: int, value: bytes) -> Path:
    """The wav with bytes replaced `offset` after a chunk's name."""
    content = bytearray(path.read_bytes())
    at = content.index(offset_from) + offset
    content[at : at + len(value)] = value
    path.write_bytes(content)
    return path


def test_absurd_wav_headers(tmp_path):
    path = tmp_path / "a.wav"
    for offset, value in ((10, struct.pack("<H", 0)), (12, struct.pack("<I", 1))):
        soundfile.write(path, np.zeros(5000), SAMPLE_RATE)
        assert "damaged header" in refusal(patched(path, b"fmt ", offset, value))


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFDB])
def test_wav_whose_length_was_never_written(tmp_path, size):
    """As a pipe or a recorder that crashed leaves it: it is read to its end."""
    path = tmp_path / "a.wav"
    samples = np.arange(40_000) / 65536
    soundfile.write(path, samples, SAMPLE_RATE)
    patched(path, b"data", 4, struct.pack("<I", size))
    with open_sound(path) as sound:
        np.testing.assert_allclose(np.concatenate(list(sound)), samples, atol=1e-4)


def test_flac_without_a_length(tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, np.zeros(40_000), SAMPLE_RATE)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    path.write_bytes(content)
    with open_sound(path) as sound:
        assert sound.duration is None
        assert sum(map(len, sound)) == 40_000


TRUNCATED = {
    "a.wav": ("pcm_s16le", {}),
    "a.flac": ("flac", {}),
    "a.mp3": ("libmp3lame", {}),
    "a.mka": ("pcm_s16le", {}),
    "a.webm": ("libopus", {}),
    "a.m4a": ("aac", {"movflags": "faststart"}),
}


@pytest.mark.parametrize("name", TRUNCATED)
def test_cut_short(tmp_path, capfd, name):
    codec, options = TRUNCATED[name]
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 48000 * 6).astype(np.float32)
    path = media.encode(tmp_path / name, codec, noise, 48000, options=options)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    heard, warnings = read(path)
    seconds = len(heard) / SAMPLE_RATE
    assert 2 < seconds < 3.5
    ends, promised = re.search(
        r"ends at ([\d.]+) s, .* promises ([\d.]+) s", warnings["cut"]
    ).groups()
    assert float(ends) == pytest.approx(seconds, abs=0.06)
    assert float(promised) == pytest.approx(6, abs=0.1)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["a.flac", "a.mp3", "a.m4a"])
def test_damaged_in_the_middle(tmp_path, capfd, name):
    codec, options = TRUNCATED[name]
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 48000 * 6).astype(np.float32)
    path = media.encode(tmp_path / name, codec, noise, 48000, options=options)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 6000] = np.random.default_rng(1).bytes(6000)
    path.write_bytes(content)
    heard, warnings = read(path)
    assert {"damage", "gap"} & set(warnings)
    assert len(heard) == pytest.approx(6 * SAMPLE_RATE, abs=0.1 * SAMPLE_RATE)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
def test_samples_that_are_not_numbers(tmp_path, bad):
    samples = np.full((40_000, 2), 0.1, np.float32)
    samples[36_000, 1] = bad
    soundfile.write(tmp_path / "a.wav", samples, SAMPLE_RATE, subtype="FLOAT")
    heard, warnings = read(tmp_path / "a.wav")
    assert "not numbers" in warnings["damage"] and "2.2 s" in warnings["damage"]
    samples[36_000] = 0
    np.testing.assert_array_equal(heard, samples[:, 0])


def test_a_few_samples_that_are_far_too_loud_are_damage(tmp_path):
    """They do not determine the scale of the sound."""
    samples = np.full(40_000, 0.1, np.float32)
    samples[36_000:36_020] = 1e9
    soundfile.write(tmp_path / "a.wav", samples, SAMPLE_RATE, subtype="FLOAT")
    heard, warnings = read(tmp_path / "a.wav")
    assert list(warnings) == ["damage"]
    samples[36_000:36_020] = 0
    np.testing.assert_array_equal(heard, samples)


def test_no_numbers_at_all(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.full(40_000, np.nan), SAMPLE_RATE, subtype="FLOAT")
    with open_sound(tmp_path / "a.wav") as sound, pytest.raises(AudioError) as caught:
        list(sound)
    assert "not numbers" in checked(tmp_path / "a.wav", caught.value)


def test_nothing_decodable(tmp_path):
    path = media.encode(tmp_path / "a.mka", "aac", media.sine(1, 48000), 48000)
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux() if packet.size]
    content = path.read_bytes()
    for packet in packets:
        content = content.replace(packet, b"\xff" * len(packet))
    path.write_bytes(content)
    with open_sound(path) as sound, pytest.raises(AudioError) as caught:
        list(sound)
    assert "none of its sound can be decoded" in checked(path, caught.value)


@pytest.mark.parametrize("seed", range(6))
def test_random_damage_ends_in_sound_or_a_sentence(tmp_path, seed):
    random = np.random.default_rng(seed)
    for name, (codec, options) in TRUNCATED.items():
        path = media.encode(tmp_path / name, codec, media.sine(0.5, 48000), 48000, options=options)
        content = bytearray(path.read_bytes())
        for position in random.integers(0, len(content), 5):
            content[position] = random.integers(0, 256)
        path.write_bytes(content)
        try:
            with open_sound(path) as sound:
                for packet in sound:
                    assert np.isfinite(packet).all()
        except AudioError as error:
            checked(path, error)
