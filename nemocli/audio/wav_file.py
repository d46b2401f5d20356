"""WAV files whose headers are untrue, or that hold several one behind the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from nemocli.audio.byte_window import ByteWindow
from nemocli.audio.decoder import CUT_SHORT_SECONDS, Block, cut_short
from nemocli.audio.libsndfile import LibsndfileDecoder, open_window
from nemocli.audio.sound_warnings import WarningLog
from nemocli.audio.wav_chunks import WavPart, find_parts, is_plain


def open_wav(path: Path) -> PatchedWav | None:
    """Open a WAV that libsndfile would not read to its end by itself; None for all others.

    Raises AudioError for an absurd header, OSError as `open`.
    """
    parts = find_parts(path)
    if is_plain(parts):
        return None
    decoders = []
    for part in parts:
        decoder = open_window(path, ByteWindow(path, part.start, part.end, part.header))
        if decoder is None:  # a codec that FFmpeg may know
            for opened in decoders:
                opened.close()
            return None
        decoders.append(decoder)
    return PatchedWav(list(zip(parts, decoders, strict=True)))


class PatchedWav:
    """Stretches of sound one behind the other; see `nemocli.audio.decoder.Decoder`."""

    def __init__(self, parts: list[tuple[WavPart, LibsndfileDecoder]]) -> None:
        """Take over the decoders."""
        self._parts = parts
        self.log = WarningLog()
        self.duration: float | None = sum(decoder.duration or 0.0 for _, decoder in parts)

    def blocks(self) -> Iterator[Block]:
        """Decode all parts."""
        begins = 0.0
        for part, decoder in self._parts:
            seconds = 0.0
            for block in decoder.blocks():
                seconds += len(block.samples) / block.rate
                yield block
            self._judge(part, begins, seconds)
            begins += seconds

    def _judge(self, part: WavPart, begins: float, seconds: float) -> None:
        length = part.end - part.start
        ends = begins + seconds
        if part.promised is None or part.promised_seconds is None:
            pass
        elif part.promised > length:
            if part.promised_seconds - seconds > CUT_SHORT_SECONDS:
                self.log.add("cut", ends, cut_short(ends, begins + part.promised_seconds))
        elif part.promised < length:
            self.log.add(
                "length",
                begins,
                f"The header's length is untrue: the sound was read to the end, {seconds:.1f} s.",
            )
        if part.bytes_behind:
            self.log.note("foreign", ends, 0.0)

    def close(self) -> None:
        for _, decoder in self._parts:
            decoder.close()
