"""wav, flac, aiff, au and caf through libsndfile (the package `soundfile`)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nemocli.audio.decoder import CUT_SHORT_SECONDS, Block, check_header, cut_short, damaged
from nemocli.audio.options import SoundOptions
from nemocli.audio.tracks import Track, check_single_track

if TYPE_CHECKING:
    import soundfile

BLOCK_FRAMES = 16_384

# Data sizes from here on are what programs write that do not know the length yet (a pipe).
UNKNOWN_LENGTH_BYTES = 0x7FFF_0000

# What libsndfile says of a flac that was piped and holds no length; it then fails at the end.
UNKNOWN_FRAMES = 2**62

# A wav of length 0 may carry tags; with more than this behind its header it holds sound, and the
# recorder never came to write the length.
UNFINISHED_WAV_BYTES = 65_536


def open_libsndfile(path: Path, options: SoundOptions) -> LibsndfileDecoder | None:
    """Open `path`, or None where FFmpeg should have a try. Raises AudioError."""
    import soundfile

    if path.suffix.lower() == ".raw":  # soundfile would ask for the rate, whatever the content
        return None
    try:
        sound = soundfile.SoundFile(_name(path))
    except soundfile.SoundFileError:
        return None
    unfinished = sound.frames == 0 and path.stat().st_size > UNFINISHED_WAV_BYTES
    if unfinished or sound.frames >= UNKNOWN_FRAMES or sound.subtype.startswith("MPEG"):
        sound.close()
        return None
    decoder = LibsndfileDecoder(path, sound)
    check_single_track(path, options)
    return decoder


def _name(path: Path) -> str | bytes:
    """The path as libsndfile takes it: a bare "-" would be stdin, and a name may be no UTF-8."""
    name = os.path.join(os.curdir, path)  # the path itself if it is absolute
    return name if os.name == "nt" else os.fsencode(name)


class LibsndfileDecoder:
    """A file opened by libsndfile; see `nemocli.audio.decoder.Decoder`."""

    def __init__(self, path: Path, sound: soundfile.SoundFile) -> None:
        """Take over `sound`. Raises AudioError for an absurd header."""
        check_header(path, sound.channels, sound.samplerate)
        self.path = path
        self._sound = sound
        self._promised = self._promised_seconds()
        self.duration: float | None = self._promised
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

    def blocks(self) -> Iterator[Block]:
        """Blocks of `BLOCK_FRAMES` frames; integers are scaled to full scale = 1.0."""
        import soundfile

        rate = self._sound.samplerate
        frames = 0
        while True:
            try:
                samples = self._sound.read(BLOCK_FRAMES, dtype="float32", always_2d=True)
            except soundfile.SoundFileError:
                raise damaged(self.path, frames / rate) from None
            if not len(samples):
                break
            frames += len(samples)
            yield Block(rate, samples)
        seconds = frames / rate
        if self._promised - seconds > CUT_SHORT_SECONDS:
            raise cut_short(self.path, seconds, self._promised)

    def close(self) -> None:
        self._sound.close()

    def _promised_seconds(self) -> float:
        """Seconds by the header, also where the file is shorter than that.

        libsndfile quietly corrects the length of a wav that was cut off, and tells only its log:
        "data : 264600 (should be 158745)".
        """
        seconds = float(self._sound.frames / self._sound.samplerate)
        log = re.search(r"^data\s*:\s*(\d+) \(should be (\d+)\)", self._sound.extra_info, re.M)
        if log:
            promised, present = int(log[1]), int(log[2])
            if present < promised < UNKNOWN_LENGTH_BYTES and present > 0:
                return seconds * promised / present
        return seconds
