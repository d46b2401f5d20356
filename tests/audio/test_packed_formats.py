"""Packed sound down a pipe is recognised by its bytes, and raw samples are never taken for it."""

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from nemocli.audio.packed_formats import LOOKED_AT, recognize_packed
from tests import media
from tests.sounds import speech_like

#: By the file's name: FFmpeg's codec and rate, and a part of the kind's name.
BY_FFMPEG = {
    "a.mp3": ("libmp3lame", 44100, "MP3"),
    "bare.mp3": ("libmp3lame", 48000, "MP3"),
    "low.mp3": ("libmp3lame", 16000, "MP3"),
    "a.mp2": ("mp2", 44100, "MP3"),
    "a.aac": ("aac", 48000, "AAC"),
    "a.latm": ("aac", 48000, "LATM"),
    "a.ts": ("aac", 48000, "transport stream"),
    "mp2.ts": ("mp2", 48000, "transport stream"),
    "a.m2ts": ("ac3", 48000, "transport stream"),
    "a.flv": ("aac", 44100, "FLV"),
    "a.mp4": ("aac", 48000, "MP4"),
    "a.m4a": ("alac", 48000, "MP4"),
    "a.mov": ("pcm_s16le", 48000, "MP4"),
    "a.3gp": ("aac", 16000, "MP4"),
    "a.mkv": ("aac", 48000, "Matroska"),
    "a.webm": ("libopus", 48000, "WebM"),
    "a.ogg": ("libopus", 48000, "Ogg"),
    "a.oga": ("flac", 48000, "Ogg"),
    "a.flac": ("flac", 48000, "FLAC"),
    "a.ac3": ("ac3", 48000, "AC-3"),
    "44.ac3": ("ac3", 44100, "AC-3"),
    "a.eac3": ("eac3", 48000, "AC-3"),
    "a.avi": ("libmp3lame", 48000, "AVI"),
    "a.mpg": ("mp2", 48000, "MPEG"),
    "a.wv": ("wavpack", 48000, "WavPack"),
    "a.tta": ("tta", 48000, "TTA"),
    "a.aiff": ("pcm_s16be", 48000, "AIFF"),
    "a.caf": ("pcm_s16le", 48000, "CAF"),
    "a.au": ("pcm_s16be", 48000, "AU"),
    "a.w64": ("pcm_s16le", 48000, "W64"),
    "a.nut": ("pcm_s16le", 48000, "NUT"),
    "a.voc": ("pcm_u8", 22050, "VOC"),
    "a.rm": ("ac3", 44100, "RealMedia"),
    "a.sox": ("pcm_s32le", 48000, "SoX"),
}

#: First bytes of kinds that cannot be written here.
BY_MAGIC = {
    b"RIFF\x10\x00\x00\x00XWMAfmt ": "XWMA",
    b"RIFF\x10\x00\x00\x00QLCMfmt ": "QCP",
    b"ajkg\x02": "Shorten",
    b"\x02dss\x00": "DSS",
    b"ea3\x03\x00\x00\x00\x00\x17\x76": "ATRAC",
    b"TWIN97012000": "TwinVQ",
    b"\xcc\x1c\x12\x00": "LC3",
    b"OSQ \x30\x00\x00\x00": "OSQ",
    b"#!iLBC30\n": "iLBC",
    b"1bit1.10": "WSD",
}

#: Those that may be cut anywhere, as a stream that is joined late.
STREAMS = ("bare.mp3", "low.mp3", "a.mp2", "a.aac", "a.latm", "a.ts", "a.m2ts", "a.ac3", "a.eac3")

FORMS = {"a.latm": "latm", "a.m2ts": "mpegts"}


def encoded(folder, name):
    """Four seconds of a kind, as bytes."""
    codec, rate, _ = BY_FFMPEG[name]
    options = {"a.m2ts": {"mpegts_m2ts_mode": "1"}}.get(name, {})
    if name in ("bare.mp3", "low.mp3"):
        options = {"id3v2_version": "0", "write_xing": "0"}
    samples = media.sine(4, rate) + np.resize(speech_like(4), 4 * rate).astype(np.float32) / 4
    form = FORMS.get(name)
    return media.encode(
        folder / name, codec, samples, rate, form=form, options=options
    ).read_bytes()


