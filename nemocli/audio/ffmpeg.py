"""mp3, Ogg, mp4, mkv, webm and all the rest through FFmpeg (the package `av`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from nemocli.audio.ffmpeg_limits import options as limits
from nemocli.audio.options import SoundOptions
from nemocli.audio.packed_headers import unpacks_too_far
from nemocli.audio.silent_tracks import find_silent
from nemocli.audio.tracks import Track, choose_track, list_tracks
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

# Codecs that store samples as floats of any size.
FLOAT_CODECS = ("pcm_f", "wavpack")

# FFmpeg's sample formats; a "p" at the end of the name would say planar.
NUMPY_TYPES = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}

MICROSECOND = 1e-6

# Samples that are converted at once. A frame has as many as its file says, up to 2 GB of them.
MOST_SAMPLES = 1 << 20


class FfmpegDecoder:
    """One sound track of a file opened by FFmpeg; see `nemocli.audio.decoder.Decoder`."""

    def __init__(self, path: Path, options: SoundOptions) -> None:
        """Open `path`. Raises AudioError if it holds no sound, OSError if it cannot be opened."""
        self.path = path
        self._container = _open_checked(path)
        try:
            self._stream = self._choose_track(options)
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
        raise AudioError(f"{path} is a video without a sound track: give a file that has sound.")
    raise not_sound(path)


def _open_checked(path: Path) -> av.container.InputContainer:
    """Raises as `_open_container` does, and AudioError for headers that unpack too far."""
    if path.is_file() and path.stat().st_size and unpacks_too_far(path):
        raise not_sound(path)
    return _open_container(path)


def _open_container(path: Path) -> av.container.InputContainer:
    """Raises AudioError for what FFmpeg does not know, OSError if it cannot be opened."""
    import av

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
    import av

    return {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}


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
