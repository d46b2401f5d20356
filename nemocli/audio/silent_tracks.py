"""Search for tracks that hold nothing but digital silence, by samples of a few places of a file.

The cost is bounded, whatever the length of the file: some seconds at its beginning, and if these
are silent, shorter stretches further on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import av
import numpy as np

from nemocli.audio.ffmpeg_frames import MAX_SAMPLES, to_float
from nemocli.audio.tracks import Track
from nemocli.errors import AudioError

#: Seconds of sound of the first look and of the others, which are spread over the file; all looks.
FIRST_LOOK_S, LOOK_S, LOOKS = 20.0, 5.0, 8

#: Limits on the packets of one look, and the bytes of all looks, those of other tracks included.
MAX_PACKETS, MAX_READ_BYTES = 20_000, 256 << 20

#: Samples up to this share of full scale are silence: dither, and what codecs make of zeros.
SILENCE_PEAK = 1e-4

MICROSECONDS = 1_000_000


def find_silent(
    open_again: Callable[[], av.container.InputContainer], tracks: Sequence[Track]
) -> set[int]:
    """Return the numbers of the tracks in which no look found sound. `tracks` has the best first.

    It ends as soon as there is sound in the best track; others may be reported silent after a
    shorter look. The result is empty if the file cannot be opened again.
    """
    silent = {track.number for track in tracks}
    try:
        container = open_again()
    except (AudioError, OSError):
        return set()
    with container:
        read = 0
        for seconds in _seek_looks(container):
            for number, size, sounds in _read_look(container, tracks, seconds):
                read += size
                if sounds:
                    silent.discard(number)
                if tracks[0].number not in silent or read > MAX_READ_BYTES:
                    return silent
    return silent


def _seek_looks(container: av.container.InputContainer) -> Iterator[float]:
    """Move the container to each place to look at, and yield the seconds to look at there."""
    yield FIRST_LOOK_S
    length = container.duration
    if length is None or length < FIRST_LOOK_S * MICROSECONDS:
        return
    start = container.start_time or 0
    for look in range(1, LOOKS):
        try:
            container.seek(start + length * look // LOOKS)
        except (av.FFmpegError, OSError):
            return
        yield LOOK_S


def _read_look(
    container: av.container.InputContainer, tracks: Sequence[Track], seconds: float
) -> Iterator[tuple[int, int, bool]]:
    """Yield for each packet its track's number or 0, its bytes, and whether it holds sound."""
    streams = container.streams.audio
    numbers = {streams[track.number - 1].index: track.number for track in tracks}
    left = dict.fromkeys(numbers.values(), seconds)
    try:
        for count, packet in enumerate(container.demux()):
            number = numbers.get(packet.stream.index, 0)
            sounds, length = _measure_peak(packet) if left.get(number, 0.0) > 0 else (0.0, 0.0)
            if number:
                left[number] -= length
            yield number, packet.size, sounds > SILENCE_PEAK
            # A track may end early, or have no packets here: then another track ends the look.
            if count > MAX_PACKETS or left[tracks[0].number] <= 0 or max(left.values()) <= 0:
                return
    except (av.FFmpegError, OSError, IndexError):  # IndexError: a stream that appeared late
        return


def _measure_peak(packet: Any) -> tuple[float, float]:
    """Return the highest sample of a packet, and its seconds, as far as it can be decoded."""
    peak = length = 0.0
    try:
        for frame in packet.decode():
            if not isinstance(frame, av.AudioFrame) or not frame.samples:
                continue
            most = MAX_SAMPLES // max(1, len(frame.layout.channels))
            samples = np.abs(to_float(frame, 0, most))
            peak = max(peak, float(np.nan_to_num(samples).max(initial=0.0)))
            length += frame.samples / frame.sample_rate
    except (av.FFmpegError, ValueError):
        return peak, length
    return peak, length
