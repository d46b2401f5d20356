"""Where the sound that the machine plays is found, and what is said where it is not."""

import pytest

from nemocli.audio import microphone, system_sound
from nemocli.audio.devices import Device
from nemocli.audio.microphone import Microphone
from nemocli.audio.system_sound import find_loopback, find_system_sound
from nemocli.errors import AudioError, UnsupportedError


def make_device(number, name):
    return Device(number, name, "Core Audio", 2, 48000, is_default=number == 0)


def test_a_loopback_device_is_found_by_its_name():
    devices = [make_device(0, "MacBook Pro Microphone"), make_device(1, "BlackHole 2ch")]
    assert find_loopback(devices).id == 1
    with pytest.raises(UnsupportedError, match="brew install blackhole-2ch"):
        find_loopback(devices[:1])


@pytest.mark.parametrize(
    ("pactl", "sink", "sources", "said"),
    [
        (None, None, [], "needs pactl"),
        ("pactl", None, [], "found no loudspeaker"),
        ("pactl", "room", [], "libasound2-plugins"),
        ("pactl", "room", [make_device(0, "other.monitor")], "'room' has no monitor"),
    ],
)
def test_what_is_missing_on_linux_is_said(monkeypatch, pactl, sink, sources, said):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(system_sound, "list_devices", lambda: [])
    monkeypatch.setattr(system_sound.shutil, "which", lambda name: pactl)
    monkeypatch.setattr(system_sound, "find_default_sink", lambda: sink)
    monkeypatch.setattr(system_sound, "list_sources", lambda devices: sources)
    with pytest.raises((AudioError, UnsupportedError), match=said):
        find_system_sound()


def test_when_a_microphone_began_is_estimated_by_the_block_that_came_soonest(monkeypatch):
    """Blocks that come late do not matter, nor does a pause; a slow clock is followed slowly."""
    now = [1000.0]
    monkeypatch.setattr(microphone, "read_clock_with_sleep", lambda: now[0])
    source = Microphone(None, make_device(0, "a"), 1000.0, 1.0)
    source._last_block = now[0]

    def give(seconds, late=0.0, rate=48000):
        now[0] += seconds
        held, now[0] = now[0], now[0] + late
        source._receive(0, bytes(4 * round(seconds * rate)), round(seconds * rate), seconds)
        now[0] = held

    give(0.5, late=0.2)
    assert source.began_at == pytest.approx(1000.2)
    for late in (0.05, 0.0, 0.3, 0.1):
        give(0.5, late)
    assert source.began_at == pytest.approx(1000.0, abs=0.01)
    source.pause()
    for _ in range(200):
        give(0.5)
    source.resume()
    give(0.5)
    assert source.began_at == pytest.approx(1000.0, abs=0.06)
    for _ in range(600):
        give(0.5, rate=47990)  # 0.2 ms too slow in each second
    assert source.began_at == pytest.approx(1000.0 + 300 * 10 / 48000, abs=0.06)
