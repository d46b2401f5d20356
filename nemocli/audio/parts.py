"""Files for libsndfile with wrong headers, or with several files joined one behind the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from nemocli.audio.byte_window import ByteWindow
from nemocli.audio.decoder import CUT_SHORT_S, Block, describe_cut, describe_rest
from nemocli.audio.file_ends import find_file_parts
from nemocli.audio.libsndfile import LibsndfileDecoder, open_window
from nemocli.audio.sound_part import SoundPart
from nemocli.audio.sound_warnings import WarningLog
from nemocli.audio.tracks import Track
from nemocli.audio.wav_chunks import find_wav_parts


def open_parts(path: Path, is_wav: bool) -> PartedDecoder | None:
    """Open a file that libsndfile alone would not read to its end; return None for all others.

    Raises AudioError for an absurd header, OSError as `open`.
    """
    parts = find_wav_parts(path) if is_wav else find_file_parts(path)
    if all(part.is_plain for part in parts) and len(parts) <= 1:
        return None
    decoders: list[LibsndfileDecoder] = []
    for part in parts:
        decoder = open_window(path, ByteWindow(path, part.start, part.end, part.header))
        if decoder is None:  # a codec that FFmpeg may know
            for opened in decoders:
                opened.close()
            return None
        decoders.append(decoder)
    return PartedDecoder(list(zip(parts, decoders, strict=True)))


class PartedDecoder:
    """Decoder of stretches of sound one behind the other; see `nemocli.audio.decoder.Decoder`."""

    def __init__(self, parts: list[tuple[SoundPart, LibsndfileDecoder]]) -> None:
        """Take over the decoders."""
        self._parts = parts
        self.log = WarningLog()
        self.duration: float | None = sum(decoder.duration or 0.0 for _, decoder in parts)
        decoders = [decoder for _, decoder in parts]
        self.channels = max(decoder.channels for decoder in decoders)
        self.stores_floats = any(decoder.stores_floats for decoder in decoders)
        self.track = replace(decoders[0].track, channels=self.channels, duration=self.duration)
        self.tracks: Sequence[Track] = (self.track,)

    def read_blocks(self) -> Iterator[Block]:
        """Yield the blocks of all parts."""
        begins = 0.0
        for part, decoder in self._parts:
            seconds = 0.0
            for block in decoder.read_blocks():
                seconds += len(block.samples) / block.rate
                yield block
            self._judge(part, begins, seconds, decoder.ends_damaged)
            begins += seconds

    def _judge(self, part: SoundPart, begins: float, seconds: float, ends_damaged: bool) -> None:
        """Warn about a part that began at `begins`, and of which `seconds` were decoded."""
        ends, length = begins + seconds, part.end - part.start
        promised = part.promised_seconds
        if promised is None and part.promised is not None and length:
            promised = seconds * part.promised / length
        if part.promised is not None and part.promised > length:
            if promised is not None and promised - seconds > CUT_SHORT_S:
                self.log.add("cut", ends, describe_cut(ends, begins + promised))
        elif part.promised is not None and part.promised < length:
            self.log.add(
                "length",
                begins,
                f"The header's length is untrue: the sound was read to the end, {seconds:.1f} s.",
            )
        if part.bytes_behind:
            self.log.add("damage", ends, describe_rest(part.bytes_behind))
        elif ends_damaged:
            self.log.note("foreign", ends, 0.0)

    def close(self) -> None:
        for _, decoder in self._parts:
            decoder.close()