@pytest.mark.parametrize("name", BY_FFMPEG)
def test_every_kind_is_known(tmp_path, name):
    data = encoded(tmp_path, name)
    assert BY_FFMPEG[name][2] in recognize_packed(data[:LOOKED_AT])
    assert BY_FFMPEG[name][2] in recognize_packed(data[: LOOKED_AT // 2])


@pytest.mark.parametrize("form", ["AVR", "PAF", "WVE", "IRCAM", "PVF"])
@pytest.mark.parametrize("endian", ["FILE", "LITTLE", "BIG"])
def test_what_libsndfile_writes_is_known(tmp_path, form, endian):
    subtype = soundfile.default_subtype(form)
    if not soundfile.check_format(form, subtype, endian):
        pytest.skip(f"{form} has no other order of bytes")
    rate = 8000 if form == "WVE" else 16000
    soundfile.write(tmp_path / "a", media.sine(1, rate), rate, subtype, endian, form)
    assert form in recognize_packed((tmp_path / "a").read_bytes()[:LOOKED_AT])


def test_kinds_that_have_only_a_magic_number():
    assert recognize_packed(bytes.fromhex("b7d800203749da11a64e0007e95ead8d") + bytes(99)) == "WTV"
    mac_binary = b"\0\1A".ljust(65, b"\0") + b"FSSD".ljust(63, b"\0")
    assert recognize_packed(mac_binary + b"HCOM" + bytes(99)) == "HCOM"


@pytest.mark.parametrize("name", STREAMS)
def test_streams_are_known_from_any_byte_on(tmp_path, name):
    data = encoded(tmp_path, name)
    for begin in range(1, min(5000, len(data) - LOOKED_AT), 217):
        kind = recognize_packed(data[begin : begin + LOOKED_AT])
        assert kind is not None and BY_FFMPEG[name][2] in kind, begin


@pytest.mark.parametrize("silent", [0.0, 1e-5])
@pytest.mark.parametrize("name", ["bare.mp3", "a.aac", "a.ac3", "a.ts"])
def test_silence_that_is_packed(tmp_path, name, silent):
    codec, rate, kind = BY_FFMPEG[name]
    options = {"id3v2_version": "0", "write_xing": "0"} if name == "bare.mp3" else {}
    samples = np.full(4 * rate, silent, np.float32)
    data = media.encode(tmp_path / name, codec, samples, rate, options=options).read_bytes()
    assert kind in recognize_packed(data[:LOOKED_AT])


def test_amr_and_others_that_cannot_be_written_here():
    for begin, kind in (
        (b"#!AMR\n", "AMR"),
        (b"#!AMR-WB\n", "AMR"),
        (b"MAC \x96\x0f\0\0", "Monkey"),
        (b"MPCKSH", "Musepack"),
        (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), "WMA"),
        (bytes.fromhex("7ffe8001fc3c"), "DTS"),
        (bytes.fromhex("fe7f0180f03b"), "DTS"),
        (bytes.fromhex("f01a0000f8726fba"), "TrueHD"),
        (bytes.fromhex("060e2b34020501010d01020101020400"), "MXF"),
        (b"DSD \x1c\0\0\0", "DSD"),
        (b"\0\0\0\x18ftyp3gp4", "MP4"),
        (b"RIFX\0\0\0\0WAVEfmt ", "big-endian WAV"),
    ):
        assert kind in recognize_packed(begin + bytes(5000))


def raw(samples, encoding):
    if encoding == "f32le":
        return samples.astype("<f4").tobytes()
    return np.clip(np.round(samples * 32768), -32768, 32767).astype("<i2").tobytes()


ENCODINGS = st.sampled_from(["s16le", "f32le"])


@settings(deadline=None, max_examples=150)
@given(
    seed=st.integers(0, 2**32 - 1),
    loudness=st.sampled_from([1.0, 0.1, 1e-2, 1e-3, 1e-4, 3e-5]),
    kind=st.sampled_from(["noise", "speech", "tone", "dither", "square"]),
    encoding=ENCODINGS,
    skipped=st.integers(0, 3),
    count=st.integers(1, LOOKED_AT),
)
def test_no_sound_is_taken_for_packed(seed, loudness, kind, encoding, skipped, count):
    rng = np.random.default_rng(seed)
    size = LOOKED_AT
    if kind == "noise":
        samples = loudness * rng.uniform(-1, 1, size)
    elif kind == "dither":
        samples = rng.integers(-2, 2, size) / 32768
    elif kind == "speech":
        begin = int(rng.integers(0, 60_000))
        samples = loudness * speech_like(5, seed % 4)[begin : begin + size]
    else:
        samples = loudness * np.sin(2 * np.pi * np.arange(size) / rng.uniform(2, 400))
        samples = np.sign(samples) * loudness if kind == "square" else samples
    assert recognize_packed(raw(samples, encoding)[skipped:count]) is None


@settings(deadline=None, max_examples=150)
@given(piece=st.binary(min_size=1, max_size=8), count=st.integers(1, LOOKED_AT))
def test_what_repeats_itself_is_not_packed(piece, count):
    """Constants and tones, whatever their value; some begin like a container's file."""
    kind = recognize_packed((piece * LOOKED_AT)[:count])
    assert kind not in ("AAC", "MP3", "AAC (LATM)", "AC-3", "an MPEG transport stream")


def test_every_constant_of_16_bits():
    for value in range(-32768, 32768, 7):
        data = np.full(LOOKED_AT // 2, value, "<i2").tobytes()
        assert recognize_packed(data) is None, value


def test_the_bundled_clips_are_samples(clips):
    for clip in clips:
        samples, _ = soundfile.read(clip.path, dtype="float32")
        for encoding in ("s16le", "f32le"):
            data = raw(samples, encoding)
            for begin in range(0, len(data) - LOOKED_AT, 4001):
                assert recognize_packed(data[begin : begin + LOOKED_AT]) is None


@pytest.mark.parametrize("magic", BY_MAGIC)
def test_first_bytes_of_kinds_that_cannot_be_written_here(magic):
    assert recognize_packed(magic + bytes(500)) == BY_MAGIC[magic]


@pytest.mark.parametrize("begin", [0, 100])
def test_frames_of_gsm(tmp_path, begin):
    """They have no other mark than their first bits."""
    sound = speech_like(2)[::2]
    soundfile.write(tmp_path / "a.raw", sound, 8000, "GSM610", format="RAW", endian="FILE")
    content = (tmp_path / "a.raw").read_bytes()[begin:]
    assert recognize_packed(content[:LOOKED_AT]) == "GSM"
    assert recognize_packed(bytes([0xD5]) * 500) is None
