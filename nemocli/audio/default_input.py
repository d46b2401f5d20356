"""Which device the Mac's default microphone is at this moment, asked from Core Audio.

PortAudio stays with the device that it opened, also when headphones are connected and the system
changes its default. Sound servers on Linux move a stream themselves. Not tried on a Mac.
"""

import ctypes
import sys
from typing import Any

_FRAMEWORK = "/System/Library/Frameworks/CoreAudio.framework/CoreAudio"

#: kAudioObjectSystemObject, and the address of kAudioHardwarePropertyDefaultInputDevice.
_SYSTEM_OBJECT = 1
_SELECTOR, _SCOPE, _ELEMENT = (int.from_bytes(code) for code in (b"dIn ", b"glob", b""))


class PropertyAddress(ctypes.Structure):
    """AudioObjectPropertyAddress."""

    _fields_ = (
        ("selector", ctypes.c_uint32),
        ("scope", ctypes.c_uint32),
        ("element", ctypes.c_uint32),
    )


class DefaultInput:
    """Asks for the default microphone; where the system cannot be asked, there is none.

    `library` is Core Audio, or something in its place.
    """

    def __init__(self, library: Any = None) -> None:
        self._library = library or _load_core_audio()
        if self._library is not None:
            self._library.AudioObjectGetPropertyData.argtypes = [
                ctypes.c_uint32,
                ctypes.POINTER(PropertyAddress),
                ctypes.c_uint32,
                ctypes.c_void_p,
                ctypes.POINTER(ctypes.c_uint32),
                ctypes.c_void_p,
            ]
            self._library.AudioObjectGetPropertyData.restype = ctypes.c_int32

    def find(self) -> int | None:
        """Return Core Audio's number of the default microphone; None if it is unknown."""
        if self._library is None:
            return None
        address = PropertyAddress(_SELECTOR, _SCOPE, _ELEMENT)
        device, size = ctypes.c_uint32(0), ctypes.c_uint32(4)
        status = self._library.AudioObjectGetPropertyData(
            *(_SYSTEM_OBJECT, ctypes.byref(address), 0, None),
            *(ctypes.byref(size), ctypes.byref(device)),
        )
        return device.value or None if status == 0 else None


def _load_core_audio() -> Any:
    if sys.platform != "darwin":
        return None
    try:
        return ctypes.CDLL(_FRAMEWORK)
    except OSError:
        return None
