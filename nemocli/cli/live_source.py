"""Where the sound of `nemocli live` comes from, as far as it was asked for on the command line."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nemocli.cli.printable import printable
from nemocli.errors import UsageError

if TYPE_CHECKING:
    from nemocli.audio.source import LiveSource


def print_devices() -> None:
    """The microphones on stdout, the default one marked; AudioError if there is none."""
    from nemocli.audio.microphone import find_device, list_devices

    devices = list_devices()
    find_device(None, devices)  # says what to do if there is none
    for device in devices:
        mark = "*" if device.is_default else " "
        about = f"{device.host_api}, {device.channels} channels, {device.rate} Hz"
        print(printable(f"{mark} {device.id:3}  {device.name}  ({about})"))


def typed_one(context: typer.Context, input_: str, device: str) -> tuple[str | None, str | None]:
    """What was typed goes before what the environment says."""
    sources = (context.get_parameter_source(name) for name in ("input_", "device"))
    by_input, by_device = (
        source is not None and source.name == "COMMANDLINE" for source in sources
    )
    if by_input != by_device:
        return (input_, None) if by_input else (None, device)
    raise UsageError("Sound comes from --input or from --device, not from both.")


def open_source(
    input_: str | None,
    device: str | None,
    rate: int,
    channels: int,
    encoding: str,
    max_lag: float,
    lang: str = "auto",
) -> "LiveSource":
    """A microphone, a file at the pace of real time, or stdin; raises as those do."""
    if input_ is None:
        from nemocli.audio.microphone import open_microphone

        return open_microphone(device, max_lag)
    if input_ == "-":
        from nemocli.audio.pcm import open_pcm

        return open_pcm(_stdin(), rate, channels, encoding)
    from nemocli.audio.options import SoundOptions
    from nemocli.audio.paced import open_paced

    return open_paced(Path(input_), max_lag, SoundOptions(language=lang))


def _stdin() -> int:
    try:
        return sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):
        raise UsageError("There is no stdin to read sound from.") from None
