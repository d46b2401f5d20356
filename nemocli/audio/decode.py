"""Which decoder reads a file, and the sentences for files that none can read."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from nemocli.errors import AudioError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# What libsndfile reads best, by the first bytes: wav (see below), w64, flac, aiff, au, caf.
# Left to FFmpeg on purpose: mp3, where libsndfile writes warnings to stderr past everything, and
# Ogg, where it drops every stream of a chained file but the first.
LIBSNDFILE_MAGIC = (b"riff", b"fLaC", b"FORM", b".snd", b"caff")
WAV_MAGIC = (b"RIFF", b"RIFX", b"RF64")

# One second of a slower sound would fill the memory once resampled; none is faster, DSD included.
PLAUSIBLE_RATES = range(1_000, 10_000_000)

# Less than this missing at the end is how containers round; more was cut off.
CUT_SHORT_SECONDS = 1.0


@dataclass(frozen=True)
class Block:
    """A moment of decoded sound: float32 samples [frames, channels] at `rate` frames a second."""

    rate: int
    samples: npt.NDArray[np.float32]


class Decoder(Protocol):
    """An open file that yields its sound in blocks of at most about a second."""

    duration: float | None

    def blocks(self) -> Iterator[Block]:
        """Decode from the start. Raises AudioError where the file is damaged."""

    def close(self) -> None:
        """Close the file."""


def open_decoder(path: Path) -> Decoder:
    """Open `path` with libsndfile if it is one of its formats, otherwise with FFmpeg.

    Raises AudioError if it cannot be read or holds no sound.
    """
    from nemocli.audio.ffmpeg import FfmpegDecoder
    from nemocli.audio.libsndfile import open_libsndfile

    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
            with path.open("rb", buffering=0) as file:
                header = file.read(12)
            if not header:
                raise AudioError(f"{path} is empty (0 bytes): copy or record it again.")
        else:
            # A pipe can be read only once, so nothing may be tasted.
            header = b""
        decoder = open_libsndfile(path) if suits_libsndfile(header) else None
        return decoder or FfmpegDecoder(path)
    except OSError as error:
        raise AudioError(unreadable(path, error)) from None


def suits_libsndfile(header: bytes) -> bool:
    """Whether the first 12 bytes of a file are of a format that libsndfile should read."""
    wav = header[:4] in WAV_MAGIC and header[8:] == b"WAVE"  # and not avi or webp
    return wav or header[:4] in LIBSNDFILE_MAGIC


def unreadable(path: Path, error: OSError) -> str:
    """The sentence for a path that the system refuses to open."""
    if isinstance(error, FileNotFoundError):
        return f"{path} does not exist: check the path."
    if isinstance(error, IsADirectoryError):
        return f"{path} is a directory: name the sound files in it."
    if isinstance(error, PermissionError):
        return f"{path} cannot be read: you lack the permission (try 'chmod u+r')."
    return f"{path} cannot be read ({error.strerror or 'input/output error'}): check the path."


def not_sound(path: Path) -> AudioError:
    """For a file in no format that either decoder knows."""
    return AudioError(
        f"{path} is not a sound file that nemocli can read, or it is badly damaged: "
        "give a wav, flac, mp3, ogg, opus, m4a, mp4, mkv or webm file."
    )


def check_header(path: Path, channels: int, rate: int) -> None:
    """Raise AudioError for a header that no sound has: 0 channels, or an absurd sampling rate."""
    if channels < 1 or rate not in PLAUSIBLE_RATES:
        raise AudioError(
            f"{path} has a damaged header ({channels} channels at {rate} Hz): export it again."
        )


def damaged(path: Path, seconds: float) -> AudioError:
    """For a file whose decoding failed after `seconds` of sound."""
    return AudioError(
        f"{path} is damaged: its sound is good up to {seconds:.1f} s and cannot be decoded "
        "further; copy or export it again."
    )


def cut_short(path: Path, seconds: float, promised: float) -> AudioError:
    """For a file that ended without an error, but before the length in its header."""
    return AudioError(
        f"{path} is cut short or damaged: its sound is good up to {seconds:.1f} s, "
        f"but its header promises {promised:.1f} s; copy or export it again."
    )
