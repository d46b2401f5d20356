"""mp3, Ogg, mp4, mkv, webm and all the rest through FFmpeg (the package `av`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import av

from nemocli.audio.byte_window import ByteWindow
from nemocli.audio.continuation import Continuation, find_continuation
from nemocli.audio.decoder import (
    CUT_SHORT_SECONDS,
    PLAUSIBLE_RATES,
    Block,
    check_header,
    cut_short,
    not_sound,
    nothing_decodable,
)
from nemocli.audio.ffmpeg_frames import MAX_SAMPLES, join_blocks, silence, to_float
from nemocli.audio.ffmpeg_limits import options as limits
from nemocli.audio.file_ends import NO_END, ends_early, lacks_bytes
from nemocli.audio.options import SoundOptions
from nemocli.audio.packed_headers import unpacks_too_far
from nemocli.audio.packet_clock import ByteClock, choose_clock
from nemocli.audio.silent_tracks import find_silent
from nemocli.audio.sound_warnings import WarningLog
from nemocli.audio.timeline import Piece, Timeline
from nemocli.audio.tracks import Track, choose_track, list_tracks
from nemocli.errors import AudioError

# Containers that hold the true length; that of others is estimated from the bit rate.
CONTAINERS_WITH_LENGTH = ("mov,mp4", "matroska", "flac", "flv", "tta", "wv")

# Those whose length is that of the clock at the end, though it need not begin at 0.
LENGTH_WITH_LEAD = ("matroska", "ogg", "asf")

# Places at which a file is read on.
MOST_PARTS = 1000

# Formats that are sound to their end, but for tags; and bytes behind what was read that are much.
NOTHING_BEHIND = ("aac", "ac3", "amr", "eac3", "flac", "loas", "tta", "voc", "wv")
MUCH_LEFT = 16_384

# Bytes of more than the longest frame of mp3.
MUCH_BAD = 1500

# Times in a row that FFmpeg may fail to find another packet.
MOST_FAILURES = 100

# Codecs that store samples as floats of any size.
FLOAT_CODECS = ("pcm_f", "wavpack")

MICROSECOND = 1e-6


class FfmpegDecoder:
    """One sound track of a file opened by FFmpeg; see `nemocli.audio.decoder.Decoder`."""

    def __init__(self, path: Path, options: SoundOptions) -> None:
        """Open `path`. Raises AudioError if it holds no sound, OSError if it cannot be opened."""
        self.path = path
        self.log = WarningLog()
        # Whether something could not be decoded: anything, and just before the next frame.
        self._is_damaged = self._follows_damage = False
        # How far the file was read, in bytes, and how packets begin.
        self._read_up_to, self._sync = 0, b""
        # Bytes since the last good frame that could not be decoded.
        self._bad_bytes = 0
        self._container = _open_checked(path)
        try:
            self._stream = self._choose_track(options)
        except AudioError:
            self._container.close()
            raise
        context = self._stream.codec_context
        _check_sums(context)
        self._clock = choose_clock(
            path, self._container.format.name, context.name, context.extradata
        )
        length = self._container.duration
        self._start = (self._container.start_time or 0) * MICROSECOND
        self._others_reach = 0.0
        self.duration = length * MICROSECOND if length is not None and length >= 0 else None
        name = self._container.format.name
        if name.startswith(LENGTH_WITH_LEAD) and 0 < self._start < (self.duration or 0.0):
            self.duration = (self.duration or 0.0) - self._start

    def blocks(self) -> Iterator[Block]:
        """The frames of the track, with silence where its clock and damage leave holes."""
        # Without a start of the container's, the first frame is at 0.
        origin = self._start if self._container.start_time is not None else None
        timeline: Timeline[av.AudioFrame] = Timeline(origin, self.log)
        yield from join_blocks(self._blocks(timeline))
        self._check_end(timeline.position)

    def _blocks(self, timeline: Timeline[av.AudioFrame]) -> Iterator[Block]:
        for placed in timeline.place(self._pieces()):
            frame = placed.samples
            rate, channels = frame.sample_rate, len(frame.layout.channels)
            if placed.silence:
                yield from silence(placed.silence, rate, channels)
            begin, most = round(placed.skipped * rate), MAX_SAMPLES // channels
            for first in range(begin, frame.samples, most):
                yield Block(rate, to_float(frame, first, most))

    def close(self) -> None:
        self._container.close()

    def _choose_track(self, options: SoundOptions) -> av.AudioStream:
        """Choose one of the sound tracks; see `nemocli.audio.tracks.choose_track`."""
        self.tracks: Sequence[Track] = _tracks(self.path, self._container)
        self.track = choose_track(self.path, self.tracks, options, self._find_silent)
        check_header(self.path, self.track.channels, self.track.rate)
        stream = self._container.streams.audio[self.track.number - 1]
        self.channels = self.track.channels
        self.stores_floats = stream.codec_context.name.startswith(FLOAT_CODECS)
        return stream

    def _find_silent(self, tracks: Sequence[Track]) -> set[int]:
        if not self.path.is_file():
            return set()  # a pipe is read only once
        return find_silent(lambda: _open_container(self.path), tracks)

    def _pieces(self) -> Iterator[Piece[av.AudioFrame]]:
        """Each frame with its time, and whether something before it could not be decoded."""
        for frame, data, pos in self._frames():
            rate, channels = frame.sample_rate, len(frame.layout.channels)
            if channels < 1 or rate not in PLAUSIBLE_RATES:  # each frame may name others
                self._note_damage()
                continue
            starts = self._clock.time(data, pos, frame)
            yield Piece(frame, starts, frame.samples / rate, self._follows_damage)
            self._follows_damage = False

    def _frames(self) -> Iterator[tuple[av.AudioFrame, bytes, int | None]]:
        """Each frame that can be decoded, from which bytes, and where in the file they are."""
        for packet in self._packets():
            data = bytes(packet) if self._clock.takes_bytes else b""
            pos = packet.pos
            if packet.is_corrupt:
                self._follows_damage = True
            frames = self._decode(packet)
            if frames is None:
                data = bytes(packet)
                self._note_damage()
                self._clock.note_damage(data)
                self._bad_bytes += len(data)
                data, pos, frames = self._salvage(packet, data)
            for frame in frames:
                self._bad_bytes = 0
                yield frame, data, pos
            if frames:
                self._sync = data[:2]

    def _decode(self, packet: av.Packet[Any]) -> list[av.AudioFrame] | None:
        """Decode a packet; None if that cannot be."""
        try:
            return cast("list[av.AudioFrame]", packet.decode())
        except (av.FFmpegError, OSError):
            return None

    def _salvage(
        self, packet: av.Packet[Any], data: bytes
    ) -> tuple[bytes, int | None, list[av.AudioFrame]]:
        """Decode the whole frame behind the foreign bytes of a plain stream's packet, if any."""
        at = data.rfind(self._sync, 1) if isinstance(self._clock, ByteClock) and self._sync else -1
        if at < 0:
            return data, packet.pos, []
        rest = av.Packet(data[at:])
        rest.stream, rest.time_base = packet.stream, packet.time_base
        rest.pts, rest.dts = packet.pts, packet.dts
        pos = None if packet.pos is None else packet.pos + at
        return data[at:], pos, self._decode(rest) or []

    def _packets(self) -> Iterator[av.Packet[Any]]:
        """The packets of the track, also behind where a reader stops."""
        yield from self._packets_of(self._container, self._stream, 0)
        for _ in range(MOST_PARTS):
            name = self._container.format.name
            found = find_continuation(self.path, name, self._read_up_to)
            if found is None:
                return
            self._note_damage()
            self._read_up_to = found.packets_from + 1
            yield from self._packets_behind(found)

    def _packets_behind(self, place: Continuation) -> Iterator[av.Packet[Any]]:
        """The packets of the same track from another place of the file on."""
        size = self.path.stat().st_size
        window = ByteWindow(
            self.path, place.start, size, patch=place.patch, patch_at=place.patch_at
        )
        try:
            with av.open(window, container_options=limits(), **_any_tags()) as container:
                streams = [s for s in container.streams.audio if s.index == self._stream.index]
                streams += container.streams.audio
                streams = [stream for stream in streams if stream.codec_context is not None]
                if streams:
                    _check_sums(streams[0].codec_context)
                    for packet in self._packets_of(container, streams[0], place.start):
                        if packet.pos is None or packet.pos + place.start >= place.packets_from:
                            yield packet
        except (av.FFmpegError, OSError):
            self._note_damage()
        finally:
            window.close()

    def _packets_of(
        self, container: av.container.InputContainer, stream: av.AudioStream, shift: int
    ) -> Iterator[av.Packet[Any]]:
        """The packets of a track, also behind what the container's format does not allow.

        Notes in `_others_reach` how far the other tracks go (seconds), and in `_read_up_to` how far
        the file was read; `shift` is where in it the container's first byte would be.
        """
        failures = 0
        while failures <= MOST_FAILURES:
            try:
                for packet in container.demux():
                    failures = 0
                    if packet.pos is not None:
                        end = packet.pos + packet.size + shift
                        self._read_up_to = max(self._read_up_to, end)
                    if packet.stream.index == stream.index:
                        yield packet
                        continue
                    if packet.pos is not None:
                        self._clock.note_other(packet.pos + packet.size)
                    if packet.pts is not None and packet.time_base is not None:
                        ends = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                        self._others_reach = max(self._others_reach, ends - self._start)
                return
            except IndexError:  # what av makes of tracks that appeared on the way, at the end
                return
            except (av.FFmpegError, OSError):
                failures += 1
                self._note_damage()

    def _note_damage(self) -> None:
        self._is_damaged = self._follows_damage = True

    def _check_end(self, seconds: float) -> None:
        """Warn if sound and all other tracks end before the length in the header.

        All tracks, because the sound of a whole video may well end before its picture. Raises
        AudioError if nothing could be decoded.
        """
        if not seconds and self._is_damaged:
            raise nothing_decodable(self.path)
        name, reached = self._container.format.name, max(seconds, self._others_reach)
        promised = self.duration if self._length_is_true() else None
        if promised is not None and promised - reached > CUT_SHORT_SECONDS:
            self.log.add("cut", seconds, cut_short(seconds, promised))
        elif (name == "ogg" and ends_early(self.path)) or (
            name in ("avi", "wav") and lacks_bytes(self.path)
        ):
            self.log.add("cut", seconds, NO_END)
        elif self._follows_damage or self._is_much_left():
            self.log.note("foreign", seconds, 0.0)

    def _is_much_left(self) -> bool:
        """Whether a file that should be all sound has much behind the last packet, and no tag."""
        if self._container.format.name not in NOTHING_BEHIND or not self.path.is_file():
            return False
        if self.path.stat().st_size - self._read_up_to < MUCH_LEFT:
            return False
        with self.path.open("rb") as file:
            file.seek(self._read_up_to)
            return not file.read(8).startswith((b"APETAGEX", b"ID3", b"TAG"))

    def _length_is_true(self) -> bool:
        name = self._container.format.name
        # An mp3 tells its length in an encoder's tag; a start later than 0 shows that it has one.
        # If much follows that is no sound, FFmpeg takes that for sound.
        tagged = name == "mp3" and bool(self._stream.start_time) and self._bad_bytes < MUCH_BAD
        return tagged or name.startswith(CONTAINERS_WITH_LENGTH)


