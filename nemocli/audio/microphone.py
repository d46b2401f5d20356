"""Microphones, by PortAudio: which there are, and one of them as a source of live sound."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nemocli.audio.samples import decode_samples
from nemocli.audio.source import LiveSource, Packet
from nemocli.errors import AudioError, UnsupportedError, UsageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

#: Seconds of sound in the device's buffer. PortAudio's "low" stalls on PulseAudio's ALSA device.
LATENCY = 0.05

#: Channels that are asked for at most; they are mixed.
MOST_CHANNELS = 2

#: Seconds without a block after which a device is taken for unplugged.
PATIENCE = 2.0

#: Seconds of digital silence from the start after which the system is suspected to withhold sound.
SUSPICIOUS_SILENCE = 3.0


@dataclass(frozen=True)
class Device:
    """A microphone, or whatever else PortAudio lists as an input."""

    id: int
    name: str
    host_api: str
    channels: int
    #: Frames per second.
    rate: int
    is_default: bool


def list_devices() -> list[Device]:
    """All inputs; UnsupportedError without PortAudio."""
    sounddevice = _sounddevice()
    apis = sounddevice.query_hostapis()
    default = sounddevice.default.device[0]
    return [
        Device(
            id=number,
            name=str(device["name"]),
            host_api=str(apis[device["hostapi"]]["name"]),
            channels=int(device["max_input_channels"]),
            rate=round(device["default_samplerate"]),
            is_default=number == default,
        )
        for number, device in enumerate(sounddevice.query_devices())
        if device["max_input_channels"] > 0
    ]


def find_device(wanted: str | None, devices: list[Device]) -> Device:
    """By number, name, or a part of the name that only one has; None: the system's default.

    Raises AudioError if there is no device at all, UsageError if none or several suit.
    """
    if not devices:
        raise AudioError(f"There is no microphone: {_connect_advice()}.")
    if wanted is None:
        return next((device for device in devices if device.is_default), devices[0])
    if wanted.isdecimal():
        found = [device for device in devices if device.id == int(wanted)]
    else:
        found = [device for device in devices if device.name == wanted]
        found = found or [d for d in devices if wanted.casefold() in d.name.casefold()]
    if len(found) == 1:
        return found[0]
    names = ", ".join(f"{device.id} {device.name}" for device in found or devices)
    if found:
        raise UsageError(f"Several microphones match {wanted!r}: {names}. Give one's number.")
    raise UsageError(f"There is no microphone {wanted!r}; there are: {names}.")


def open_microphone(wanted: str | None, max_lag: float) -> LiveSource:
    """Find a microphone; it is opened by `start`, and keeps at most `max_lag` seconds of sound.

    Raises UnsupportedError, AudioError or UsageError, as `list_devices` and `find_device` do.
    """
    return Microphone(find_device(wanted, list_devices()), max_lag)


class Microphone(LiveSource):
    """At its own rate, in 16 bits."""

    encoding = "s16le"

    def __init__(self, device: Device, max_lag: float) -> None:
        super().__init__(
            device.name, device.rate, min(device.channels, MOST_CHANNELS), max_lag=max_lag
        )
        self._device = device
        self._stream: Any = None
        self._paused = False
        self._last_block = 0.0
        self._last_read = 0.0
        #: Frames of digital silence since the start; None once there was a sound.
        self._silent: int | None = 0

    def start(self) -> None:
        sounddevice = _sounddevice()
        self._last_block = time.monotonic()
        try:
            self._stream = sounddevice.RawInputStream(
                device=self._device.id,
                samplerate=self.rate,
                channels=self.channels,
                dtype="int16",
                latency=LATENCY,
                callback=self._heard,
            )
            self._stream.start()
        except sounddevice.PortAudioError as error:
            raise AudioError(_unusable(self.name, error)) from None

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._last_block = time.monotonic()
        self._paused = False

    def close(self) -> None:
        self.stop()
        if self._stream is not None:
            self._stream.close(ignore_errors=True)
            self._stream = None

    def to_frames(self, data: bytes | npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        assert isinstance(data, bytes)
        return decode_samples(data, self.encoding, self.channels)

    def read(self, timeout: float) -> Packet | None:
        now = time.monotonic()
        if now - self._last_read > PATIENCE / 2:  # the whole program was suspended
            self._last_block = now
        self._last_read = now
        packet = super().read(timeout)
        if packet is not None and self._silent is not None:
            self._silent = None if packet.samples.any() else self._silent + packet.frames
        if packet is None and not self.ended and not self._paused:
            gone = time.monotonic() - self._last_block > PATIENCE
            if gone or (self._stream is not None and not self._stream.active):
                self.end(
                    AudioError(
                        f"The microphone {self.name!r} stopped giving sound: was it unplugged?"
                        " Everything heard before is kept. 'nemocli live --list-devices' lists what"
                        " is connected."
                    )
                )
        return packet

    @property
    def silence_advice(self) -> str | None:
        if self._silent is None or self._silent < SUSPICIOUS_SILENCE * self.rate:
            return None
        return f"{self.name} gives nothing but digital silence: {_permission_advice()}"

    def _heard(self, data: Any, frames: int, times: Any, status: Any) -> None:
        """PortAudio's callback, in its own thread."""
        self._last_block = time.monotonic()
        if not self._paused:
            self.put(bytes(data), frames)


def _sounddevice() -> Any:
    try:
        import sounddevice
    except ImportError:
        raise UnsupportedError(
            "The microphone needs the package sounddevice: pip install sounddevice"
        ) from None
    except OSError:
        raise UnsupportedError(
            f"The microphone needs the library PortAudio: {_portaudio_advice()}"
        ) from None
    return sounddevice


def _portaudio_advice() -> str:
    if sys.platform == "linux":
        return "sudo apt install libportaudio2 (or your distribution's name for it)."
    return "pip install --force-reinstall sounddevice, which brings it."


def _connect_advice() -> str:
    if sys.platform == "darwin":
        return (
            "connect one, and allow the terminal to use it in System Settings, Privacy & Security,"
            " Microphone"
        )
    return "connect one, and see that 'arecord -l' or 'pactl list short sources' knows it"


def _permission_advice() -> str:
    if sys.platform == "darwin":
        return (
            "allow this terminal in System Settings, Privacy & Security, Microphone, and start the"
            " terminal anew."
        )
    return "is it muted? See alsamixer, pavucontrol, or the desktop's sound settings."


def _unusable(name: str, error: Exception) -> str:
    reason = str(error.args[0] if error.args else error).removeprefix("Error opening ")
    return (
        f"The microphone {name!r} cannot be used ({reason}): close the program that uses it, or"
        " choose another (--list-devices)."
    )
