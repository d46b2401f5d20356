"""Media files made for tests: no recording is needed to test a decoder."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

# Sound in layouts by channel count, as FFmpeg names them.
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}


def sine(seconds: float, rate: int, hertz: float = 440.0) -> np.ndarray:
    """Return a tone, float32 [frames], at a third of full scale."""
    return (np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate) / 3).astype("f4")


def _frames(samples: np.ndarray, rate: int, pts: Callable[[int], int]) -> Iterator[av.AudioFrame]:
    for first in range(0, len(samples), 960):
        packed = np.ascontiguousarray(samples[first : first + 960].reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(packed, "flt", LAYOUTS[samples.shape[1]])
        frame.sample_rate = rate
        frame.time_base = Fraction(1, rate)
        frame.pts = pts(first)
        yield frame


def encode(
    path: Path,
    codec: str,
    samples: np.ndarray,
    rate: int,
    *,
    pts: Callable[[int], int] = lambda frame: frame,
    picture_seconds: float = 0.0,
    form: str | None = None,
    options: dict[str, str] | None = None,
    codec_options: dict[str, str] | None = None,
    drop: Callable[[float], bool] = lambda seconds: False,
) -> Path:
    """Write float32 [frames] or [frames, channels]; `pts` maps a frame's number to its time.

    `form` is FFmpeg's name of the container; by default, the path's ending tells it. Packets of
    sound whose time `drop` names are lost.
    """
    samples = samples.reshape(len(samples), -1)
    layout = LAYOUTS[samples.shape[1]]
    with av.open(str(path), "w", format=form, options=options or {}) as container:
        video = container.add_stream("mpeg4", rate=10) if picture_seconds else None
        stream = container.add_stream(codec, rate=rate, layout=layout, options=codec_options or {})
        if codec.startswith("wma"):
            stream.bit_rate = 64_000
        if video is not None:
            video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
            for _ in range(round(picture_seconds * 10)):
                picture = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), "rgb24")
                container.mux(video.encode(picture))
            container.mux(video.encode(None))
        to_format = av.AudioResampler(stream.codec_context.format, layout, rate)
        for frame in _frames(samples, rate, pts):
            time = frame.pts
            for converted in to_format.resample(frame):
                converted.pts = time
                _mux(container, stream.encode(converted), drop)
        _mux(container, stream.encode(None), drop)
    return path


def _mux(
    container: av.container.OutputContainer,
    packets: list[av.Packet],
    drop: Callable[[float], bool],
) -> None:
    for packet in packets:
        if packet.pts is None or not drop(float(packet.pts * packet.time_base)):
            container.mux(packet)


def write_video(
    path: Path, codec: str = "mpeg4", pixels: str = "yuv420p", frames: int = 10
) -> Path:
    """Write a film, or with codec png a picture, without sound."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 32, pixels
        for _ in range(frames):
            picture = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), "rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


@dataclass(frozen=True)
class SoundTrack:
    """One of several tracks of a file: mono samples, and its description in the container."""

    samples: np.ndarray
    language: str | None = None
    title: str | None = None
    #: FFmpeg's bits: 1 is default, 8 a commentary, 128 for those who cannot hear.
    flags: int = 0
    codec: str = "aac"


def encode_tracks(
    path: Path, tracks: Sequence[SoundTrack], rate: int, *, picture: bool = True
) -> Path:
    """Write a film of several mono sound tracks, interleaved by the second."""
    with av.open(str(path), "w") as container:
        if picture:
            video = container.add_stream("mpeg4", rate=10)
            video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        streams = []
        for track in tracks:
            stream = container.add_stream(track.codec, rate=rate, layout="mono")
            stream.disposition = track.flags
            if track.language:
                stream.metadata["language"] = track.language
            if track.title:
                stream.metadata["title"] = track.title
            streams.append(stream)
        longest = max(len(track.samples) for track in tracks)
        for first in range(0, longest, rate):
            for _ in range(10 if picture else 0):
                image = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), "rgb24")
                container.mux(video.encode(image))
            for stream, track in zip(streams, tracks, strict=True):
                to_format = av.AudioResampler(stream.codec_context.format, "mono", rate)
                second = track.samples[first : first + rate].reshape(-1, 1)
                for frame in _frames(second, rate, lambda number, at=first: at + number):
                    for converted in to_format.resample(frame):
                        converted.pts = frame.pts
                        container.mux(stream.encode(converted))
        for stream in [*streams, *([video] if picture else [])]:
            container.mux(stream.encode(None))
    return path