def _check_sums(context: av.CodecContext) -> None:
    """Have FLAC refuse what its checksums show to be damaged; else it would be noise."""
    if context.name == "flac":
        context.options = {"err_detect": "crccheck+explode"}


def list_file_tracks(path: Path) -> list[Track]:
    """List the sound tracks of a file; raises as `FfmpegDecoder` does if there are none."""
    with _open_checked(path) as container:
        return _tracks(path, container)


def _tracks(path: Path, container: av.container.InputContainer) -> list[Track]:
    """Raises AudioError if there are none."""
    tracks = list_tracks(container)
    if tracks:
        return tracks
    if container.streams.video:
        raise AudioError("is a video without a sound track: give a file that has sound.", path)
    raise not_sound(path)


def _open_checked(path: Path) -> av.container.InputContainer:
    """Raises as `_open_container` does, and AudioError for headers that unpack too far."""
    if path.is_file() and path.stat().st_size and unpacks_too_far(path):
        raise not_sound(path)
    return _open_container(path)


def _open_container(path: Path) -> av.container.InputContainer:
    """Raises AudioError for what FFmpeg does not know, OSError if it cannot be opened."""
    av.logging.set_level(None)  # FFmpeg's own messages would land on stderr
    try:
        # With "file:" and from the root, because FFmpeg takes talk:1.mp3 for an address.
        container: av.container.InputContainer = av.open(
            f"file:{path.absolute()}", container_options=limits(), **_any_tags()
        )
    except OSError:
        raise
    except av.FFmpegError:
        raise not_sound(path) from None
    return container


def _any_tags() -> dict[str, Any]:
    """What keeps av from failing for tags that are no UTF-8; from 19 on it does not fail anyway."""
    return {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}
