"""WAV and other files whose header is untrue about their length, and files joined byte by byte."""

import itertools
import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from nemocli.audio.sound import open_sound
from nemocli.audio.wav_chunks import find_wav_parts
from nemocli.units import SAMPLE_RATE

SOUND = (np.random.default_rng(0).uniform(-0.5, 0.5, 2 * SAMPLE_RATE) * 32767).astype("<i2")
BYTES = SOUND.tobytes()
FORM = struct.pack("<HHIIHH", 1, 1, SAMPLE_RATE, 2 * SAMPLE_RATE, 2, 16)


def chunk(name, content, size=None):
    length = struct.pack("<I", len(content) if size is None else size)
    return name + length + content + b"\0" * (len(content) % 2)


def wav(size=None, riff=None, before=b"", behind=b"", form=FORM, data=BYTES):
    body = b"WAVE" + before + chunk(b"fmt ", form)
    body += b"data" + struct.pack("<I", len(data) if size is None else size) + data + behind
    return b"RIFF" + struct.pack("<I", len(body) if riff is None else riff) + body


def read(path):
    with open_sound(path) as sound:
        samples = np.concatenate([np.zeros(0, np.float32), *sound])
        return samples, sound.duration, [warning.kind for warning in sound.warnings]


LIST = chunk(b"LIST", b"INFOISFT" + struct.pack("<I", 13) + b"Lavf60.16.100\0")
ID3 = b"ID3\x04\0\0\0\0\x01\0" + bytes(128)

