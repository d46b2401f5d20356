"""Packets of a sound track by FFmpeg, also behind damage and behind the first of joined files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av

from nemocli.audio.byte_window import ByteWindow
from nemocli.audio.continuation import (
    MIN_SKIPPED_BYTES,
    Continuation,
    find_continuation,
    find_skipped,
    is_read_again,
)
from nemocli.audio.ffmpeg_container import accept_any_tags, check_sums
from nemocli.audio.ffmpeg_limits import build_limits

# Places at which reading of a file may continue.
MAX_PARTS = 1000

# Times in a row that FFmpeg may fail to find another packet.
MAX_FAILURES = 100


class PacketReader:
    """Reader of the packets of one track of an open container."""

    def __init__(
        self,
        path: Path,
        container: av.container.InputContainer,
        stream: av.AudioStream,
        note_damage: Callable[[], None],
        note_other: Callable[[int], None],
    ) -> None:
        """Read `stream` of the file `path`.

        `note_damage` is called where something cannot be read, before the packet behind it, and
        `note_other` with the end of each packet of another track.
        """
        self._path = path
        self._container, self._stream = container, stream
        self._note_damage, self._note_other = note_damage, note_other
        #: How far the file was read, in bytes.
        self.read_up_to = 0
        #: Where the other tracks end so far, in seconds of the container's clock.
        self.others_end = 0.0
        #: Whether the file continued where FFmpeg's reader stopped.
        self.is_joined = False
        # Begin and end of bytes that FFmpeg skipped since the last packet of the track.
        self._gaps: list[tuple[int, int]] = []

    def read(self) -> Iterator[av.Packet[Any]]:
        """Yield the packets of the track, also behind where a reader stops."""
        yield from self._read_skipped_too()
        for _ in range(MAX_PARTS):
            name = self._container.format.name
            found = find_continuation(self._path, name, self.read_up_to)
            if found is None:
                return
            self._note_damage()
            self.is_joined = True
            self.read_up_to = found.packets_from + 1
            yield from self._read_packets_behind(found)

    def _read_skipped_too(self) -> Iterator[av.Packet[Any]]:
        """Yield the packets of the track, also those that FFmpeg skipped behind damage."""
        name, last = self._container.format.name, None
        for packet in self._read_packets_of(self._container, self._stream, 0):
            gaps, self._gaps = self._gaps, []
            for begin, end in gaps:
                found = find_skipped(self._path, name, begin, end)
                if found is not None:
                    self._note_damage()
                    yield from self._read_skipped(found, last, packet.pts)
            last = packet.pts
            yield packet

    def _read_skipped(
        self, place: Continuation, after: int | None, before: int | None
    ) -> Iterator[av.Packet[Any]]:
        """Yield the packets at a place whose times are between those of the packets around it."""
        for packet in self._read_packets_behind(place):
            if packet.pts is None or after is None or before is None:
                continue
            if after < packet.pts < before:
                yield packet

    def _read_packets_behind(self, place: Continuation) -> Iterator[av.Packet[Any]]:
        """Yield the packets of the same track from another place of the file on."""
        size, shift = self._path.stat().st_size, place.start - len(place.header)
        window = ByteWindow(
            self._path,
            place.start,
            size if place.end is None else place.end,
            place.header,
            place.patch,
            place.patch_at,
        )
        try:
            with av.open(
                window, container_options=build_limits(), **accept_any_tags()
            ) as container:
                streams = [s for s in container.streams.audio if s.index == self._stream.index]
                streams += container.streams.audio
                streams = [stream for stream in streams if stream.codec_context is not None]
                if streams:
                    check_sums(streams[0].codec_context)
                    for packet in self._read_packets_of(container, streams[0], shift):
                        if packet.pos is None or packet.pos + shift >= place.packets_from:
                            yield packet
        except (av.FFmpegError, OSError):
            self._note_damage()
        finally:
            window.close()

    def _read_packets_of(
        self, container: av.container.InputContainer, stream: av.AudioStream, shift: int
    ) -> Iterator[av.Packet[Any]]:
        """Yield the packets of a track, also behind what is invalid in the container's format.

        `shift` is the place in the file of the container's first byte.
        """
        failures, place = 0, -1
        while failures <= MAX_FAILURES:
            try:
                for packet in container.demux():
                    failures = 0
                    is_ours = packet.stream.index == stream.index
                    if is_ours and packet.pos is not None:
                        form = container.format.name
                        if packet.pos < place and is_read_again(self._path, form, self.read_up_to):
                            return
                        place = packet.pos
                    if packet.pos is not None:
                        self._find_gap(packet.pos + shift)
                        end = packet.pos + packet.size + shift
                        self.read_up_to = max(self.read_up_to, end)
                    if is_ours:
                        yield packet
                        continue
                    if packet.pos is not None:
                        self._note_other(packet.pos + packet.size)
                    if packet.pts is not None and packet.time_base is not None:
                        ends = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                        self.others_end = max(self.others_end, ends)
                return
            except IndexError:  # raised by av at the end if tracks appeared on the way
                return
            except (av.FFmpegError, OSError):
                failures += 1
                self._note_damage()

    def _find_gap(self, pos: int) -> None:
        """Note the bytes that FFmpeg skipped before a packet at `pos`, if they are many."""
        if self.read_up_to and pos - self.read_up_to >= MIN_SKIPPED_BYTES:
            self._gaps = [*self._gaps, (self.read_up_to, pos)][-MAX_PARTS:]
