"""Header of a WAV stream, whose length may be unknown or wrong while it is still written."""

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

#: A longer chunk before the sound means a damaged header.
MAX_CHUNK_BYTES = 1 << 24

#: Programs that do not know the length write 0, or a length from this on: ffmpeg 0xFFFFFFFF, sox
#: whole frames of nearly 0x7FFFF000 bytes.
UNKNOWN_LENGTH = 0x7FFF0000


@dataclass(frozen=True)
class WavHeader:
    """Format of raw samples."""

    rate: int
    channels: int
    #: One of SAMPLE_BYTES.
    encoding: str
    #: Bytes of sound; None if it lasts to the end of the stream.
    data_bytes: int | None


def read_wav_header(first: bytes, read: Callable[[int], bytes]) -> WavHeader:
    """Read a header up to the first sample; `first` are the four bytes read already.

    Raises AudioError if it is not a WAV, or does not hold plain samples.
    """
    sizes = read(8)
    if len(sizes) < 8 or sizes[4:] != b"WAVE":
        raise _explain_damage()
    format_fields: tuple[int, int, int, int] | None = None
    while True:
        header = read(8)
        if len(header) < 8:
            raise _explain_damage()
        name, size = header[:4], struct.unpack("<I", header[4:])[0]
        if name == b"data":
            if format_fields is None:
                raise _explain_damage()
            unknown = first == b"RF64" or size == 0 or size >= UNKNOWN_LENGTH
            return _check_header(*format_fields, None if unknown else size)
        if size > MAX_CHUNK_BYTES:
            raise _explain_damage()
        body = read(size + size % 2)
        if len(body) < size:
            raise _explain_damage()
        if name == b"fmt ":
            format_fields = _read_format(body)


def _read_format(body: bytes) -> tuple[int, int, int, int]:
    """Return tag, channels, rate and bits of a format chunk."""
    if len(body) < 16:
        raise _explain_damage()
    tag, channels, rate, _, _, bits = struct.unpack("<HHIIHH", body[:16])
    if tag == EXTENSIBLE and len(body) >= 26:
        tag = struct.unpack("<H", body[24:26])[0]
    return tag, channels, rate, bits


def _check_header(
    tag: int, channels: int, rate: int, bits: int, data_bytes: int | None
) -> WavHeader:
    if channels < 1 or rate not in PLAUSIBLE_RATES:
        raise _explain_damage()
    if (tag, bits) not in ENCODINGS:
        raise AudioError(
            f"The WAV on stdin holds coded sound (format {tag}, {bits} bits): pipe plain samples,"
            " such as ffmpeg's '-f s16le'."
        )
    return WavHeader(rate, channels, ENCODINGS[tag, bits], data_bytes)


def _explain_damage() -> AudioError:
    return AudioError("The WAV header on stdin is damaged: check the command before the pipe.")
