"""A microphone that goes away and comes back, with a stand-in for PortAudio."""

import os
import queue
import sys
import time
from contextlib import closing
from types import SimpleNamespace

import numpy as np
import pytest

from nemocli.audio import devices, microphone, microphone_choice
from nemocli.audio.microphone import open_microphone
from nemocli.audio.sound_server import ServerSource

#: What PortAudio says of a block with which nothing is wrong.
NO_FLAGS = SimpleNamespace(input_overflow=False)

#: Seconds that a test waits for a thread at most, however busy the machine is.
PATIENCE_S = 60


class PortAudioError(Exception):
    pass


class StandIn:
    """What of sounddevice is used. `streams` has every stream that was started."""

    PortAudioError = PortAudioError
    default = SimpleNamespace(device=[0, 0])

    def __init__(self, *names, rate=16000, channels=1):
        self.names, self.rate, self.channels = names, rate, channels
        self.streams = queue.Queue()

    def query_hostapis(self):
        return [{"name": "ALSA"}]

    def query_devices(self):
        about = {"hostapi": 0, "max_input_channels": self.channels}
        return [{"name": name, "default_samplerate": self.rate, **about} for name in self.names]

    def RawInputStream(self, **options):  # noqa: N802
        if options["samplerate"] != self.rate:
            raise PortAudioError("Invalid sample rate")
        return Stream(self, options)

    def _terminate(self):
        pass

    def _initialize(self):
        pass

    def _exit_handler(self):
        pass


class Stream:
    """A stream that gives what a test gives it."""

    def __init__(self, portaudio, options):
        self._portaudio, self._callback = portaudio, options["callback"]
        self.device, self.channels = options["device"], options["channels"]
        self.source = os.environ.get("PULSE_SOURCE")
        self.active = False

    def start(self):
        self.active = True
        self._portaudio.streams.put(self)

    def close(self, ignore_errors=True):
        self.active = False

    def give(self, samples):
        """Give int16 [frames, channels]."""
        self._callback(np.asarray(samples, "<i2").tobytes(), len(samples), None, NO_FLAGS)


@pytest.fixture
def portaudio(monkeypatch):
    stand_in = StandIn("Mic")
    monkeypatch.setitem(sys.modules, "sounddevice", stand_in)
    monkeypatch.setattr(microphone, "FIRST_PAUSE_S", 0.01)
    for limit in ("GONE_AFTER_S", "STALE_AFTER_S", "FIRST_PATIENCE_S"):
        monkeypatch.setattr(microphone, limit, PATIENCE_S)
    return stand_in


def read_until(source, is_enough):
    """Read packets until they are enough, and return them."""
    packets, limit = [], time.monotonic() + PATIENCE_S
    while not is_enough(packets):
        assert time.monotonic() < limit
        packet = source.read(0.01)
        packets += [packet] if packet is not None else []
    return packets


def kinds(packets):
    return [packet.mark.kind for packet in packets if packet.mark]


def frames(packets):
    return sum(packet.frames for packet in packets)


def tone(rate, seconds, channels=1):
    """Return 440 Hz, int16 [frames, channels]."""
    wave = 8000 * np.sin(2 * np.pi * 440 * np.arange(round(rate * seconds)) / rate)
    return np.repeat(wave[:, None], channels, axis=1)


@pytest.mark.parametrize(("rate", "channels"), [(48000, 1), (44100, 2), (8000, 1)])
def test_one_that_comes_back_in_another_form_gives_the_same_sound(portaudio, rate, channels):
    """A device that takes no other rate is resampled, and its channels are those it had."""
    portaudio.channels = 2
    with closing(open_microphone(None, 60.0, 60.0)) as source:
        source.start()
        first = portaudio.streams.get(timeout=PATIENCE_S)
        first.give(tone(16000, 1.0, 2))
        portaudio.rate, portaudio.channels = rate, channels
        first.active = False
        second = portaudio.streams.get(timeout=PATIENCE_S)
        assert second.channels == channels
        for block in np.array_split(tone(rate, 2.0, channels), 40):
            second.give(block)
        packets = read_until(source, lambda read: frames(read) >= 2.9 * 16000)
        assert source.rate == 16000
        assert source.heard == source.gaps + source.waiting + frames(packets)
    assert kinds(packets) == ["gap"]
    sound = np.concatenate([packet.samples for packet in packets])[-16000:]
    spectrum = np.abs(np.fft.rfft(sound))
    assert np.argmax(spectrum) == 440
    assert np.square(sound).mean() == pytest.approx((8000 / 32768) ** 2 / 2, rel=0.02)


