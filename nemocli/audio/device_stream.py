"""A stream of PortAudio's, which gives blocks in the form that is wanted, whatever its device has.

A microphone that was away may come back with another rate, or with fewer channels.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import soxr

from nemocli.audio.devices import Device, import_sounddevice
from nemocli.errors import AudioError

#: Seconds of sound in the device's buffer. PortAudio's "low" stalls on PulseAudio's ALSA device.
LATENCY_S = 0.05

# Which source the sound server's library takes is a variable of the whole process.
_opening = threading.Lock()

#: Called with a block of s16le frames, their number, the seconds that the device took for them, and
#: whether PortAudio says that sound before it was lost.
Receive = Callable[[bytes, int, float, bool], None]


def open_device_stream(
    name: str, device: Device, rate: int, channels: int, receive: Receive
) -> Any:
    """Open a device, start it, and return PortAudio's stream; AudioError if that cannot be.

    `receive` is called, in a thread of PortAudio's, with blocks at `rate` and with `channels`. They
    are resampled if the device does not take that rate, and its only channel is repeated if it has
    no more.
    """
    sounddevice = import_sounddevice()
    try:
        with _opening, _choose_source(device.server_source):
            try:
                return _start(device, rate, rate, channels, receive)
            except (sounddevice.PortAudioError, ValueError):
                if device.rate == rate:
                    raise
                return _start(device, device.rate, rate, channels, receive)
    except (sounddevice.PortAudioError, ValueError) as error:
        raise AudioError(_explain_unusable(name, error)) from None


def _start(device: Device, own_rate: int, rate: int, channels: int, receive: Receive) -> Any:
    own_channels = min(device.channels, channels)
    convert = _make_converter(own_rate, own_channels, rate, channels)

    def take(data: Any, frames: int, times: Any, status: Any) -> None:
        converted = convert(bytes(data))
        count = len(converted) // (2 * channels)
        # Lost sound is reported, and not counted as dropped: PortAudio does not say how much it is,
        # and its times of blocks jump where nothing is lost, with PulseAudio by tenths of a second.
        receive(converted, count, frames / own_rate, bool(status.input_overflow))

    stream = import_sounddevice().RawInputStream(
        device=device.id,
        samplerate=own_rate,
        channels=own_channels,
        dtype="int16",
        latency=LATENCY_S,
        callback=take,
    )
    try:
        stream.start()
    except BaseException:
        stream.close(ignore_errors=True)
        raise
    return stream


def _make_converter(
    own_rate: int, own_channels: int, rate: int, channels: int
) -> Callable[[bytes], bytes]:
    """Return what makes a device's s16le blocks ones with another rate and more channels."""
    if own_rate == rate and own_channels == channels:
        return lambda data: data
    resampler = soxr.ResampleStream(own_rate, rate, own_channels, dtype="int16")

    def convert(data: bytes) -> bytes:
        frames = np.frombuffer(data, "<i2").reshape(-1, own_channels)
        if own_rate != rate:
            frames = resampler.resample_chunk(frames).reshape(-1, own_channels)
        if own_channels != channels:
            frames = np.repeat(frames[:, :1], channels, axis=1)
        return frames.astype("<i2", copy=False).tobytes()

    return convert


@contextmanager
def _choose_source(source: str | None) -> Iterator[None]:
    """Have the sound server's library take this source while a device is opened."""
    if source is None:
        yield
        return
    before = os.environ.get("PULSE_SOURCE")
    os.environ["PULSE_SOURCE"] = source
    try:
        yield
    finally:
        if before is None:
            del os.environ["PULSE_SOURCE"]
        else:
            os.environ["PULSE_SOURCE"] = before


def _explain_unusable(name: str, error: Exception) -> str:
    reason = str(error.args[0] if error.args else error).removeprefix("Error opening ")
    return (
        f"The microphone {name!r} cannot be used ({reason}): close the program that uses it, or"
        " choose another (--list-devices)."
    )
