"""Clocks that jump, and a program that is stopped for a while: only elapsed time counts."""

import itertools
import re
import signal
import time

import numpy as np
import pytest
import soundfile

from tests.faults.program import run, run_here, start
from tests.typed import ROOT

#: The wall clock goes back and forth by decades.
JUMPING = """
import itertools, time
wall, jumps = time.time, itertools.cycle((0, 1e9, -1e9, 3600, -3600))
time.time = lambda: wall() + next(jumps)
"""


def test_the_wall_clock_measures_nothing():
    for path in (ROOT / "nemocli").rglob("*.py"):
        assert not re.search(r"\btime\.time\b|\btime import .*\btime\b", path.read_text()), path


def test_a_wall_clock_that_jumps_changes_nothing(clip, spoken, hub, tmp_path, monkeypatch):
    done, out, err = run("live", "--model", "demo", "--input", "-", data=spoken, code=JUMPING)
    assert (done, out, "dropped" in err) == (0, clip.text + "\n", False)
    command = ["file", clip.path, "--model", "demo", "-q", "-o", tmp_path / "out"]
    wall, jumps = time.time, itertools.cycle((0, 1e9, -1e9, 3600, -3600))
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: wall() + next(jumps))
        assert run_here(*command) == (0, "", "")
    assert (tmp_path / "out" / f"{clip.path.stem}.txt").read_text() == clip.text + "\n"
    done, _, err = run("models", "pull", "someone/demo", "-q", code=JUMPING, env=hub[1])
    assert (done, err) == (0, "")


@pytest.mark.slow  # seconds of sound at the pace of real time
def test_a_program_that_was_stopped_goes_on_where_it_was(clip, spoken, tmp_path):
    """The program is stopped for longer than sound may wait; sound from a file waits too."""
    soundfile.write(tmp_path / "a.wav", np.frombuffer(2 * spoken, "<i2"), 16000)
    command = ["live", "--model", "demo", "--input", tmp_path / "a.wav", "--max-lag", 4]
    with start(*command, "-o", tmp_path / "a.txt") as running:
        for _ in range(600):
            if (tmp_path / "a.txt").exists():
                break
            time.sleep(0.05)
        time.sleep(0.5)
        running.send_signal(signal.SIGSTOP)
        time.sleep(5.5)
        running.send_signal(signal.SIGCONT)
        out, err = running.stdout.read().decode(), running.stderr.read().decode()
        assert running.wait(30) == 0
    assert (out, "dropped" in err) == (2 * (clip.text + "\n"), False)
