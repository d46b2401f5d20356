"""Power, as `nemocli doctor` tells it from what systems say."""

import pytest

from nemocli.doctor import power

BATTERY = """Now drawing from 'Battery Power'
 -InternalBattery-0 (id=1234567)\t83%; discharging; 5:12 remaining present: true
"""
MAINS = """Now drawing from 'AC Power'
 -InternalBattery-0 (id=1234567)\t100%; charged; 0:00 remaining present: true
"""
DESKTOP = "Now drawing from 'AC Power'\n"
LOW = " lowpowermode         1\n powernap             0\n"


@pytest.mark.parametrize(
    ("batteries", "settings", "expected"),
    [
        (BATTERY, "", "battery, 83 %: lookahead and chunk rate stay as they are"),
        (MAINS, " lowpowermode         0\n", "mains, 100 %: lookahead and chunk rate stay as the"),
        (BATTERY, LOW, "stay as they are; Low Power Mode is on, and chunks take longer"),
        (DESKTOP, LOW, None),
        ("", "", None),
    ],
)
def test_on_a_mac(batteries, settings, expected):
    found = power.describe_power(batteries, settings)
    assert found is expected if expected is None else expected in found


@pytest.mark.parametrize(
    ("status", "expected"),
    [("Discharging", "battery, 41 %: "), ("Charging", "mains, 41 %: "), ("Full", "mains, 41 %: ")],
)
def test_on_linux(status, expected, tmp_path, monkeypatch):
    monkeypatch.setattr(power, "POWER_SUPPLIES", tmp_path)
    monkeypatch.setattr(power.sys, "platform", "linux")
    assert list(power.examine_power()) == []
    (tmp_path / "BAT0").mkdir()
    (tmp_path / "BAT0" / "capacity").write_text("41\n")
    assert list(power.examine_power()) == []  # it cannot be read
    (tmp_path / "BAT0" / "status").write_text(f"{status}\n")
    (found,) = power.examine_power()
    assert found.value.startswith(expected) and found.ok
