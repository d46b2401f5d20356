"""What a person with a microphone meets on a Mac, with stand-ins for PortAudio and Core Audio."""

import ctypes
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from nemocli.audio import (
    default_input,
    device_stream,
    devices,
    digital_silence,
    microphone,
    microphone_choice,
)
from nemocli.audio.default_input import DefaultInput, PropertyAddress
from nemocli.audio.mac_permission import advise_on_permission
from nemocli.audio.microphone import Microphone

BUILT_IN = {"name": "MacBook Pro Microphone", "max_input_channels": 1, "default_samplerate": 48000}
HEADPHONES = {"name": "AirPods", "max_input_channels": 1, "default_samplerate": 24000}


class Core:
    """PortAudio and Core Audio: a Mac with microphones of which one is the default."""

    class PortAudioError(Exception):
        pass

    def __init__(self, *known):
        self.devices = [device | {"hostapi": 0} for device in known]
        self.default_number = 0
        self.default = SimpleNamespace(device=[0, 0])
        self.opened = []
        self.asleep = 0.0

    def query_devices(self):
        return self.devices

    def query_hostapis(self):
        return [{"name": "Core Audio"}]

    def _initialize(self):
        self.default.device = [self.default_number, 0]  # PortAudio looks only then

    def _terminate(self):
        pass

    def RawInputStream(self, **options):  # noqa: N802
        stream = Stream(options)
        self.opened.append(stream)
        return stream

    def find(self):
        return 100 + self.default_number

    def now(self):
        return self.asleep + microphone.time.monotonic()


#: What PortAudio says of a block with which nothing is wrong.
NO_FLAGS = SimpleNamespace(input_overflow=False)


class Stream:
    active = True

    def __init__(self, options):
        self.options = options
        self.closed = threading.Event()

    def start(self):
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        block = np.full(480, 1000, "<i2").tobytes()
        while not self.closed.wait(0.005):
            self.options["callback"](block, 480, None, NO_FLAGS)

    def close(self, ignore_errors):
        self.closed.set()


@pytest.fixture
def core(monkeypatch):
    core = Core(BUILT_IN, HEADPHONES)
    for module in (microphone, devices, device_stream):
        monkeypatch.setattr(module, "import_sounddevice", lambda: core)
    monkeypatch.setattr(microphone_choice, "DefaultInput", lambda: core)
    monkeypatch.setattr(microphone_choice, "DEFAULT_INTERVAL_S", 0.0)
    monkeypatch.setattr(microphone, "WATCH_INTERVAL_S", 0.005)
    monkeypatch.setattr(microphone, "read_clock_with_sleep", core.now)
    return core


def read_until_mark(source, kind):
    while True:
        packet = source.read(1.0)
        if packet is not None and packet.mark is not None and packet.mark.kind == kind:
            return packet.mark


def opened(wanted=None):
    found = devices.find_device(wanted, devices.list_devices())
    source = Microphone(wanted, found, 60.0, 60.0)
    source.start()
    assert source.read(5.0).frames
    return source


def test_another_default_is_followed_and_that_is_said(core):
    source = opened()
    core.default_number = 1
    mark = read_until_mark(source, "gap")
    assert mark.message.startswith("the microphone is AirPods now: ")
    assert mark.message.endswith(" s were not heard") and mark.gap < 48000
    assert [stream.options["device"] for stream in core.opened] == [0, 1]
    assert core.opened[1].options["samplerate"] == 48000, "the clock and the files go on as before"
    assert core.opened[0].closed.is_set()
    assert source.read(5.0).frames
    core.default_number = 0  # and back
    assert "MacBook Pro Microphone now" in read_until_mark(source, "gap").message
    source.close()


def test_a_microphone_that_was_chosen_stays(core):
    source = opened("MacBook Pro Microphone")
    core.default_number = 1
    for _ in range(10):
        source.read(0.01)
    assert not source._choice.has_other_default()
    assert len(core.opened) == 1 and source.gaps == 0
    source.close()


def test_after_sleep_it_goes_on_and_what_was_missing_is_counted(core):
    source = opened()
    core.asleep = 3600.0
    mark = read_until_mark(source, "gap")
    assert mark.message.startswith("MacBook Pro Microphone is back: 3")
    assert source.gaps == mark.gap > 3599 * 48000
    assert len(core.opened) == 2
    source.close()


class CoreAudio:
    """Core Audio's function, for one property."""

    def __init__(self, status, device):
        self.asked = []

        def get(system, address, qualifiers, qualifier, size, data):
            found = ctypes.cast(address, ctypes.POINTER(PropertyAddress)).contents
            self.asked.append((system, found.selector, found.scope, found.element))
            if status == 0:
                ctypes.cast(data, ctypes.POINTER(ctypes.c_uint32)).contents.value = device
            return status

        prototype = ctypes.CFUNCTYPE(
            *(ctypes.c_int32, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_uint32),
            *(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p),
        )
        self._kept = prototype(get)
        address = ctypes.cast(self._kept, ctypes.c_void_p).value
        function = ctypes.CFUNCTYPE(ctypes.c_int32)(address)
        self.AudioObjectGetPropertyData = function


@pytest.mark.parametrize(
    ("status", "device", "found"), [(0, 77, 77), (0, 0, None), (-50, 77, None)]
)
def test_the_default_is_asked_by_its_property(status, device, found):
    library = CoreAudio(status, device)
    assert DefaultInput(library).find() == found
    expected = (1, int.from_bytes(b"dIn "), int.from_bytes(b"glob"), 0)
    assert library.asked == [expected]


@pytest.mark.skipif(sys.platform == "darwin", reason="here is Core Audio")
def test_elsewhere_nobody_is_asked(monkeypatch):
    assert DefaultInput().find() is None
    monkeypatch.setattr(sys, "platform", "darwin")
    assert default_input._load_core_audio() is None  # there is no such framework


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"TERM_PROGRAM": "Apple_Terminal"}, "switch Terminal on in System Settings > Privacy &"),
        ({"TERM_PROGRAM": "iTerm.app"}, "switch iTerm on in"),
        ({"TERM_PROGRAM": "vscode"}, "and start Visual Studio Code anew"),
        ({"TERM_PROGRAM": "tmux"}, "switch the terminal on in"),
        ({}, "(open 'x-apple.systempreferences:com.apple.preference.security?Privacy_Microphone')"),
        (
            {"__CFBundleIdentifier": "com.googlecode.iterm2"},
            "if it is not listed there: tccutil reset Microphone com.googlecode.iterm2",
        ),
        ({"SSH_CONNECTION": "::1"}, "run nemocli in a terminal on the Mac itself"),
    ],
)
def test_the_permission_names_the_setting_and_the_command(environment, words):
    assert words in advise_on_permission(environment)


def test_it_is_said_where_there_is_nothing_but_silence_and_where_there_is_no_microphone(
    monkeypatch,
):
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setenv("TERM_PROGRAM", "iTerm.app")
    assert "switch iTerm on" in digital_silence._advise_on_permission()
    assert "switch iTerm on" in devices._connect_advice()
