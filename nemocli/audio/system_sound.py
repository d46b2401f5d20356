"""What the machine plays, as a source of sound: a monitor, or a loopback device."""

import shutil
import sys
from collections.abc import Sequence

from nemocli.audio.devices import Device, list_devices, list_sources
from nemocli.audio.sound_server import find_default_sink
from nemocli.errors import AudioError, UnsupportedError

#: Parts of the names of devices that give as an input what programs play into them.
LOOPBACKS = ("blackhole", "loopback audio", "soundflower", "vb-cable", "background music")


def find_system_sound() -> Device:
    """Return the source that gives what the default loudspeaker plays.

    That is its monitor on Linux, by PulseAudio or PipeWire, and a loopback device elsewhere. Raises
    UnsupportedError or AudioError, with what to do, where there is none.
    """
    devices = list_devices()
    if sys.platform == "linux":
        return _find_monitor(devices)
    return find_loopback(devices)


def find_loopback(devices: Sequence[Device]) -> Device:
    """Return the loopback device among these; UnsupportedError without one."""
    for part in LOOPBACKS:
        for device in devices:
            if part in device.name.casefold():
                return device
    raise UnsupportedError(
        "--system needs a loopback device here, since macOS gives a terminal no sound of other"
        " programs: brew install blackhole-2ch, and in Audio MIDI Setup make a Multi-Output Device"
        " of it and your loudspeakers, and play to that."
    )


def _find_monitor(devices: list[Device]) -> Device:
    if shutil.which("pactl") is None:
        raise UnsupportedError(
            "--system needs pactl, and PulseAudio or PipeWire: sudo apt install pulseaudio-utils"
            " (or your distribution's name for it)."
        )
    sink = find_default_sink()
    if sink is None:
        raise AudioError(
            "--system found no loudspeaker: does PulseAudio or PipeWire run, and does 'pactl info'"
            " name a default sink?"
        )
    sources = list_sources(devices)
    if not sources:
        raise UnsupportedError(
            "--system needs ALSA's device for the sound server: sudo apt install"
            " libasound2-plugins (or pipewire-alsa)."
        )
    for source in sources:
        if source.name == f"{sink}.monitor":
            return source
    raise AudioError(
        f"The loudspeaker {sink!r} has no monitor: choose a source by --device (--list-devices)."
    )
