"""Findings about sound: the libraries that read files, and the microphones."""

import sys
from collections.abc import Iterator
from importlib import import_module

from nemocli.audio.mac_permission import advise_on_permission
from nemocli.doctor.finding import Finding, find_package


def examine_sound() -> Iterator[Finding]:
    """Look for the libraries that read sound, and for microphones."""
    yield find_package("soundfile", "wav flac ogg mp3", "pip install soundfile", essential=True)
    yield find_package("av", "m4a mp4 mkv webm", "pip install av")
    yield find_package("soxr", "resampling", "pip install soxr", essential=True)
    portaudio = find_package("sounddevice", "PortAudio", _advise_on_portaudio())
    yield portaudio
    if portaudio.ok:
        yield _examine_microphones()


def _advise_on_portaudio() -> str:
    if sys.platform == "linux":
        return "pip install sounddevice, and such as: sudo apt install libportaudio2"
    return "pip install sounddevice"


def _examine_microphones() -> Finding:
    sounddevice = import_module("sounddevice")
    try:
        devices = [device for device in sounddevice.query_devices() if device["max_input_channels"]]
    except Exception as error:  # PortAudio's errors, which sounddevice raises as a class of its own
        return Finding("microphones", f"cannot be listed: {error}", ok=False)
    names = ", ".join(str(device["name"]) for device in devices)
    if not names:
        advice = "connect one, or let the terminal use it"
        if sys.platform == "darwin":
            advice = f"connect one; or {advise_on_permission()}"
        return Finding("microphones", "none", False, advice)
    return Finding("microphones", names)
