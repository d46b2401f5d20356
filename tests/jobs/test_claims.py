"""Claims exclude other processes, and end with the process that holds them."""

import errno
import fcntl
import os
import signal
import subprocess
import sys

import pytest

from nemocli.errors import OutputError
from nemocli.jobs.claims import Claims, compute_claim_number

HOLD = """
import sys, time
from pathlib import Path
from nemocli.jobs.claims import Claims
claims = Claims(Path(sys.argv[1]))
print(claims.take(*sys.argv[2:]), flush=True)
time.sleep(60)
"""


@pytest.fixture
def held(tmp_path):
    """Return a function that lets another process take keys, and returns that process."""
    started = []

    def take(*keys):
        command = [sys.executable, "-c", HOLD, str(tmp_path / "claims"), *keys]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "True\n"
        return process

    yield take
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_claim_belongs_to_one_process_until_it_is_released(tmp_path, held):
    claims = Claims(tmp_path / "claims")
    other = held("a", "b")
    assert claims.is_claimed(compute_claim_number("a"))
    assert not claims.take("c", "b")
    assert not claims.is_claimed(compute_claim_number("c"))  # all or none
    assert claims.take("c")
    assert claims.is_claimed(compute_claim_number("c"))
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert claims.take("a", "b")
    claims.release("a")
    claims.release_all()
    assert not any(claims.is_claimed(compute_claim_number(key)) for key in "abc")


def test_no_file_stays_open_while_nothing_is_held(tmp_path):
    claims = Claims(tmp_path / "claims")
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    claims.take("a")
    claims.release("a")
    with claims.take_turn():
        pass
    if before:
        assert len(os.listdir("/proc/self/fd")) == before


def test_a_disk_without_locks_is_a_sentence(tmp_path, monkeypatch):
    def refuse(*_arguments):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", refuse)
    with pytest.raises(OutputError, match="choose an --output-dir on another disk"):
        Claims(tmp_path / "claims").take("a")
