"""Sources of PulseAudio, or of PipeWire in its place, as `pactl` lists them."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any

#: Seconds after which the sound server is taken for stuck.
PACTL_TIMEOUT_S = 3.0


@dataclass(frozen=True)
class ServerSource:
    """A microphone or a monitor, which gives what a loudspeaker plays."""

    #: The server's number of it; one that was taken away and comes back has a new one.
    index: int
    name: str
    description: str
    channels: int
    #: Frames per second.
    rate: int


def list_server_sources() -> list[ServerSource]:
    """Return all sources; none where there is no `pactl`, or no server that answers."""
    try:
        return [source for item in _ask_pactl("list", "sources") if (source := _parse(item))]
    except TypeError:
        return []


def find_default_sink() -> str | None:
    """Return the name of the default loudspeaker; None as above, and where there is none."""
    about = _ask_pactl("info")
    name = about.get("default_sink_name") if isinstance(about, dict) else None
    return str(name) if name else None


def _ask_pactl(*arguments: str) -> Any:
    """Return what `pactl` answers, from JSON; an empty list if it does not."""
    if shutil.which("pactl") is None:
        return []
    try:
        answered = subprocess.run(
            ["pactl", "--format=json", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PACTL_TIMEOUT_S,
            check=True,
        )
        return json.loads(answered.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return []


def _parse(item: dict[str, Any]) -> ServerSource | None:
    """Return one source of the list; None for what is not described as expected."""
    try:
        # Such as "s16le 2ch 44100Hz".
        _, channels, rate = str(item["sample_specification"]).split()
        return ServerSource(
            index=int(item["index"]),
            name=str(item["name"]),
            description=str(item.get("description") or ""),
            channels=int(channels.removesuffix("ch")),
            rate=int(rate.removesuffix("Hz")),
        )
    except (KeyError, ValueError):
        return None
