"""Signals at many moments of every command."""

import os
import random
import signal
import time

import pytest

from nemocli.models.folder import read_manifest
from tests.faults.program import files, run, start
from tests.faults.test_signals import ended_by, is_silent

MOMENTS = 30

#: Says when the command first heeds signals: until then Python has its own words for Ctrl-C.
STARTED = """
import signal, sys
real = signal.signal
def heeded(*arguments):
    signal.signal = real
    before = real(*arguments)
    sys.stderr.write("started\\n")
    sys.stderr.flush()
    return before
signal.signal = heeded
"""


def commands(folder, clip):
    """Return the arguments of each command, by name; their outputs are in `folder`."""
    return {
        "file": ["file", clip.path, "--model", "demo"],
        "folder": ["file", clip.path, "--model", "demo", "-o", folder / "out"],
        "live": ["live", "--model", "demo", "--input", "-", "-o", folder / "a.json"],
        "convert": ["convert", "demo", "-o", folder / "model"],
        "bench": ["bench", clip.path, "--model", "demo", "--repeat", 1, "--json", folder / "a"],
        "pull": ["models", "pull", "someone/demo"],
    }


def strays(folder):
    """Return the files that are neither outputs nor needed to continue."""
    kept = ("out/", "model/", "hf/", "a.json", "a")
    return [name for name in files(folder) if ".part" in name or not name.startswith(kept)]


def children(number):
    """Return the processes that run our Python and whose parent has ended."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/environ", "rb") as file:
                    found += [entry] if f"FAULT_SWEEP={number}".encode() in file.read() else []
            except OSError:
                continue
    return found


@pytest.mark.slow
@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks for orphans in /proc")
@pytest.mark.parametrize("name", ["file", "folder", "live", "convert", "bench", "pull"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_at_many_moments(clip, spoken, hub, tmp_path, name, number):
    env = hub[1] | {"TMPDIR": tmp_path / "tmp", "FAULT_SWEEP": f"{os.getpid()}{name}{number}"}
    (tmp_path / "tmp").mkdir()
    began = time.monotonic()
    options = {"data": spoken} if name == "live" else {}
    place = tmp_path / "whole"
    place.mkdir()
    whole = run(*commands(place, clip)[name], env=env, **options)
    seconds = time.monotonic() - began
    assert whole[0] == 0
    moments = random.Random(f"{name} {number}")
    for n in range(MOMENTS):
        place = tmp_path / str(n)
        place.mkdir()
        env["HF_HOME"] = place / "hf"
        with start(*commands(place, clip)[name], code=STARTED, env=env, stdin=-1) as running:
            if name == "live":
                running.stdin.write(spoken)
            running.stdin.close()
            running.stderr.readline()
            time.sleep(moments.uniform(0, seconds))
            running.send_signal(number)
            out, err = running.stdout.read().decode(), running.stderr.read().decode()
            code = running.wait(30)
        assert code == 0 or ended_by(code, number), (code, err)
        assert is_silent(err), err
        assert strays(place) == []
        if code == 0 and name in ("file", "folder", "convert"):
            assert out.replace(str(place), "") == whole[1].replace(str(tmp_path / "whole"), "")
        if (place / "model").exists():
            read_manifest(place / "model")
    assert [p.name for p in (tmp_path / "tmp").iterdir()] == []
    time.sleep(1)
    assert children(env["FAULT_SWEEP"]) == []
