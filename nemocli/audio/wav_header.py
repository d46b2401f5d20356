"""The header of a WAV stream, whose length may be unknown or untrue since it is still written."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from nemocli.audio.decoder import PLAUSIBLE_RATES
from nemocli.errors import AudioError

#: Format tags: integers, floats, and "see the extension", whose first two bytes are the tag.
PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE

#: Encodings by tag and bits.
ENCODINGS = {
    (PCM, 8): "u8",
    (PCM, 16): "s16le",
    (PCM, 24): "s24le",
    (PCM, 32): "s32le",
    (FLOAT, 32): "f32le",
    (FLOAT, 64): "f64le",
}

#: A chunk before the sound that is longer than this is damage.
LONGEST_CHUNK = 1 << 24

#: Lengths at and above this, and 0, are what programs write that do not know the length: ffmpeg
#: 0xFFFFFFFF, sox whole frames of nearly 0x7FFFF000 bytes.
UNKNOWN_LENGTH = 0x7FFF0000


@dataclass(frozen=True)
class WavHeader:
    """What raw samples are."""

    rate: int
    channels: int
    #: One of SAMPLE_BYTES.
    encoding: str
    #: Bytes of sound; None if they go on to the end of the stream.
    data_bytes: int | None


def read_wav_header(first: bytes, read: Callable[[int], bytes]) -> WavHeader:
    """Read up to the first sample; `first` are the four bytes that were read already.

    Raises AudioError if it is no WAV, or of a kind that is not plain samples.
    """
    sizes = read(8)
    if len(sizes) < 8 or sizes[4:] != b"WAVE":
        raise _damaged()
    format_fields: tuple[int, int, int, int] | None = None
    while True:
        header = read(8)
        if len(header) < 8:
            raise _damaged()
        name, size = header[:4], struct.unpack("<I", header[4:])[0]
        if name == b"data":
            if format_fields is None:
                raise _damaged()
            unknown = first == b"RF64" or size == 0 or size >= UNKNOWN_LENGTH
            return _header(*format_fields, None if unknown else size)
        if size > LONGEST_CHUNK:
            raise _damaged()
        body = read(size + size % 2)
        if len(body) < size:
            raise _damaged()
        if name == b"fmt ":
            format_fields = _format(body)


def _format(body: bytes) -> tuple[int, int, int, int]:
    """Tag, channels, rate, bits."""
    if len(body) < 16:
        raise _damaged()
    tag, channels, rate, _, _, bits = struct.unpack("<HHIIHH", body[:16])
    if tag == EXTENSIBLE and len(body) >= 26:
        tag = struct.unpack("<H", body[24:26])[0]
    return tag, channels, rate, bits


def _header(tag: int, channels: int, rate: int, bits: int, data_bytes: int | None) -> WavHeader:
    if channels < 1 or rate not in PLAUSIBLE_RATES:
        raise _damaged()
    if (tag, bits) not in ENCODINGS:
        raise AudioError(
            f"The WAV on stdin holds coded sound (format {tag}, {bits} bits): pipe plain samples,"
            " such as ffmpeg's '-f s16le'."
        )
    return WavHeader(rate, channels, ENCODINGS[tag, bits], data_bytes)


def _damaged() -> AudioError:
    return AudioError("The WAV header on stdin is damaged: check the command before the pipe.")
