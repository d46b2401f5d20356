"""wav, flac, aiff, au and caf through libsndfile (the package `soundfile`)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nemocli.audio.byte_window import ByteWindow
from nemocli.audio.decoder import CUT_SHORT_SECONDS, Block, check_header, cut_short
from nemocli.audio.sound_warnings import WarningLog
from nemocli.audio.tracks import Track

if TYPE_CHECKING:
    import soundfile

BLOCK_FRAMES = 16_384

# What libsndfile says of a flac that was piped and holds no length; it then fails at the end.
UNKNOWN_FRAMES = 2**62


# A file without sound may carry tags; with more than this behind its header, it holds sound whose
# length was never written.
UNFINISHED_BYTES = 4096


def open_libsndfile(path: Path) -> LibsndfileDecoder | None:
    """Open `path`, or None where FFmpeg should have a try. Raises AudioError."""
    import soundfile

    if path.suffix.lower() == ".raw":  # soundfile would ask for the rate, whatever the content
        return None
    try:
        sound = soundfile.SoundFile(_name(path))
    except soundfile.SoundFileError:
        return None
    is_unfinished = not sound.frames and path.stat().st_size > UNFINISHED_BYTES
    if is_unfinished or sound.frames >= UNKNOWN_FRAMES or sound.subtype.startswith("MPEG"):
        sound.close()
        return None
    return LibsndfileDecoder(path, sound)


def open_window(path: Path, window: ByteWindow) -> LibsndfileDecoder | None:
    """Open a part of the file `path`, or close it and give None where libsndfile cannot.

    Raises AudioError.
    """
    import soundfile

    try:
        sound = soundfile.SoundFile(window)
        if sound.subtype.startswith("MPEG"):  # whose decoder writes to stderr
            sound.close()
            window.close()
            return None
        return LibsndfileDecoder(path, sound, window)
    except soundfile.SoundFileError:
        window.close()
        return None


def _name(path: Path) -> str | bytes:
    """The path as libsndfile takes it: a bare "-" would be stdin, and a name may be no UTF-8."""
    name = os.path.join(os.curdir, path)  # the path itself if it is absolute
    return name if os.name == "nt" else os.fsencode(name)


class LibsndfileDecoder:
    """A file opened by libsndfile; see `nemocli.audio.decoder.Decoder`."""

    def __init__(
        self, path: Path, sound: soundfile.SoundFile, window: ByteWindow | None = None
    ) -> None:
        """Take over `sound` and what it reads from. Raises AudioError for an absurd header."""
        check_header(path, sound.channels, sound.samplerate)
        self.path = path
        self.log = WarningLog()
        self._sound = sound
        self._window = window
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
        #: Whether there was something behind the sound that was read, but could not be decoded.
        self.ends_damaged = False

    def blocks(self) -> Iterator[Block]:
        """Blocks of `BLOCK_FRAMES` frames; integers are scaled to full scale = 1.0."""
        import soundfile

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
        if promised - seconds > CUT_SHORT_SECONDS:
            self.log.add("cut", seconds, cut_short(seconds, promised))
        elif self.ends_damaged:
            self.log.note("foreign", seconds, 0.0)

    def close(self) -> None:
        self._sound.close()
        if self._window is not None:
            self._window.close()
