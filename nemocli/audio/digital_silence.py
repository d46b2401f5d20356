"""Digital silence of a microphone: how long it lasts, and what may be the reason."""

import sys

from nemocli.audio.mac_permission import advise_on_permission
from nemocli.audio.source import Packet

#: Seconds of digital silence from the start, and later, after which the system is suspected to
#: withhold sound.
SUSPICIOUS_SILENCE_S, LATER_SILENCE_S = 3.0, 10.0


class DigitalSilence:
    """Counts frames of digital silence at a stretch.

    `is_monitor` says that the source is what the machine plays, which is silent now and then.
    """

    def __init__(self, is_monitor: bool) -> None:
        self._is_monitor = is_monitor
        self._frames = 0
        self._was_loud = False

    def count(self, packet: Packet) -> None:
        """Count the frames of a packet of sound."""
        is_silent = not packet.samples.any()
        self._frames = self._frames + packet.frames if is_silent else 0
        self._was_loud |= not is_silent

    def find_advice(self, rate: int) -> str | None:
        """Return what to do if there has been nothing else for long; `rate` is frames a second."""
        limit = LATER_SILENCE_S if self._was_loud else SUSPICIOUS_SILENCE_S
        if self._frames < limit * rate or (self._is_monitor and self._was_loud):
            return None
        return "does anything play there?" if self._is_monitor else _advise_on_permission()


def _advise_on_permission() -> str:
    if sys.platform == "darwin":
        return f"{advise_on_permission()}."
    return "is it muted? See alsamixer, pavucontrol, or the desktop's sound settings."