#: A file, what is said of it, and how often its sound is heard.
WAVS = {
    "plain": (wav(), [], 1),
    "no length": (wav(0, 0), ["length"], 1),
    "no length of the sound": (wav(0), ["length"], 1),
    "no length, and tags in front": (wav(0, 0, before=LIST), ["length"], 1),
    "a pipe's length": (wav(2**32 - 1, 2**32 - 1), [], 1),
    "sox's length": (wav(0x7FFFF000, 0x7FFFF024), [], 1),
    "less by one": (wav(2**32 - 1, 0), [], 1),
    "half": (wav(len(BYTES) // 2), ["length"], 1),
    "a little of it": (wav(2000), ["length"], 1),
    "too much": (wav(100 * len(BYTES)), ["cut"], 1),
    "a little too much": (wav(len(BYTES) + 3200), [], 1),
    "wrong only of the file": (wav(riff=36), [], 1),
    "tags behind": (wav(behind=LIST + chunk(b"id3 ", ID3)), [], 1),
    "a tag cut off behind": (wav(behind=LIST[:-9]), [], 1),
    "zeros behind": (wav(behind=bytes(700)), [], 1),
    "something behind": (wav(behind=b"garbage garbage garbage"), ["damage"], 1),
    "a page behind": (wav(behind=b"<html>404</html>\n" * 99), ["damage"], 1),
    "a long page behind": (wav() + b"<html>404</html>\n" * 9999, ["damage"], 1),
    "many zeros behind": (wav() + bytes(200_000), ["damage"], 1),
    "tags and a long page behind": (wav(behind=LIST) + b"<html>404</html>\n" * 9999, ["damage"], 1),
    "a tag in front": (ID3 + wav(), [], 1),
    "an odd chunk": (wav(before=b"LIST" + struct.pack("<I", 13) + b"INFOabcdefghi"), [], 1),
    "two stretches": (wav(behind=chunk(b"data", BYTES)), [], 2),
    "joined": (wav() + wav(), [], 2),
    "joined thrice, with tags": (wav(behind=LIST) * 2 + wav(before=LIST), [], 3),
    "joined without lengths at the end": (wav() + wav(0, 0), ["length"], 2),
}


@pytest.mark.parametrize("name", WAVS)
def test_wav_headers(tmp_path, name):
    content, said, times = WAVS[name]
    (tmp_path / "a.wav").write_bytes(content)
    samples, duration, kinds = read(tmp_path / "a.wav")
    np.testing.assert_array_equal(samples, np.tile(SOUND, times) / np.float32(32768))
    assert kinds == said and duration == 2 * times


@pytest.mark.parametrize("sound", [0, 1, 100, 40_000])
def test_a_killed_recorder_s_sound_of_any_length(tmp_path, sound):
    (tmp_path / "a.wav").write_bytes(wav(0, 0, data=BYTES[: 2 * sound]))
    assert len(read(tmp_path / "a.wav")[0]) == min(sound, len(SOUND))


@pytest.mark.parametrize("subtype", ["ULAW", "IMA_ADPCM", "MS_ADPCM", "GSM610", "FLOAT", "PCM_24"])
@pytest.mark.parametrize("size", [0, 2**32 - 1])
def test_coded_wav_without_a_length(tmp_path, subtype, size):
    path = tmp_path / "a.wav"
    soundfile.write(path, SOUND, SAMPLE_RATE, subtype)
    whole = read(path)[0]
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, content.index(b"data") + 4, size)
    path.write_bytes(content)
    np.testing.assert_array_equal(read(path)[0], whole)


def write_large(path, sound, size, data=2**32, sizes=b""):
    """A WAV of five minutes at 3.5 million samples a second and more, all zeros but its end."""
    magic = b"RF64" if sizes else b"RIFF"
    rate = 3_600_000
    form = struct.pack("<HHIIHH", 1, 2, rate, 4 * rate, 4, 16)
    head = magic + struct.pack("<I", size) + b"WAVE" + sizes + chunk(b"fmt ", form)
    head += b"data" + struct.pack("<I", size)
    with path.open("wb") as file:
        file.write(head)
        file.seek(data, 1)
        file.write(sound)
    return len(head)


@pytest.mark.parametrize("size", [2**32 - 1, 0, len(BYTES)])
def test_where_the_sound_lies_in_wav_above_four_gibibytes(tmp_path, size):
    """The last length is the true length modulo 4 GiB. The file is a hole on disk."""
    path = tmp_path / "a.wav"
    begin = write_large(path, BYTES, size)
    (part,) = find_wav_parts(path)
    assert (part.start, part.end) == (begin, path.stat().st_size)
    assert part.header.startswith(b"RF64") and not part.is_plain
    sizes = chunk(b"ds64", struct.pack("<QQQI", 0, 2**32 + len(BYTES), 0, 0))
    begin = write_large(path, BYTES, 2**32 - 1, sizes=sizes)
    (part,) = find_wav_parts(path)
    assert (part.start, part.end, part.is_plain) == (begin, path.stat().st_size, True)


@pytest.mark.slow
@pytest.mark.parametrize("size", [2**32 - 1, len(BYTES)])
def test_wav_above_four_gibibytes_is_read_to_its_end(tmp_path, size):
    path = tmp_path / "a.wav"
    write_large(path, BYTES, size)
    seconds = (2**32 + len(BYTES)) / (4 * 3_600_000)
    with open_sound(path) as sound:
        assert sound.duration == pytest.approx(seconds)
        samples, last = 0, np.zeros(1, np.float32)
        for last in sound:
            samples += len(last)
    assert samples == pytest.approx(seconds * SAMPLE_RATE, abs=1)
    assert np.abs(last).max() > 0.01


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_header_is_understood_or_left_alone(tmp_path_factory, data):
    content = bytearray(wav(before=LIST, behind=LIST + wav()))
    for at in data.draw(
        st.lists(st.integers(0, 100) | st.integers(0, len(content) - 1), max_size=6)
    ):
        content[at] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "any.wav"
    path.write_bytes(content[: data.draw(st.sampled_from([len(content), 60, 44, 12, 64_100]))])
    size = path.stat().st_size
    parts = find_wav_parts(path)
    assert all(0 < part.start <= part.end <= size for part in parts)
    assert all(a.end <= b.start for a, b in itertools.pairwise(parts))
