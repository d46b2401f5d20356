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
    if shutil.which("pactl") is None:
        return []
    try:
        listed = subprocess.run(
            ["pactl", "--format=json", "list", "sources"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PACTL_TIMEOUT_S,
            check=True,
        )
        return [source for item in json.loads(listed.stdout) if (source := _parse(item))]
    except (OSError, subprocess.SubprocessError, ValueError, TypeError):
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
