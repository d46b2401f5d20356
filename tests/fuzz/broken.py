"""Targets with one defect each, to see that the runner finds it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

from nemocli.errors import ModelError, NemocliError
from tests.fuzz.target import MakeTarget, Target

_KEPT: list[bytes] = []


def _target(defect: Callable[[], object], seconds: float = 0.1) -> Target:
    """Every input but the valid one meets the defect."""

    def check(data: bytes) -> str:
        if data != b"good":
            defect()
        return "read"

    def mutate(data: bytes, random: Random) -> bytes:
        return b"bad"

    return Target([b"good"], mutate, check, seconds=seconds, memory=50_000_000)


def raises(folder: Path) -> Target:
    return _target(lambda: [][0])


def dies(folder: Path) -> Target:
    return _target(lambda: os.kill(os.getpid(), 11))


def hangs(folder: Path) -> Target:
    def hang() -> None:
        while True:
            pass

    return _target(hang)


def fills_memory(folder: Path) -> Target:
    # More than the process that starts this one has: its peak counts as that of its children.
    return _target(lambda: _KEPT.append(b"x" * 900_000_000), seconds=9.0)


def wants_too_much(folder: Path) -> Target:
    return _target(lambda: b"x" * 10**12)


def hides_a_program(folder: Path) -> Target:
    def start() -> None:
        subprocess.run(["true"], check=False)
        raise ModelError("It is damaged.")

    return _target(start)


def writes_outside(folder: Path) -> Target:
    return _target(lambda: (folder.parent / "outside").write_text("x"))


def says_something(folder: Path) -> Target:
    return _target(lambda: print("a warning", file=sys.stderr))


def says_nothing(folder: Path) -> Target:
    def refuse() -> None:
        raise NemocliError(" ")

    return _target(refuse)


#: By what the runner must call it.
BROKEN: dict[str, MakeTarget] = {
    "IndexError": raises,
    "died: exit -11": dies,
    "died: hang": hangs,
    "memory": fills_memory,
    "MemoryError": wants_too_much,
    "subprocess.Popen": hides_a_program,
    "opened": writes_outside,
    "stderr a warning": says_something,
    "not one sentence": says_nothing,
}
