"""Comfort noise of AMR: frames that stand for a pause, and that FFmpeg does not decode.

A telephone sends them instead of speech while nobody speaks, so a recording of it is whole.
"""

from __future__ import annotations

from typing import Any

import av
import numpy as np

#: By the name of FFmpeg's decoder: first byte and length of a frame of comfort noise, and the rate.
COMFORT_NOISE = {"amrnb": (0x44, 6), "amrwb": (0x4C, 6)}
RATES = {"amrnb": 8000, "amrwb": 16_000}

#: A frame of one byte stands for one that was not sent, because the comfort noise goes on; its bit
#: for good quality may be set or not.
NOT_SENT = (b"\x78", b"\x7c")

#: Seconds of a frame.
FRAME_S = 0.02


def is_comfort_noise(packet: av.Packet[Any]) -> bool:
    """Return whether a packet holds one frame of comfort noise, or one that was not sent."""
    context = packet.stream.codec_context
    found = None if context is None else COMFORT_NOISE.get(context.name)
    if found is None:
        return False
    data = bytes(packet)
    return (data[:1], len(data)) == (bytes(found[:1]), found[1]) or data in NOT_SENT


def make_pause(packet: av.Packet[Any]) -> av.AudioFrame:
    """Return a silent frame for a packet of comfort noise, with its time."""
    rate = RATES[packet.stream.codec_context.name]
    silence = np.zeros((1, round(FRAME_S * rate)), np.float32)
    frame = av.AudioFrame.from_ndarray(silence, "fltp", "mono")
    frame.sample_rate, frame.pts, frame.time_base = rate, packet.pts, packet.time_base
    return frame
