"""Which of several tracks hold nothing but digital silence, found out by a few looks into a file.

The cost is bounded, whatever the length of the file: some seconds at its beginning, and where all
of that is silent, shorter looks further on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import av
import numpy as np

from nemocli.audio.ffmpeg_frames import MAX_SAMPLES, to_float
from nemocli.audio.tracks import Track
from nemocli.errors import AudioError

#: Seconds of sound of the first look and of the others, which are spread over the file.
FIRST_LOOK, LOOK, LOOKS = 20.0, 5.0, 8

#: Packets of one look, and bytes of all of them, at most; also of tracks that are not looked at.
MOST_PACKETS, MOST_BYTES = 20_000, 256 << 20

#: Samples up to here, of full scale, are silence: dither and what codecs make of zeros.
SILENCE_PEAK = 1e-4

MICROSECONDS = 1_000_000


def find_silent(
    open_again: Callable[[], av.container.InputContainer], tracks: Sequence[Track]
) -> set[int]:
    """The numbers of the tracks, best first, in which no look found sound.

    It ends as soon as there is sound in the best one; the others may then be told silent without
    having been looked at for long. A file that cannot be opened again is not judged.
    """
    silent = {track.number for track in tracks}
    try:
        container = open_again()
    except (AudioError, OSError):
        return set()
    with container:
        read = 0
        for seconds in _looks(container):
            for number, size, sounds in _look(container, tracks, seconds):
                read += size
                if sounds:
                    silent.discard(number)
                if tracks[0].number not in silent or read > MOST_BYTES:
                    return silent
    return silent


def _looks(container: av.container.InputContainer) -> Iterator[float]:
    """Seconds to look at, once the container is at the place to look."""
    yield FIRST_LOOK
    length = container.duration
    if length is None or length < FIRST_LOOK * MICROSECONDS:
        return
    start = container.start_time or 0
    for look in range(1, LOOKS):
        try:
            container.seek(start + length * look // LOOKS)
        except (av.FFmpegError, OSError):
            return
        yield LOOK


def _look(
    container: av.container.InputContainer, tracks: Sequence[Track], seconds: float
) -> Iterator[tuple[int, int, bool]]:
    """For each packet: its track's number, or 0, its bytes, and whether there is sound in it."""
    streams = container.streams.audio
    numbers = {streams[track.number - 1].index: track.number for track in tracks}
    left = dict.fromkeys(numbers.values(), seconds)
    try:
        for count, packet in enumerate(container.demux()):
            number = numbers.get(packet.stream.index, 0)
            sounds, length = _peak(packet) if left.get(number, 0.0) > 0 else (0.0, 0.0)
            if number:
                left[number] -= length
            yield number, packet.size, sounds > SILENCE_PEAK
            # A track that ends early, or has no packets here, leaves it to the others to end this.
            if count > MOST_PACKETS or left[tracks[0].number] <= 0 or max(left.values()) <= 0:
                return
    except (av.FFmpegError, OSError, IndexError):  # the last for a stream that came up late
        return


def _peak(packet: Any) -> tuple[float, float]:
    """The highest sample of a packet, and its seconds; nothing for one that is damaged."""
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
