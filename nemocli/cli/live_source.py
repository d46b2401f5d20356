"""The source of sound that the command line of `nemocli live` names."""

import math
import sys
from pathlib import Path

from nemocli.audio.devices import find_device, list_devices, list_sources
from nemocli.audio.microphone import open_microphone, open_system_sound
from nemocli.audio.options import SoundOptions
from nemocli.audio.paced import open_paced
from nemocli.audio.pcm import open_pcm
from nemocli.audio.source import LiveSource
from nemocli.cli.live_options import LiveOptions
from nemocli.cli.printable import make_printable
from nemocli.counting import count_things
from nemocli.errors import UsageError
from nemocli.transcript.speakers import MAX_NAME, is_name, quote_names

#: Seconds that a microphone is waited for where nobody sees that it is.
PIPE_WAIT_S = 30.0


def print_devices() -> None:
    """Print the microphones, the default one marked; AudioError without any."""
    devices = list_devices()
    find_device(None, devices)  # without any, its error says what to do
    for device in devices:
        mark = "*" if device.is_default else " "
        channels = count_things(device.channels, "channel")
        about = f"{device.host_api}, {channels}, {device.rate} Hz"
        print(make_printable(f"{mark} {device.id:3}  {device.name}  ({about})"))
    sources = list_sources(devices)
    if sources:
        print("Sources of the sound server, by name:")
    for source in sources:
        channels = count_things(source.channels, "channel")
        about = f"{source.description}, {channels}, {source.rate} Hz"
        print(make_printable(f"       {source.name}  ({about})"))


def open_sources(options: LiveOptions, on_terminal: bool) -> dict[str | None, LiveSource]:
    """Open the source or sources of the options, by their labels; one alone has none.

    Raises UsageError for options that do not go together, and otherwise as `open_source` does.
    """
    if not options.system:
        return {None: open_source(options, on_terminal)}
    if options.input is not None and (options.is_typed("input") or not options.is_typed("system")):
        raise UsageError("Sound comes from --input or from --system, not from both.")
    if not options.mic:
        if options.is_typed("device"):
            raise UsageError("--device with --system needs --mic, to transcribe both.")
        return {None: open_system_sound(options.max_lag, _choose_wait(options, on_terminal))}
    mic, system = parse_labels(options.labels)
    wait_s = _choose_wait(options, on_terminal)
    played = open_system_sound(options.max_lag, wait_s)
    return {mic: open_microphone(options.device, options.max_lag, wait_s), system: played}


def parse_labels(typed: str) -> tuple[str, str]:
    """Return the two names of `--labels`; UsageError for anything else."""
    labels = [label.strip() for label in typed.split(",")]
    if len(labels) != 2 or labels[0] == labels[1] or not all(map(is_name, labels)):
        raise UsageError(
            f"--labels takes two different names, such as You,Them, of {MAX_NAME} characters at"
            f" most (wide ones counted twice), without < > & and colons; not"
            f" {quote_names(typed[:60])}."
        )
    return labels[0], labels[1]


def _choose_wait(options: LiveOptions, on_terminal: bool) -> float:
    """Return the seconds to wait for a device that stopped giving sound."""
    if options.wait_for_device is not None:
        return options.wait_for_device
    return math.inf if on_terminal else PIPE_WAIT_S


def open_source(options: LiveOptions, on_terminal: bool) -> LiveSource:
    """Open a microphone, a file at the pace of real time, or stdin; raises as those do.

    UsageError if `--input` is given with `--device` or `--mic`; what was typed goes before a
    variable.
    """
    requested = options.input
    if options.mic and requested is not None:
        if options.is_typed("input") or not options.is_typed("mic"):
            raise UsageError("Sound comes from --input or from --mic, not from both.")
        requested = None
    if requested is not None and options.device is not None:
        if options.is_typed("input") == options.is_typed("device"):
            raise UsageError("Sound comes from --input or from --device, not from both.")
        if options.is_typed("device"):
            requested = None
    if requested is None:
        return open_microphone(options.device, options.max_lag, _choose_wait(options, on_terminal))
    if requested == "-":
        return open_pcm(_find_stdin(), options.rate, options.channels, options.encoding)
    return open_paced(Path(requested), options.max_lag, SoundOptions(language=options.lang))


def _find_stdin() -> int:
    try:
        return sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):
        raise UsageError("There is no stdin to read sound from.") from None
