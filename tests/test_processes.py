"""Finding out whether the process that made a temporary file still runs."""

import os
import subprocess
import sys

from nemocli.processes import runs_elsewhere


def test_a_process_runs_until_it_has_ended():
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert runs_elsewhere(other.pid)
    other.communicate(b"\n")
    assert not runs_elsewhere(other.pid)
    assert not runs_elsewhere(os.getpid())  # which is not elsewhere


def test_what_cannot_be_known_is_taken_for_running(monkeypatch):
    assert runs_elsewhere(10**30)  # no number of a process

    def forbidden(pid, signal):
        raise PermissionError

    monkeypatch.setattr(os, "kill", forbidden)
    assert runs_elsewhere(os.getpid() + 1)
