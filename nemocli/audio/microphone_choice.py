"""Which microphone was chosen: whether it is still that one, and how it is found again."""

import re
import time
from contextlib import suppress

from nemocli.audio.default_input import DefaultInput
from nemocli.audio.devices import Device, find_device, list_devices
from nemocli.audio.sound_server import list_server_sources
from nemocli.errors import UsageError

#: Seconds between two questions for the system's default microphone.
DEFAULT_INTERVAL_S = 1.0

#: Seconds between two looks whether a source of the sound server is still there.
SOURCE_LOOK_INTERVAL_S = 2.0

#: What PortAudio appends to the name of one of ALSA's devices: the numbers of card and device.
_CARD = re.compile(r" \(hw:\d+,\d+\)$")


class MicrophoneChoice:
    """The device that a person's choice means now; `requested` is None for the system's default."""

    def __init__(self, requested: str | None, device: Device) -> None:
        self.device = device
        self._requested = requested
        self._source_looked_at = 0.0
        # The system's default microphone when it was opened, where the system can be asked.
        self._default = DefaultInput()
        self._default_input: int | None = None
        self._default_asked_at = 0.0

    def note_default(self) -> None:
        """Note the system's default microphone, just before the device is opened."""
        self._default_input = self._default.find()

    def is_replaced(self) -> bool:
        """Tell whether the chosen source is gone, so that the sound server gives another."""
        device, now = self.device, time.monotonic()
        if device.server_source is None or now - self._source_looked_at < SOURCE_LOOK_INTERVAL_S:
            return False
        sources = list_server_sources()
        self._source_looked_at = time.monotonic()
        # Without any, the server does not answer, or has ended the stream.
        return bool(sources) and all(source.index != device.server_index for source in sources)

    def has_other_default(self) -> bool:
        """Tell whether the system has another default microphone now, if that one was chosen."""
        now = time.monotonic()
        if self._requested is not None or now - self._default_asked_at < DEFAULT_INTERVAL_S:
            return False
        self._default_asked_at = now
        return self._default.find() not in (None, self._default_input)

    def find_again(self) -> None:
        """Find the same device by its name, or the default there is now if none was chosen.

        Raises as `list_devices` and `find_device` do.
        """
        devices = list_devices()
        if self._requested is None or not self.device.name:
            self.device = find_device(None, devices)
            return
        name = self.device.name
        with suppress(UsageError):
            self.device = find_device(name, devices)
            return
        # A card may be given another number when it is plugged in again.
        self.device = find_device(_CARD.sub("", name), devices)
