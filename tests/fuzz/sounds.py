"""Fuzz targets: sound files, and sound down a pipe."""

import io
import os
import struct
import zlib
from collections.abc import Hashable
from pathlib import Path
from random import Random

import numpy as np
import soundfile

from nemocli.audio.decode import probe_tracks
from nemocli.audio.options import DEFAULT_OPTIONS, SoundOptions
from nemocli.audio.pcm import open_pcm
from nemocli.audio.sound import open_sound
from nemocli.audio.wav_header import MAX_CHUNK_BYTES, read_wav_header
from nemocli.sound_warning import SoundWarning
from tests.fuzz.mutations import damage
from tests.fuzz.target import BrokenError, Target
from tests.media import SoundTrack, encode, encode_tracks, sine

#: Names for the files: FFmpeg looks at extensions too.
EXTENSIONS = ("", ".wav", ".mp3", ".m3u8", ".mp4", ".txt", ".raw", ".flac", ".ogg", ".ffconcat")

#: Seconds of sound that are heard of a case: a small file can hold days of silence.
MOST_SECONDS = 300.0

#: Warnings that a file can have at most, of all kinds together.
MOST_WARNINGS = 500

#: What lies beside the sound and must not be heard: every sample of it is this.
SECRET = 0.123

RIFF_TOKENS = (b"RIFF", b"RF64", b"WAVE", b"fmt ", b"data", b"LIST", b"fact", b"ds64", b"JUNK")
TOKENS = (
    *RIFF_TOKENS,
    *(b"FORM", b"AIFF", b"AIFC", b"COMM", b"SSND", b"caff", b"desc", b"pakt", b".snd", b"fLaC"),
    *(b"OggS", b"OpusHead", b"\x01vorbis", b"ID3\x04\0\0", b"\xff\xfb\x90", b"Xing", b"Info"),
    *(b"ftyp", b"moov", b"mdat", b"stts", b"stsz", b"stco", b"elst", b"esds", b"drms", b"enca"),
    *(b"\x1aE\xdf\xa3", b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75", b"\xa3", b"\x42\x86"),
    *(b"#EXTM3U\nsecret.wav\n", b"ffconcat version 1.0\nfile secret.wav\n", b"[playlist]\n"),
)


#: Each file is heard with one of them.
OPTIONS = (
    DEFAULT_OPTIONS,
    DEFAULT_OPTIONS,
    SoundOptions(channels="separate", gain="auto"),
    SoundOptions(channels=1, gain=-6.0, language="de-DE"),
)


def sound_file(folder: Path) -> Target:
    """Sound files of every kind, by libsndfile and FFmpeg: the samples, and how they end."""
    own = folder / "sounds"
    own.mkdir()
    whole = [*_by_libsndfile(), *_by_ffmpeg(own)]
    seeds = [*whole, *(file for data in whole for file in _befallen(data)), *_late(own)]
    soundfile.write(own / "secret.wav", np.full(32000, SECRET, np.float32), 16000, "FLOAT")
    seeds += [b"#EXTM3U\n#EXTINF:2,\nsecret.wav\n", b"ffconcat version 1.0\nfile secret.wav\n"]

    def check(data: bytes) -> Hashable:
        path = own / f"sound{EXTENSIONS[zlib.crc32(data) % len(EXTENSIONS)]}"
        path.write_bytes(data)
        try:
            options = OPTIONS[zlib.crc32(data) // len(EXTENSIONS) % len(OPTIONS)]
            tracks = len(probe_tracks(path))
            return _hear(path, options), min(tracks, 3)
        finally:
            path.unlink()

    def mutate(data: bytes, random: Random) -> bytes:
        return damage(data, random, TOKENS, 1 << 16)

    return Target(seeds, mutate, check, seconds=8.0, memory=700_000_000)


def _hear(path: Path, options: SoundOptions = DEFAULT_OPTIONS) -> Hashable:
    with open_sound(path, options=options) as sound:
        shape = (len(sound.channel_names),) if sound.channel_names else ()
        if sound.duration is not None and not 0 <= sound.duration < float("inf"):
            raise BrokenError(f"a duration of {sound.duration}")
        samples = 0
        _check_warnings(sound.warnings)
        for packet in sound:
            if packet.dtype != np.float32 or packet.shape[1:] != shape:
                raise BrokenError(f"a packet of {packet.dtype} {packet.shape}")
            if not 0 < len(packet) <= 16000:
                raise BrokenError(f"a packet of {packet.dtype} {packet.shape}")
            if not np.isfinite(packet).all():
                raise BrokenError("a packet with samples that are no numbers")
            if len(packet) > 1000 and (np.abs(packet[100:900] - SECRET) < 1e-4).all():
                raise BrokenError("another file was heard")
            samples += len(packet)
            if samples > MOST_SECONDS * 16000:
                return "long"
        _check_warnings(sound.warnings, samples / 16000)
        return min(samples // 800, 20), tuple(sorted({w.kind for w in sound.warnings}))


def _check_warnings(warnings: tuple[SoundWarning, ...], seconds: float = float("inf")) -> None:
    """Few, in order, within the sound, and each a sentence."""
    if len(warnings) > MOST_WARNINGS:
        raise BrokenError(f"{len(warnings)} warnings")
    places = [warning.at_s for warning in warnings]
    if places != sorted(places) or any(not 0 <= at <= seconds + 1 for at in places):
        raise BrokenError(f"warnings at {places} in {seconds} s")
    for warning in warnings:
        if not warning.message.endswith(".") or not warning.message.isprintable():
            raise BrokenError(f"not a sentence: {warning.message!r}")


def _befallen(data: bytes) -> list[bytes]:
    """What befalls a file: cut off, joined, a hole, other bytes inside and behind."""
    half = len(data) // 2
    page = b"<html>404</html>\n" * 9
    tag = b"ID3\4\0\0\0\0\1\0" + bytes(128)
    return [
        data[:half],
        data + data,
        data[:half] + bytes(200) + data[half + 200 :],
        data[:half] + tag + data[half:],
        data + page,
    ]


def _late(folder: Path) -> list[bytes]:
    """Files whose clock begins late, and has a hole, or jumps back."""
    clocks = [
        lambda frame: frame + 48000,
        lambda frame: frame + (4800 if frame > 4000 else 0),
        lambda frame: frame % 4800,
    ]
    return [
        encode(folder / "made", codec, sine(0.2, rate), rate, form=form, pts=pts).read_bytes()
        for form, codec, rate in (("matroska", "pcm_s16le", 16000), ("nut", "pcm_s16le", 16000))
        for pts in clocks
    ]


def _by_libsndfile() -> list[bytes]:
    kinds = [
        ("WAV", "PCM_16", 8000, 1),
        ("WAV", "PCM_24", 44100, 2),
        ("WAV", "FLOAT", 16000, 1),
        ("WAV", "IMA_ADPCM", 8000, 1),
        ("WAV", "ULAW", 8000, 2),
        ("WAVEX", "PCM_16", 8000, 3),
        ("RF64", "PCM_16", 8000, 1),
        ("W64", "PCM_16", 8000, 1),
        ("AIFF", "PCM_16", 8000, 1),
        ("AU", "PCM_16", 8000, 1),
        ("CAF", "ALAC_16", 16000, 1),
        ("CAF", "PCM_16", 16000, 1),
        ("FLAC", "PCM_16", 16000, 1),
        ("OGG", "VORBIS", 16000, 1),
    ]
    files = []
    for form, subtype, rate, channels in kinds:
        content = io.BytesIO()
        sound = np.repeat(sine(0.1, rate)[:, None], channels, axis=1)
        soundfile.write(content, sound, rate, subtype, format=form)
        files.append(content.getvalue())
    return files


def _by_ffmpeg(folder: Path) -> list[bytes]:
    kinds = [
        ("mp3", "mp3", 16000),
        ("ogg", "libopus", 16000),
        ("mp4", "aac", 16000),
        ("mov", "alac", 16000),
        ("matroska", "flac", 16000),
        ("webm", "libopus", 48000),
        ("avi", "pcm_s16le", 8000),
        ("adts", "aac", 16000),
        ("mpegts", "aac", 16000),
        ("flv", "aac", 44100),
        ("amr", "libopencore_amrnb", 8000),
        ("wv", "wavpack", 8000),
        ("tta", "tta", 8000),
        ("ac3", "ac3", 48000),
        ("latm", "aac", 16000),
        ("ogg", "flac", 8000),
        ("asf", "wmav2", 22050),
    ]
    sound = sine(0.2, 16000)
    tracks = [
        SoundTrack(np.zeros_like(sound), "eng", codec="pcm_s16le"),
        SoundTrack(sound, "ger", "Kommentar", codec="pcm_s16le"),
        SoundTrack(np.round(32768 * sound), codec="pcm_f32le"),
    ]
    return [
        *(
            encode(folder / "made", codec, sine(0.2, rate), rate, form=form).read_bytes()
            for form, codec, rate in kinds
        ),
        encode(folder / "antiphase.mka", "flac", np.stack([sound, -sound], 1), 16000).read_bytes(),
        encode_tracks(folder / "tracks.mkv", tracks, 16000, picture=False).read_bytes(),
    ]


def wav_header(folder: Path) -> Target:
    """The header of a WAV stream."""

    def check(data: bytes) -> Hashable:
        stream = io.BytesIO(data)

        def read(count: int) -> bytes:
            if not 0 <= count <= MAX_CHUNK_BYTES + 1:
                raise BrokenError(f"{count} bytes asked for at once")
            return stream.read(count)

        header = read_wav_header(stream.read(4), read)
        return header.encoding, header.channels > 8, header.data_bytes is None

    def mutate(data: bytes, random: Random) -> bytes:
        return damage(data, random, RIFF_TOKENS, 4096)

    return Target([file[:200] for file in _wavs()], mutate, check)


def _wavs() -> list[bytes]:
    fmt = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 16000, 32000, 2, 16)
    wide = b"fmt " + struct.pack("<IHHIIHHHHI", 40, 0xFFFE, 2, 8000, 64000, 8, 32, 22, 32, 3)
    wide += struct.pack("<H", 3) + b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"
    sound = np.arange(-400, 400, dtype="<i2").tobytes()
    return [
        b"RIFF\xff\xff\xff\xffWAVE" + fmt + b"data\xff\xff\xff\xff" + sound,
        b"RIFF\xff\xff\xff\xffWAVE" + wide + b"LIST\3\0\0\0abc\0data" + b"\x40\6\0\0" + sound,
        b"RF64\xff\xff\xff\xffWAVEds64\x1c\0\0\0" + b"\0" * 28 + fmt + b"data\0\0\0\0" + sound,
    ]


#: Rate, channels and encoding of raw samples, by the first byte of an input.
RAW = [
    (rate, channels, encoding)
    for rate in (16000, 8000, 44100, 1000, 9_999_999)
    for channels in (1, 2, 64)
    for encoding in ("s16le", "f32le")
]


def pcm(folder: Path) -> Target:
    """A pipe of raw samples or WAV: every frame of sound is read once, and nothing else."""
    floats = (np.sin(np.arange(900)) / 3).astype("<f4").tobytes()
    seeds = [bytes([n]) + wav for n, wav in enumerate(_wavs())]
    seeds += [b"\0" + floats, b"\1" + floats, b"\7" + floats, b"\5" + floats]

    def check(data: bytes) -> Hashable:
        options = RAW[(data[0] if data else 0) % len(RAW)]
        reading, writing = os.pipe()
        try:
            os.write(writing, data[1:60_000])
            os.close(writing)
            return _read_all(reading, *options)
        finally:
            os.close(reading)

    def mutate(data: bytes, random: Random) -> bytes:
        return damage(data, random, (*RIFF_TOKENS, b"OggS", b"ID3", b"\0\0\xc0\x7f"), 60_000)

    return Target(seeds, mutate, check)


def _read_all(stream: int, rate: int, channels: int, encoding: str) -> Hashable:
    source = open_pcm(stream, rate, channels, encoding)
    source.start()
    frames = samples = 0
    try:
        while not source.ended:
            packet = source.read(1.0)
            if packet is None:
                continue
            if packet.lost or not np.isfinite(packet.samples).all():
                raise BrokenError(f"{packet.lost} frames lost, or samples that are no numbers")
            frames += packet.frames
            samples += len(packet.samples)
    finally:
        source.close()
        if frames != source.heard or source.dropped:
            raise BrokenError(f"{frames} frames read of {source.heard}, {source.dropped} dropped")
    if abs(samples - frames * 16000 / source.rate) > 1:
        raise BrokenError(f"{samples} samples of {frames} frames at {source.rate} Hz")
    return source.channels > 2, frames > 100
