"""The source of sound that the command line of `nemocli live` names."""

import math
import sys
from pathlib import Path

from nemocli.audio.devices import find_device, list_devices, list_sources
from nemocli.audio.microphone import open_microphone
from nemocli.audio.options import SoundOptions
from nemocli.audio.paced import open_paced
from nemocli.audio.pcm import open_pcm
from nemocli.audio.source import LiveSource
from nemocli.cli.live_options import LiveOptions
from nemocli.cli.printable import make_printable
from nemocli.errors import UsageError

#: Seconds that a microphone is waited for where nobody sees that it is.
PIPE_WAIT_S = 30.0


def print_devices() -> None:
    """Print the microphones, the default one marked; AudioError without any."""
    devices = list_devices()
    find_device(None, devices)  # without any, its error says what to do
    for device in devices:
        mark = "*" if device.is_default else " "
        about = f"{device.host_api}, {device.channels} channels, {device.rate} Hz"
        print(make_printable(f"{mark} {device.id:3}  {device.name}  ({about})"))
    sources = list_sources(devices)
    if sources:
        print("Sources of the sound server, by name:")
    for source in sources:
        about = f"{source.description}, {source.channels} channels, {source.rate} Hz"
        print(make_printable(f"       {source.name}  ({about})"))


def open_source(options: LiveOptions, on_terminal: bool) -> LiveSource:
    """Open a microphone, a file at the pace of real time, or stdin; raises as those do.

    UsageError if both `--input` and `--device` are given; what was typed goes before a variable.
    """
    requested = options.input
    if requested is not None and options.device is not None:
        if options.is_typed("input") == options.is_typed("device"):
            raise UsageError("Sound comes from --input or from --device, not from both.")
        if options.is_typed("device"):
            requested = None
    if requested is None:
        wait_s = options.wait_for_device
        if wait_s is None:
            wait_s = math.inf if on_terminal else PIPE_WAIT_S
        return open_microphone(options.device, options.max_lag, wait_s)
    if requested == "-":
        return open_pcm(_find_stdin(), options.rate, options.channels, options.encoding)
    return open_paced(Path(requested), options.max_lag, SoundOptions(language=options.lang))


def _find_stdin() -> int:
    try:
        return sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):
        raise UsageError("There is no stdin to read sound from.") from None
