"""Choice of the clock that gives the times of packets, also in formats that store none.

FFmpeg counts the packets of such a file; where some were destroyed, all later ones would be early.
FLAC numbers its frames. In others, the bytes between good packets show how many were destroyed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from nemocli.audio.byte_clock import ByteClock
from nemocli.audio.container_clock import AviClock, ContainerClock, SpeexClock
from nemocli.audio.flac_clock import FlacClock

if TYPE_CHECKING:
    import av

#: Formats, by FFmpeg's names, that are just one coded frame behind the other.
PLAIN_STREAMS = ("aac", "ac3", "dts", "eac3", "loas", "mlp", "mp3", "truehd")


class PacketClock(Protocol):
    """Clock that returns the time of each decoded frame."""

    #: Whether `time` needs the bytes; if not, they may be empty.
    takes_bytes: bool

    def time(self, data: bytes, pos: int | None, frame: av.AudioFrame) -> float | None:
        """Return when a frame begins, in seconds, or None if that is unknown.

        It was decoded from `data`, which are in the file at `pos`.
        """

    def note_damage(self, data: bytes) -> None:
        """Take note of a packet that cannot be decoded."""

    def note_other(self, end: int) -> None:
        """Take note of a packet of another track, which ends at a place in the file."""


def choose_clock(path: Path, form: str, codec: str, extra: bytes | None) -> PacketClock:
    """Choose the clock by FFmpeg's names of container and codec, and the codec's setup."""
    if codec == "flac" and (form == "flac" or (form == "ogg" and extra is not None)):
        return FlacClock(extra or b"")
    if codec.endswith("speex") and form == "ogg":
        return SpeexClock(path)
    if form == "avi":
        return AviClock(path)
    if form == "aac":  # FFmpeg does not count the bytes it skips
        return ByteClock(path, form, is_searched=True)
    if form in PLAIN_STREAMS or (form == "wav" and codec.startswith("mp")):
        return ByteClock(path, form)
    return ContainerClock()
