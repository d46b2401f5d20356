"""Decoder for mp3, Ogg, mp4, mkv, webm and all others through FFmpeg (the package `av`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import av

from nemocli.audio.byte_clock import ByteClock
from nemocli.audio.comfort_noise import is_comfort_noise, make_pause
from nemocli.audio.decoder import (
    CUT_SHORT_S,
    PLAUSIBLE_RATES,
    Block,
    check_header,
    describe_cut,
    describe_rest,
    explain_nothing_decodable,
)
from nemocli.audio.ffmpeg_container import (
    check_sums,
    list_container_tracks,
    open_checked,
    open_container,
)
from nemocli.audio.ffmpeg_frames import MAX_SAMPLES, is_quiet, join_blocks, make_silence, to_float
from nemocli.audio.ffmpeg_packets import PacketReader
from nemocli.audio.file_ends import NO_END, ends_early, lacks_bytes, lacks_index
from nemocli.audio.flac_clock import FlacClock
from nemocli.audio.ogg_pages import is_beginning_lost
from nemocli.audio.options import SoundOptions
from nemocli.audio.packed_formats import find_frames, measure_frame
from nemocli.audio.packet_clock import choose_clock
from nemocli.audio.silent_tracks import find_silent
from nemocli.audio.sound_warnings import WarningLog
from nemocli.audio.timeline import DAMAGE_TOLERANCE_S, Piece, Timeline
from nemocli.audio.tracks import Track, choose_track
from nemocli.audio.trailing_bytes import (
    count_bytes_behind,
    ends_frame,
    lacks_end,
)
from nemocli.errors import AudioError

# Containers that hold the true length; that of others is estimated from the bit rate.
CONTAINERS_WITH_LENGTH = ("mov,mp4", "matroska", "flac", "flv", "nut", "rm", "tta", "wv")

# Containers whose length is the time at the end, although the first time need not be 0.
LENGTH_WITH_LEAD = ("matroska", "nut", "ogg", "asf")

# Formats that hold sound up to their end, but for tags; and bytes that tags may take.
NOTHING_BEHIND = ("aac", "ac3", "amr", "eac3", "flac", "loas", "tta", "voc", "wv")
MAX_TAG_BYTES = 16_384

# Undecodable bytes that an mp3 of true length may have: more than its longest frame.
MAX_BAD_BYTES = 1500

# Codecs that store samples as floats of any size.
FLOAT_CODECS = ("pcm_f", "wavpack")

# Codecs in which a wrong checksum of a frame need not mean noise: some programs write wrong ones.
ROBUST_CODECS = ("ac3", "eac3")

MICROSECOND = 1e-6


class FfmpegDecoder:
    """Decoder of one sound track of a file through FFmpeg; see `nemocli.audio.decoder.Decoder`."""

    def __init__(self, path: Path, options: SoundOptions) -> None:
        """Open `path`. Raises AudioError if it holds no sound, OSError if it cannot be opened."""
        self.path = path
        self.log = WarningLog()
        # Whether something could not be decoded: anything, and just before the next frame.
        self._is_damaged = self._follows_damage = False
        # How packets begin.
        self._sync = b""
        # Bytes of the last good packet, for clocks that look at them.
        self._last = b""
        # Whether the next frame has a wrong checksum.
        self._has_wrong_sum = False
        # Bytes that could not be decoded.
        self._bad_bytes = 0
        self._container = open_checked(path)
        try:
            self._stream = self._choose_track(options)
        except AudioError:
            self._container.close()
            raise
        context = self._stream.codec_context
        check_sums(context)
        self._clock = choose_clock(
            path, self._container.format.name, context.name, context.extradata
        )
        self._packets = PacketReader(
            path, self._container, self._stream, self._note_damage, self._clock.note_other
        )
        length = self._container.duration
        self._start = (self._container.start_time or 0) * MICROSECOND
        self.duration = length * MICROSECOND if length is not None and length >= 0 else None
        name = self._container.format.name
        if name.startswith(LENGTH_WITH_LEAD) and 0 < self._start < (self.duration or 0.0):
            self.duration = (self.duration or 0.0) - self._start

    def read_blocks(self) -> Iterator[Block]:
        """Yield the frames of the track, with silence where damage or its clock leave gaps."""
        # If the container has no start time, the first frame is at 0.
        is_headless = isinstance(self._clock, FlacClock) and self._clock.is_headless
        has_start = self._container.start_time is not None and not is_headless
        origin = self._start if has_start else None
        if origin is not None and self._is_beginning_lost():
            origin = 0.0
            self._note_damage()
        timeline: Timeline[av.AudioFrame] = Timeline(origin, self.log, self._choose_quiet())
        yield from join_blocks(self._read_blocks(timeline))
        self._check_end(timeline.position, timeline.ignored)

    def _choose_quiet(self) -> Callable[[av.AudioFrame], bool] | None:
        """Return what tells a pause, for a codec that may send nothing in pauses."""
        return is_quiet if self._stream.codec_context.name.endswith("opus") else None

    def _is_beginning_lost(self) -> bool:
        """Return whether an Ogg file begins late because its first pages are damaged."""
        # Flac has its times in its frames, of which FFmpeg knows nothing.
        late = max(self._start, DAMAGE_TOLERANCE_S if isinstance(self._clock, FlacClock) else 0.0)
        is_ogg = self._container.format.name == "ogg"
        if not is_ogg or late < DAMAGE_TOLERANCE_S or not self.path.is_file():
            return False
        with open_container(self.path) as container:
            stream = container.streams[self._stream.index]
            try:
                first = next(container.demux(stream)).pos
            except (av.FFmpegError, OSError, StopIteration):
                return False
        return first is not None and is_beginning_lost(self.path, first, late)

    def _read_blocks(self, timeline: Timeline[av.AudioFrame]) -> Iterator[Block]:
        for placed in timeline.place(self._read_pieces(timeline)):
            frame = placed.samples
            rate, channels = frame.sample_rate, len(frame.layout.channels)
            if placed.silence:
                yield from make_silence(placed.silence, rate, channels)
            begin, most = round(placed.skipped * rate), MAX_SAMPLES // channels
            for first in range(begin, frame.samples, most):
                yield Block(rate, to_float(frame, first, most))

    def close(self) -> None:
        self._container.close()

    def _choose_track(self, options: SoundOptions) -> av.AudioStream:
        """Choose one of the sound tracks; see `nemocli.audio.tracks.choose_track`."""
        self.tracks: Sequence[Track] = list_container_tracks(self.path, self._container)
        self.track = choose_track(self.path, self.tracks, options, self._find_silent)
        if not (self.track.rate and self.track.channels):
            self.track = self._complete_track(self.track)
        check_header(self.path, self.track.channels, self.track.rate)
        stream = self._container.streams.audio[self.track.number - 1]
        self.channels = self.track.channels
        self.stores_floats = stream.codec_context.name.startswith(FLOAT_CODECS)
        return stream

    def _complete_track(self, track: Track) -> Track:
        """Return a track with rate and channels by its first frame, where FFmpeg did not find them.

        It looks for them in the first seconds of a file only, where its sound need not have begun.
        """
        if not self.path.is_file():
            return track
        with suppress(av.FFmpegError, OSError, IndexError), open_container(self.path) as container:
            stream = container.streams.audio[track.number - 1]
            for packet in container.demux(stream):
                for frame in self._decode(packet) or []:
                    channels = len(frame.layout.channels)
                    return replace(track, rate=frame.sample_rate, channels=channels)
        return track

    def _find_silent(self, tracks: Sequence[Track]) -> set[int]:
        if not self.path.is_file():
            return set()  # a pipe is read only once
        return find_silent(lambda: open_container(self.path), tracks)

    def _read_pieces(self, timeline: Timeline[av.AudioFrame]) -> Iterator[Piece[av.AudioFrame]]:
        """Yield each frame with its time, and whether something before it was undecodable."""
        for frame, data, pos in self._decode_frames():
            rate, channels = frame.sample_rate, len(frame.layout.channels)
            if channels < 1 or rate not in PLAUSIBLE_RATES:  # each frame may name others
                self._note_damage()
                continue
            starts = self._clock.time(data, pos, frame)
            if self._has_wrong_sum:
                self.log.note("wrong sum", timeline.position, frame.samples / rate)
                self._has_wrong_sum = False
            yield Piece(frame, starts, frame.samples / rate, self._follows_damage)
            self._follows_damage = False

    def _decode_frames(self) -> Iterator[tuple[av.AudioFrame, bytes, int | None]]:
        """Yield each decodable frame, its bytes, and their place in the file."""
        for packet in self._packets.read():
            data = bytes(packet) if self._clock.takes_bytes else b""
            pos = packet.pos
            if packet.is_corrupt:
                self._follows_damage = True
            frames = self._decode(packet)
            if frames is None and is_comfort_noise(packet):
                frames = [make_pause(packet)]
            if frames is None:
                data = bytes(packet)
                self._note_damage()
                self._clock.note_damage(data)
                self._bad_bytes += len(data)
                for rest, at in self._salvage(packet, data):
                    place = None if pos is None else pos + at
                    yield from self._keep(self._decode(rest) or [], bytes(rest), place)
                continue
            yield from self._keep(frames, data, pos)

    def _keep(
        self, frames: list[av.AudioFrame], data: bytes, pos: int | None
    ) -> Iterator[tuple[av.AudioFrame, bytes, int | None]]:
        """Yield the frames of a good packet, and remember its bytes."""
        for frame in frames:
            yield frame, data, pos
        if frames:
            self._sync = data[:2]
            self._last = data or self._last

    def _decode(self, packet: av.Packet[Any]) -> list[av.AudioFrame] | None:
        """Decode a packet; return None if it cannot be decoded."""
        try:
            return cast("list[av.AudioFrame]", packet.decode())
        except (av.FFmpegError, OSError):
            return self._decode_unchecked(packet)

    def _decode_unchecked(self, packet: av.Packet[Any]) -> list[av.AudioFrame] | None:
        """Decode a packet with a wrong checksum if its codec is robust; else return None."""
        name = packet.stream.codec_context.name
        if name not in ROBUST_CODECS:
            return None
        try:
            context = cast("av.AudioCodecContext", av.CodecContext.create(name, "r"))
            frames = context.decode(packet)
        except (av.FFmpegError, OSError):
            return None
        if frames:
            self._has_wrong_sum = True
        return frames or None

    def _salvage(self, packet: av.Packet[Any], data: bytes) -> Iterator[tuple[av.Packet[Any], int]]:
        """Yield the whole frames in a damaged packet of a plain stream, and their places in it."""
        if not isinstance(self._clock, ByteClock) or not self._sync:
            return
        found = find_frames(self._container.format.name, data, self._last)
        if not found and (at := data.rfind(self._sync, 1)) >= 0:
            found = [(at, len(data))]
        for begin, end in found:
            rest = av.Packet(data[begin:end])
            rest.stream, rest.time_base = packet.stream, packet.time_base
            rest.pts, rest.dts = packet.pts, packet.dts
            yield rest, begin

    def _note_damage(self) -> None:
        self._is_damaged = self._follows_damage = True

    def _check_end(self, seconds: float, ignored: float) -> None:
        """Warn if sound and all other tracks end before the length in the header.

        `ignored` are the seconds by which the file's clock jumped ahead, which its length includes.
        All tracks, because the sound of a whole video may well end before its picture. Raises
        AudioError if nothing could be decoded.
        """
        if not seconds and self._is_damaged:
            raise explain_nothing_decodable(self.path)
        name = self._container.format.name
        others = self._packets.others_end
        reached = max(seconds, others - self._start) if others else seconds
        promised = self.duration if self._has_true_length() else None
        if promised is not None and promised - ignored - reached > CUT_SHORT_S:
            self.log.add("cut", seconds, describe_cut(seconds, promised))
        elif (
            (name == "ogg" and ends_early(self.path))
            or (name == "nut" and lacks_index(self.path))
            or (name in ("avi", "wav") and lacks_bytes(self.path))
            or (not self._lacks_bytes_within(name) and lacks_end(self.path, name))
            or (measure_frame(name, self._last) or 0) > len(self._last)
        ):
            self.log.add("cut", seconds, NO_END)
        elif self._follows_damage or self._is_much_left() or not ends_frame(name, self._last):
            self.log.note("foreign", seconds, 0.0)
        elif not self._packets.is_joined and (
            count := count_bytes_behind(self.path, name, self._packets.read_up_to)
        ):
            self.log.add("damage", seconds, describe_rest(count))

    def _lacks_bytes_within(self, name: str) -> bool:
        """Return whether a file may be too short because bytes within it are lost."""
        return self._is_damaged and name.startswith("matroska")

    def _is_much_left(self) -> bool:
        """Return whether much that is no tag follows the last packet in an all-sound format."""
        if self._container.format.name not in NOTHING_BEHIND or not self.path.is_file():
            return False
        if self.path.stat().st_size - self._packets.read_up_to < MAX_TAG_BYTES:
            return False
        with self.path.open("rb") as file:
            file.seek(self._packets.read_up_to)
            return not file.read(8).startswith((b"APETAGEX", b"ID3", b"TAG"))

    def _has_true_length(self) -> bool:
        name = self._container.format.name
        # An mp3 has its length in an encoder's tag; a start later than 0 shows that it has one.
        # FFmpeg counts what follows as sound, even if it is none.
        tagged = name == "mp3" and bool(self._stream.start_time) and self._bad_bytes < MAX_BAD_BYTES
        return tagged or name.startswith(CONTAINERS_WITH_LENGTH)
