"""wav, flac, aiff, au and caf through libsndfile (the package `soundfile`)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from nemocli.audio.byte_window import ByteWindow
from nemocli.audio.decoder import CUT_SHORT_SECONDS, Block, check_header, cut_short
from nemocli.audio.sound_warnings import WarningLog
from nemocli.audio.wav_header import UNKNOWN_LENGTH

if TYPE_CHECKING:
    import soundfile

BLOCK_FRAMES = 16_384

# What libsndfile says of a flac that was piped and holds no length; it then fails at the end.
UNKNOWN_FRAMES = 2**62

def open_libsndfile(path: Path) -> LibsndfileDecoder | None:
    """Open `path`, or None where FFmpeg should have a try. Raises AudioError."""
    import soundfile

    if path.suffix.lower() == ".raw":  # soundfile would ask for the rate, whatever the content
        return None
    try:
        sound = soundfile.SoundFile(_name(path))
    except soundfile.SoundFileError:
        return None
    if sound.frames >= UNKNOWN_FRAMES or sound.subtype.startswith("MPEG"):
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
        self._promised = self._promised_seconds()
        self.duration: float | None = self._promised

    def blocks(self) -> Iterator[Block]:
        """Blocks of `BLOCK_FRAMES` frames; integers are scaled to full scale = 1.0."""
        import soundfile

        rate = self._sound.samplerate
        frames = 0
        while True:
            try:
                samples = self._sound.read(BLOCK_FRAMES, dtype="float32", always_2d=True)
            except soundfile.SoundFileError:
                self.log.note("foreign", frames / rate, 0.0)
                break
            if not len(samples):
                break
            frames += len(samples)
            yield Block(rate, samples)
        seconds = frames / rate
        if self._promised - seconds > CUT_SHORT_SECONDS:
            self.log.add("cut", seconds, cut_short(seconds, self._promised))

    def close(self) -> None:
        self._sound.close()
        if self._window is not None:
            self._window.close()

    def _promised_seconds(self) -> float:
        """Seconds by the header, also where the file is shorter than that.

        libsndfile quietly corrects the length of a wav that was cut off, and tells only its log:
        "data : 264600 (should be 158745)".
        """
        seconds = float(self._sound.frames / self._sound.samplerate)
        log = re.search(r"^data\s*:\s*(\d+) \(should be (\d+)\)", self._sound.extra_info, re.M)
        if log:
            promised, present = int(log[1]), int(log[2])
            if present < promised < UNKNOWN_LENGTH and present > 0:
                return seconds * promised / present
        return seconds
