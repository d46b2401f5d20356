"""A finding about power: on battery nothing of nemocli changes, but the system may slow it down."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from nemocli.doctor.finding import Finding

#: Where Linux describes batteries.
POWER_SUPPLIES = Path("/sys/class/power_supply")

UNCHANGED = "lookahead and chunk rate stay as they are"


def examine_power() -> Iterator[Finding]:
    """Say whether this machine runs on battery; nothing for machines without one."""
    found = _find_on_mac() if sys.platform == "darwin" else _find_on_linux()
    if found is not None:
        yield Finding("power", found)


def describe_power(batteries: str, settings: str) -> str | None:
    """Describe a Mac's power by what `pmset -g batt` and `pmset -g` print; None without battery."""
    charge = re.search(r"(\d+)%", batteries)
    if charge is None:
        return None
    is_on_battery = "'Battery Power'" in batteries
    text = f"{'battery' if is_on_battery else 'mains'}, {charge[1]} %: {UNCHANGED}"
    if re.search(r"^\s*lowpowermode\s+1\b", settings, re.MULTILINE):
        text += "; Low Power Mode is on, and chunks take longer"
    return text


def _find_on_mac() -> str | None:
    return describe_power(_run("-g", "batt"), _run("-g"))


def _run(*arguments: str) -> str:
    command = ["/usr/bin/pmset", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def _find_on_linux() -> str | None:
    for folder in sorted(POWER_SUPPLIES.glob("BAT*")):
        try:
            status = (folder / "status").read_text(encoding="utf-8").strip()
            charge = (folder / "capacity").read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            continue
        source = "battery" if status == "Discharging" else "mains"
        return f"{source}, {charge} %: {UNCHANGED}"
    return None
