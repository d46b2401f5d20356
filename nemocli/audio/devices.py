"""Which microphones there are, by PortAudio and by the sound server, and which one is meant."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import Any

from nemocli.audio.mac_permission import advise_on_permission
from nemocli.audio.native_messages import withhold_native_messages
from nemocli.audio.sound_server import list_server_sources
from nemocli.errors import AudioError, UnsupportedError, UsageError

#: PortAudio's devices through which a source of the sound server can be opened, best first.
_SERVER_DEVICES = ("pulse", "default")


@dataclass(frozen=True)
class Device:
    """A microphone, or whatever else PortAudio or the sound server lists as an input."""

    #: PortAudio's number.
    id: int
    name: str
    host_api: str
    channels: int
    #: Frames per second.
    rate: int
    is_default: bool
    #: The sound server's name and number of a source that is opened through PortAudio's device of
    #: this number.
    server_source: str | None = None
    server_index: int | None = None
    description: str = ""


def list_devices() -> list[Device]:
    """Return all inputs of PortAudio; UnsupportedError without it."""
    sounddevice = import_sounddevice()
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


def list_sources(devices: list[Device]) -> list[Device]:
    """Return the sound server's sources, if one of these devices of PortAudio leads to it."""
    by_name = {device.name: device for device in reversed(devices)}
    through = next((by_name[name] for name in _SERVER_DEVICES if name in by_name), None)
    if through is None:
        return []
    return [
        replace(
            through,
            name=source.name,
            description=source.description,
            channels=source.channels,
            rate=source.rate,
            is_default=False,
            server_source=source.name,
            server_index=source.index,
        )
        for source in list_server_sources()
    ]


def find_device(requested: str | None, devices: list[Device]) -> Device:
    """Find by number, by name, or by a part of the name; None means the system's default.

    Sources of the sound server are looked at if no device of PortAudio suits. Raises AudioError if
    there is no device at all, UsageError if none or several suit.
    """
    if not devices:
        raise AudioError(f"There is no microphone: {_connect_advice()}.")
    if requested is None:
        return next((device for device in devices if device.is_default), devices[0])
    if requested.isdecimal():
        found = [device for device in devices if device.id == int(requested)]
        candidates = devices
    else:
        sources = list_sources(devices)
        candidates = devices + sources
        found = [device for device in candidates if device.name == requested][:1]
        found = (
            found or _find_containing(requested, devices) or _find_containing(requested, sources)
        )
    if len(found) == 1:
        return found[0]
    names = ", ".join(map(_describe, found or candidates))
    if found:
        raise UsageError(
            f"Several microphones match {requested!r}: {names}. Give a number or name."
        )
    raise UsageError(f"There is no microphone {requested!r}; there are: {names}.")


def import_sounddevice() -> Any:
    """Import sounddevice, which starts PortAudio; UnsupportedError if either is missing."""
    if (imported := sys.modules.get("sounddevice")) is not None:
        return imported
    try:
        with withhold_native_messages():
            import sounddevice
    except ImportError:
        raise UnsupportedError(
            "The microphone needs the package sounddevice: pip install sounddevice"
        ) from None
    except OSError:
        raise UnsupportedError(
            f"The microphone needs the library PortAudio: {_advise_on_portaudio()}"
        ) from None
    return sounddevice


def _find_containing(part: str, devices: list[Device]) -> list[Device]:
    part = part.casefold()
    return [d for d in devices if part in d.name.casefold() or part in d.description.casefold()]


def _describe(device: Device) -> str:
    return device.name if device.server_source else f"{device.id} {device.name}"


def _advise_on_portaudio() -> str:
    if sys.platform == "linux":
        return "sudo apt install libportaudio2 (or your distribution's name for it)."
    return "pip install --force-reinstall sounddevice, which brings it."


def _connect_advice() -> str:
    if sys.platform == "darwin":
        return f"connect one; if there is one, {advise_on_permission()}"
    return "connect one, and see that 'arecord -l' or 'pactl list short sources' knows it"
