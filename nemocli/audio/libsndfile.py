"""Decoder for wav, w64, aiff, au and caf through libsndfile (the package `soundfile`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import soundfile

from nemocli.audio.byte_window import ByteWindow
from nemocli.audio.decoder import CUT_SHORT_S, Block, check_header, describe_cut
from nemocli.audio.sound_warnings import WarningLog
from nemocli.audio.tracks import Track

BLOCK_FRAMES = 16_384

# Frames by libsndfile if the header holds no length; reading then fails at the end.
UNKNOWN_FRAMES = 2**62

# A file without sound may carry tags; with more than this behind its header, it holds sound whose
# length was never written.
UNFINISHED_BYTES = 4096


def open_libsndfile(path: Path) -> LibsndfileDecoder | None:
    """Open `path`; return None where FFmpeg should try instead. Raises AudioError."""
    size = path.stat().st_size
    decoder = open_window(path, ByteWindow(path, 0, size))
    if decoder is not None and not decoder.frames and size > UNFINISHED_BYTES:
        decoder.close()
        return None
    return decoder


def open_window(path: Path, window: ByteWindow) -> LibsndfileDecoder | None:
    """Open a part of the file `path`; close it and return None if libsndfile cannot read it.

    Even a whole file is opened as a window: given a name, libsndfile would guess the format by it
    if the content does not show it, and would take "-" for stdin. Raises AudioError.
    """
    try:
        sound = soundfile.SoundFile(window)
    except soundfile.SoundFileError:
        window.close()
        return None
    if sound.frames >= UNKNOWN_FRAMES or sound.subtype.startswith("MPEG"):
        sound.close()
        window.close()
        return None
    return LibsndfileDecoder(path, sound, window)


class LibsndfileDecoder:
    """Decoder of a file through libsndfile; see `nemocli.audio.decoder.Decoder`."""

    def __init__(self, path: Path, sound: soundfile.SoundFile, window: ByteWindow) -> None:
        """Take over `sound` and its `window`. Raises AudioError for an absurd header."""
        check_header(path, sound.channels, sound.samplerate)
        self.path = path
        self.log = WarningLog()
        self._sound = sound
        self._window = window
        self.frames: int = sound.frames
        self.duration: float | None = float(sound.frames / sound.samplerate)
        self.channels = sound.channels
        self.stores_floats = sound.subtype in ("FLOAT", "DOUBLE")
        self.track = Track(
            number=1,
            language=None,
            title=None,
            codec=sound.subtype.lower(),
            rate=sound.samplerate,
            channels=sound.channels,
            duration=self.duration,
        )
        self.tracks: Sequence[Track] = (self.track,)
        #: Whether the bytes behind the sound that was read could not be decoded.
        self.ends_damaged = False

    def read_blocks(self) -> Iterator[Block]:
        """Yield blocks of `BLOCK_FRAMES` frames; integers are scaled to full scale = 1.0."""
        rate = self._sound.samplerate
        frames = 0
        while True:
            try:
                samples = self._sound.read(BLOCK_FRAMES, dtype="float32", always_2d=True)
            except soundfile.SoundFileError:
                self.ends_damaged = True
                break
            if not len(samples):
                break
            frames += len(samples)
            yield Block(rate, samples)
        seconds = frames / rate
        promised = self.duration or 0.0
        if promised - seconds > CUT_SHORT_S:
            self.log.add("cut", seconds, describe_cut(seconds, promised))
        elif self.ends_damaged:
            self.log.note("foreign", seconds, 0.0)

    def close(self) -> None:
        self._sound.close()
        self._window.close()
