"""Which decoder reads a file."""

from __future__ import annotations

import stat
from pathlib import Path

from nemocli.addresses import advise_on_address
from nemocli.audio.decoder import Decoder
from nemocli.errors import AudioError, lacks_memory

# What libsndfile reads best, by the first bytes: wav (see below), w64, flac, aiff, au, caf.
# Left to FFmpeg on purpose: mp3, where libsndfile writes warnings to stderr past everything, and
# Ogg, where it drops every stream of a chained file but the first.
LIBSNDFILE_MAGIC = (b"riff", b"fLaC", b"FORM", b".snd", b"caff")
WAV_MAGIC = (b"RIFF", b"RIFX", b"RF64")


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
                raise AudioError("is empty (0 bytes): copy or record it again.", path)
        else:
            # A pipe can be read only once, so nothing may be tasted.
            header = b""
        decoder = open_libsndfile(path) if suits_libsndfile(header) else None
        return decoder or FfmpegDecoder(path)
    except OSError as error:
        if lacks_memory(error):  # a library of a decoder does not load
            raise MemoryError from None
        raise unreadable(path, error) from None


def suits_libsndfile(header: bytes) -> bool:
    """Whether the first 12 bytes of a file are of a format that libsndfile should read."""
    wav = header[:4] in WAV_MAGIC and header[8:] == b"WAVE"  # and not avi or webp
    return wav or header[:4] in LIBSNDFILE_MAGIC


def unreadable(path: Path, error: OSError) -> AudioError:
    """For a path that the system refuses to open; an address is told that it is one."""
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