def test_a_card_that_comes_back_under_another_number_is_the_same(portaudio):
    portaudio.names = ("Camera (hw:1,0)", "USB Mic: Audio (hw:2,0)")
    with closing(open_microphone("usb", 60.0, 60.0)) as source:
        source.start()
        first = portaudio.streams.get(timeout=PATIENCE_S)
        assert first.device == 1
        portaudio.names = ("Camera (hw:2,0)", "Webcam (hw:3,0)", "USB Mic: Audio (hw:4,0)")
        first.active = False
        assert portaudio.streams.get(timeout=PATIENCE_S).device == 2


def test_a_source_that_the_sound_server_replaced_is_waited_for(portaudio, monkeypatch):
    """The server goes on with another source, so that sound comes all the time, but not this."""
    sources = [ServerSource(1, "headset", "", 1, 16000), ServerSource(2, "laptop", "", 1, 16000)]
    portaudio.names = ("pulse",)
    for module in (devices, microphone_choice):
        monkeypatch.setattr(module, "list_server_sources", lambda: sources)
    monkeypatch.setattr(microphone_choice, "SOURCE_LOOK_INTERVAL_S", 0.0)
    with closing(open_microphone("headset", 60.0, 60.0)) as source:
        source.start()
        first = portaudio.streams.get(timeout=PATIENCE_S)
        assert first.source == "headset"
        first.give(tone(16000, 0.5))
        sources[:] = sources[1:]
        waited = read_until(source, lambda read: "waiting" in kinds(read))
        assert not first.active
        first.give(tone(16000, 0.5))  # of the laptop's
        assert portaudio.streams.empty()
        sources.append(ServerSource(7, "headset", "", 1, 16000))
        second = portaudio.streams.get(timeout=PATIENCE_S)
        assert second.source == "headset"
        second.give(tone(16000, 0.5))
        packets = waited + read_until(source, lambda read: frames(read) == 8000)
        assert kinds(packets) == ["waiting", "gap"]
        assert frames(packets) == 16000
        assert source.heard == source.gaps + 16000
        assert second.active  # it is not taken for replaced once more
    assert "PULSE_SOURCE" not in os.environ


def test_a_pause_while_it_is_away_does_not_say_that_it_is_back(portaudio):
    with closing(open_microphone(None, 60.0, 60.0)) as source:
        source.start()
        first = portaudio.streams.get(timeout=PATIENCE_S)
        first.give(tone(16000, 0.5))
        portaudio.names = ()
        first.active = False
        packets = read_until(source, lambda read: "waiting" in kinds(read))
        source.pause()
        source.resume()
        packets += read_until(source, lambda read: "waiting" in kinds(read))
        assert kinds(packets) == ["waiting", "gap", "paused", "resumed", "waiting"]
        assert not any("is back" in packet.mark.message for packet in packets if packet.mark)
        portaudio.names = ("Mic",)
        portaudio.streams.get(timeout=PATIENCE_S).give(tone(16000, 0.5))
        packets = read_until(source, lambda read: frames(read) == 8000)
        assert kinds(packets) == ["gap"]
        assert "Mic is back: " in packets[0].mark.message


def test_a_first_block_that_takes_its_time_is_no_interruption(portaudio, monkeypatch):
    """Opening may take longer than the time after which a microphone is taken for gone."""
    monkeypatch.setattr(microphone, "GONE_AFTER_S", 0.0)
    with closing(open_microphone(None, 60.0, 60.0)) as source:
        source.start()
        stream = portaudio.streams.get(timeout=PATIENCE_S)
        time.sleep(0.3)
        assert stream.active
        monkeypatch.setattr(microphone, "GONE_AFTER_S", PATIENCE_S)
        stream.give(tone(16000, 0.5))
        assert kinds(read_until(source, lambda read: frames(read) == 8000)) == []
        assert source.gaps == 0
