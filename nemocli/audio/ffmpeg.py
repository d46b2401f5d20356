"""mp3, Ogg, mp4, mkv, webm and all the rest through FFmpeg (the package `av`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nemocli.audio.decoder import (
    CUT_SHORT_SECONDS,
    Block,
    check_header,
    cut_short,
    damaged,
    not_sound,
)
from nemocli.audio.ffmpeg_limits import options
from nemocli.audio.packed_headers import unpacks_too_far
from nemocli.errors import AudioError

if TYPE_CHECKING:
    import av
    import numpy as np
    import numpy.typing as npt

# A gap in the time stamps between these becomes silence, so that words keep their times: a track
# that starts after the picture, a muted microphone. Less is jitter; more is a clock that was reset.
MIN_GAP_SECONDS = 0.2
MAX_GAP_SECONDS = 3600.0

# Containers that hold the true length; that of others is estimated from the bit rate.
CONTAINERS_WITH_LENGTH = ("mov,mp4", "matroska", "ogg")

# What mp4 calls encrypted sound: of Apple's shop, and of common encryption.
PROTECTED_TAGS = ("drms", "enca")

# FFmpeg's sample formats; a "p" at the end of the name would say planar.
NUMPY_TYPES = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}

MICROSECOND = 1e-6

# Samples that are converted at once. A frame has as many as its file says, up to 2 GB of them.
MOST_SAMPLES = 1 << 20


class FfmpegDecoder:
    """The first sound track of a file opened by FFmpeg; see `nemocli.audio.decoder.Decoder`."""

    def __init__(self, path: Path) -> None:
        """Open `path`. Raises AudioError if it holds no sound, OSError if it cannot be opened."""
        import av

        av.logging.set_level(None)  # FFmpeg's own messages would land on stderr
        self.path = path
        if path.is_file() and path.stat().st_size and unpacks_too_far(path):
            raise not_sound(path)
        try:
            # With "file:" and from the root, because FFmpeg takes talk:1.mp3 for an address.
            self._container: av.container.InputContainer = av.open(
                f"file:{path.absolute()}", container_options=options(), **_any_tags()
            )
        except OSError:
            raise
        except av.FFmpegError:
            raise not_sound(path) from None
        try:
            self._stream = self._first_track()
        except AudioError:
            self._container.close()
            raise
        length = self._container.duration
        self._start = (self._container.start_time or 0) * MICROSECOND
        self._others_reach = 0.0
        self.duration = length * MICROSECOND if length is not None and length >= 0 else None

    def blocks(self) -> Iterator[Block]:
        """The frames of the track, with silence where its time stamps leave a gap."""
        import av

        # Where the next frame should start; None while the container does not tell.
        clock = self._start if self._container.start_time is not None else None
        seconds = 0.0
        try:
            for frame in self._frames():
                rate, channels = frame.sample_rate, len(frame.layout.channels)
                check_header(self.path, channels, rate)  # each frame may name others
                if frame.pts is not None and frame.time_base is not None:
                    starts = float(frame.pts * frame.time_base)
                    gap = 0.0 if clock is None else starts - clock
                    if MIN_GAP_SECONDS < gap <= MAX_GAP_SECONDS:
                        yield from silence(gap, rate)
                        seconds += gap
                    clock = starts + frame.samples / rate
                for first in range(0, frame.samples, MOST_SAMPLES // channels):
                    samples = to_float(frame, first, MOST_SAMPLES // channels)
                    seconds += len(samples) / rate
                    yield Block(rate, samples)
        except (av.FFmpegError, OSError):
            raise damaged(self.path, seconds) from None
        self._check_length(seconds)

    def close(self) -> None:
        self._container.close()

    def _first_track(self) -> av.AudioStream:
        streams = self._container.streams
        if streams.audio:
            stream = streams.audio[0]
            context = stream.codec_context
            if context is None:
                raise not_sound(self.path)
            if _tag(context) in PROTECTED_TAGS:
                raise AudioError(
                    "is protected against copying (DRM), and cannot be decoded without its key:"
                    " give a file without protection.",
                    self.path,
                )
            check_header(self.path, context.channels, context.sample_rate or 0)
            return stream
        if streams.video:
            raise AudioError(
                "is a video without a sound track: give a file that has sound.", self.path
            )
        raise not_sound(self.path)

    def _frames(self) -> Iterator[av.AudioFrame]:
        """Decode the track, noting in `_others_reach` how far the other tracks go (seconds)."""
        for packet in self._container.demux():
            if packet.stream.index == self._stream.index:
                yield from cast("list[av.AudioFrame]", packet.decode())
            elif packet.pts is not None and packet.time_base is not None:
                end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                self._others_reach = max(self._others_reach, end - self._start)

    def _check_length(self, seconds: float) -> None:
        """Raise if sound and all other tracks end before the length in the header.

        All tracks, because the sound of a whole video may well end before its picture.
        """
        if self.duration is None or not self._length_is_true():
            return
        if self.duration - max(seconds, self._others_reach) > CUT_SHORT_SECONDS:
            raise cut_short(self.path, seconds, self.duration)

    def _length_is_true(self) -> bool:
        name = self._container.format.name
        # An mp3 tells its length in an encoder's tag; a start later than 0 shows that it has one.
        tagged = name == "mp3" and bool(self._stream.start_time)
        return tagged or name.startswith(CONTAINERS_WITH_LENGTH)


def _any_tags() -> dict[str, Any]:
    """What keeps av from failing for tags that are no UTF-8; from 19 on it does not fail anyway."""
    import av

    return {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}


def _tag(context: av.CodecContext) -> str:
    """The container's four letters for a codec; empty for bytes that are none."""
    try:
        return context.codec_tag
    except UnicodeDecodeError:
        return ""


def to_float(frame: av.AudioFrame, first: int, most: int) -> npt.NDArray[np.float32]:
    """Any sample format, planar or packed -> float32 [frames, channels], full scale = 1.0.

    From the frame's sample number `first` on, and not more than `most`.
    """
    import numpy as np

    dtype = np.dtype(NUMPY_TYPES[frame.format.name.removesuffix("p")])
    channels = len(frame.layout.channels)
    count = min(most, frame.samples - first)
    offset = first * dtype.itemsize
    # Not frame.to_ndarray, which takes eight planar channels for nine.
    planes: Any = frame.planes
    if frame.format.is_planar:
        parts = [np.frombuffer(planes[i], dtype, count, offset) for i in range(channels)]
        samples = np.stack(parts, axis=1)
    else:
        packed = np.frombuffer(planes[0], dtype, count * channels, offset * channels)
        samples = packed.reshape(count, channels)
    if samples.dtype.kind == "f":
        return np.asarray(samples, np.float32)
    bits = 8 * samples.dtype.itemsize
    if samples.dtype.kind == "u":
        samples = samples.astype(np.float64) - 2 ** (bits - 1)
    # float64, because float32 cannot hold 32-bit integers; dividing by a power of two is exact.
    return np.asarray(samples.astype(np.float64) / 2 ** (bits - 1), np.float32)


def silence(seconds: float, rate: int) -> Iterator[Block]:
    """Zeros of one channel, a second or less at a time."""
    import numpy as np

    frames = round(seconds * rate)
    for first in range(0, frames, rate):
        yield Block(rate, np.zeros((min(rate, frames - first), 1), np.float32))
