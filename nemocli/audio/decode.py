"""Choice of the decoder that reads a file."""

from __future__ import annotations

import os
import re
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nemocli.addresses import advise_on_address
from nemocli.audio.decoder import Decoder
from nemocli.audio.options import SoundOptions
from nemocli.audio.tracks import Track, check_single_track
from nemocli.audio.wav_chunks import BYTE_ORDERS
from nemocli.errors import AudioError, lacks_memory

# What libsndfile reads best besides wav, by the first bytes: w64, aiff, au, caf.
# Left to FFmpeg on purpose: mp3, where libsndfile writes warnings to stderr past everything; Ogg,
# where it drops every stream of a chained file but the first; and flac, where it stops at the first
# damage, and at the end of the first of several that were joined.
LIBSNDFILE_MAGIC = (b"riff", b"FORM", b".snd", b"caff")

# What only libsndfile reads, by the first bytes: Ensoniq PARIS, Psion, and matrices of MATLAB 4 and
# Octave whose first is named `samplerate`.
ONLY_LIBSNDFILE = re.compile(
    rb" paf|fap |ALawSoundFile\*\*"
    rb"|(\x00{4}\x01\x00{3}\x01\x00{3}|\x00\x00\x03\xe8\x00{3}\x01\x00{3}\x01)\x00{4}.{4}samplerate\x00",
    re.DOTALL,
)

# The first bytes of a file, enough to recognise its format.
HEADER_BYTES = 4096


def open_decoder(path: Path, options: SoundOptions) -> Decoder:
    """Open `path` with libsndfile if it is one of its formats, otherwise with FFmpeg.

    Raises AudioError if it cannot be read, holds no sound, or lacks the chosen track.
    """
    with _explain_system_errors(path):
        decoder = _open_libsndfile(path)
        if decoder is None:
            from nemocli.audio.ffmpeg import FfmpegDecoder  # slow to load, and not for a wav

            return FfmpegDecoder(path, options)
        try:
            check_single_track(path, options)
        except AudioError:
            decoder.close()
            raise
        return decoder


def probe_tracks(path: str | os.PathLike[str]) -> tuple[Track, ...]:
    """List the sound tracks of a file by its header, also those that cannot be decoded.

    Raises AudioError if it cannot be read or holds no sound.
    """
    path = Path(path)
    with _explain_system_errors(path):
        decoder = _open_libsndfile(path)
        if decoder is None:
            from nemocli.audio.ffmpeg_container import list_file_tracks

            return tuple(list_file_tracks(path))
        decoder.close()
        return tuple(decoder.tracks)


def _open_libsndfile(path: Path) -> Decoder | None:
    """Open a file that libsndfile should read; return None for others. Raises AudioError."""
    from nemocli.audio.libsndfile import open_libsndfile
    from nemocli.audio.parts import open_parts

    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        return None  # a pipe can be read only once, so its header cannot be examined
    with path.open("rb", buffering=0) as file:
        header = file.read(HEADER_BYTES)
    if not header:
        raise AudioError("is empty (0 bytes): copy or record it again.", path)
    if holds_mpeg(header):
        return None
    decoder: Decoder | None = None
    if is_wav(header) or header[:3] == b"ID3":  # which some programs write in front
        decoder = open_parts(path, is_wav=True)
    elif header[:4] in LIBSNDFILE_MAGIC:
        decoder = open_parts(path, is_wav=False)
    if decoder is None and (suits_libsndfile(header) or is_htk(header, path.stat().st_size)):
        decoder = open_libsndfile(path)
    return decoder


@contextmanager
def _explain_system_errors(path: Path) -> Iterator[None]:
    """Raise AudioError for an error of the operating system, MemoryError for lack of memory."""
    try:
        yield
    except OSError as error:
        if lacks_memory(error):  # a library of a decoder does not load
            raise MemoryError from None
        raise explain_unreadable(path, error) from None


def suits_libsndfile(header: bytes) -> bool:
    """Return whether libsndfile should read a file that begins with `header`."""
    return (
        is_wav(header)
        or header[:4] in LIBSNDFILE_MAGIC
        or ONLY_LIBSNDFILE.match(header) is not None
    )


def is_htk(header: bytes, size: int) -> bool:
    """Return whether a file of `size` bytes is a waveform of HTK, which has no magic number.

    Its header says how many samples of two bytes follow it, and how long they last in 100 ns.
    """
    if len(header) < 12:
        return False
    samples, period, width, kind = struct.unpack(">IIHH", header[:12])
    return period > 0 and (width, kind) == (2, 0) and 12 + 2 * samples == size


def holds_mpeg(header: bytes) -> bool:
    """Return whether a WAV or CAF with this header holds mp3 or the like, left to FFmpeg."""
    if header[:4] == b"caff":
        return header[28:31] == b".mp"
    form = header.find(b"fmt ") + 8
    return is_wav(header) and header[form : form + 2] in (b"\x50\0", b"\x55\0")


def is_wav(header: bytes) -> bool:
    """Return whether a file begins as a WAV, not as another kind of RIFF such as avi or webp."""
    return header[:4] in BYTE_ORDERS and header[8:12] == b"WAVE"


def explain_unreadable(path: Path, error: OSError) -> AudioError:
    """Return the error for a path that cannot be opened; say so if it is an address."""
    if isinstance(error, FileNotFoundError) and (advice := advise_on_address(str(path))):
        return AudioError(advice)
    reason = f"cannot be read ({error.strerror or 'input/output error'}): check the path."
    if isinstance(error, FileNotFoundError):
        reason = "does not exist: check the path."
    elif isinstance(error, IsADirectoryError):
        reason = "is a directory: name the sound files in it."
    elif isinstance(error, PermissionError):
        reason = "cannot be read: you lack the permission (try 'chmod u+r')."
    return AudioError(reason, path)
