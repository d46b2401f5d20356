"""`nemocli file --cluster`: on Ray started for it, and on a cluster that runs already."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile

from nemocli.errors import NemocliError, UnsupportedError, UsageError
from tests.repeats import repeats
from tests.typed import NEMOCLI, environment, nemocli

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="pip install 'nemocli[cluster]'")


@pytest.fixture
def sounds(tmp_path, clips, monkeypatch):
    """The current folder, with thirty files of some seconds each in the folder `in`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    monkeypatch.setenv("NEMOCLI_MODEL", "demo")
    monkeypatch.setenv("NEMOCLI_OUTPUT_FORMAT", "all")
    Path("in").mkdir()
    chosen = np.random.default_rng(1)
    for n in range(30):
        some = [clips[k].samples for k in chosen.integers(0, len(clips), chosen.integers(1, 6))]
        soundfile.write(f"in/{n:02}.flac", np.concatenate(some), 16000)
    return tmp_path


def transcribed(folder):
    """Return the files of an output folder, and how often the log has each input as done."""
    paths = [p for p in Path(folder).rglob("*") if p.is_file() and ".nemocli" not in p.parts]
    lines = (Path(folder) / ".nemocli" / "manifest.jsonl").read_text().splitlines()
    records = [record for line in lines if (record := json.loads(line).get("file"))]
    done = sorted(record["input"] for record in records if record["state"] == "done")
    return {str(p.relative_to(folder)): p.read_bytes() for p in paths}, done


def processes(below):
    """Return the child processes of a process, and all theirs: commands by number."""
    listed = subprocess.run(
        ["ps", "-axo", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()]
    found, pending = {}, [str(below)]
    while pending:
        parent = pending.pop()
        for pid, of, command in rows:
            if of == parent:
                found[int(pid)] = command
                pending.append(pid)
    return found


def wait_for(happened, seconds=60):
    deadline = time.monotonic() + seconds
    while not (result := happened()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return result


def run_here():
    assert nemocli("file", "in", "-o", "here", "-q").exit_code == 0


def exists(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@needs_ray
@pytest.mark.cluster
@pytest.mark.slow
def test_one_of_two_workers_is_killed_in_the_middle(sounds):
    run_here()
    command = [*NEMOCLI, "file", "in", "-o", "there", "--cluster", "local", "--workers", "2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    wait_for(lambda: len(list(Path("there").glob("*.txt"))) >= 1)
    started = processes(process.pid)
    workers = [pid for pid, command in started.items() if "ray::Worker" in command]
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    assert len(list(Path("there").glob("*.txt"))) < 30, "it was not in the middle"
    assert process.communicate(timeout=120)[0] == b""
    assert process.returncode == 0
    assert transcribed("there") == transcribed("here")
    assert len(transcribed("there")[1]) == 30
    wait_for(lambda: not any(map(exists, started)))


@needs_ray
@pytest.mark.cluster
@pytest.mark.slow
def test_stdout_has_nothing_but_results(sounds, monkeypatch):
    monkeypatch.delenv("NEMOCLI_OUTPUT_FORMAT")
    files = [f"in/{n:02}.flac" for n in range(4)]
    here = subprocess.run([*NEMOCLI, "file", *files], check=True, capture_output=True)
    command = [*NEMOCLI, "file", *files, "--cluster", "local", "--workers", "1"]
    there = subprocess.run(command, check=True, capture_output=True)
    assert there.stdout == here.stdout
    assert there.stderr == b""


@needs_ray
@pytest.mark.cluster
@pytest.mark.parametrize("times", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_ctrl_c_ends_the_files_at_work_or_at_once_and_leaves_no_process(sounds, times):
    command = [*NEMOCLI, "file", "in", "-o", "there", "--cluster", "local", "--workers", "1"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
    wait_for(lambda: list(Path("there").glob("*.txt")))
    started = processes(process.pid)
    for _ in range(times):
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does it
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert b"the same command goes on" in err
    assert b"Traceback" not in err
    wait_for(lambda: not any(map(exists, started)))
    assert nemocli("file", "in", "-o", "there", "-q").exit_code == 0
    run_here()
    assert transcribed("there") == transcribed("here")


def fails(*options):
    result = nemocli("file", "in", "-o", "out", *options)
    assert not Path("out").exists()
    return result.exit_code, result.stderr


def test_wrong_options_are_usage_errors(sounds):
    assert fails("--workers", "2")[0] == UsageError.exit_code
    for address in ("here", "ray://", "host:port", "http://host:1"):
        code, err = fails("--cluster", address)
        assert code == UsageError.exit_code
        assert "--cluster takes local, auto" in err


def test_without_ray_the_error_has_the_command_that_installs_it(sounds, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    code, err = fails("--cluster", "local")
    assert code == UnsupportedError.exit_code
    assert "pip install 'nemocli[cluster]'" in err


#: Ray's server stops while it starts, and then nothing comes of that.
FROZEN = """
import os, signal, sys
from nemocli.cluster import connection
connection.START_TIMEOUT_S = {seconds}
from ray._private.node import Node
write = Node._write_cluster_info_to_kv
def freeze_and_write(node):
    os.kill(node.all_processes["gcs_server"][0].process.pid, signal.SIGSTOP)
    print("frozen", flush=True)
    write(node)
Node._write_cluster_info_to_kv = freeze_and_write
from nemocli.__main__ import main
main()
"""


@needs_ray
@pytest.mark.cluster
@pytest.mark.parametrize("number", repeats([None, signal.SIGINT, signal.SIGTERM], 1))
def test_a_start_that_gets_stuck_is_given_up_and_leaves_nothing(sounds, number):
    code = FROZEN.format(seconds=1 if number is None else 60)
    command = [sys.executable, "-c", code, "file", "in", "-o", "there", "--cluster", "local"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "frozen\n"
    started = processes(process.pid)
    folders = set(Path("/tmp").glob("nemocli-ray-*"))
    if number is not None:
        process.send_signal(number)
    out, err = process.communicate(timeout=30)
    if number is None:
        assert process.returncode == NemocliError.exit_code
        assert "Ray did not start here within 1 seconds: try again" in err
    else:
        assert (process.returncode, "Traceback" in err) == (128 + number, False)
    assert out == "" and started
    wait_for(lambda: not any(map(exists, started)))
    mine = [folder for folder in folders if folder.exists()]
    assert len(mine) < len(folders)


#: Ray does not come back, and Python cannot go on beside it.
HELD = """
import ctypes
from nemocli.cluster import connection
connection.START_TIMEOUT_S, connection.HELD_TIMEOUT_S = 1, 3
from ray._private.node import Node
Node._write_cluster_info_to_kv = lambda node: ctypes.PyDLL(None).sleep(60)
from nemocli.__main__ import main
main()
"""


@needs_ray
@pytest.mark.cluster
def test_a_start_that_blocks_all_of_python_ends_as_well(sounds):
    before = set(Path("/tmp").glob("nemocli-ray-*"))
    command = [sys.executable, "-c", HELD, "file", "in", "-o", "there", "--cluster", "local"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stdout) == (NemocliError.exit_code, "")
    assert "nemocli: Ray did not start here within 3 seconds: try again" in done.stderr
    assert "Traceback" not in done.stderr and "Timeout" not in done.stderr
    wait_for(lambda: set(Path("/tmp").glob("nemocli-ray-*")) <= before)


@needs_ray
@pytest.mark.cluster
@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_no_cluster_at_the_address(sounds, scheme):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # and does not listen
        code, err = fails("--cluster", f"{scheme}127.0.0.1:{unused.getsockname()[1]}")
    assert code == NemocliError.exit_code
    assert "There is no Ray cluster at" in err


@needs_ray
@pytest.mark.cluster
@pytest.mark.slow
@pytest.mark.parametrize(
    ("scheme", "words"), [("", "is no Ray cluster"), ("ray://", "(ray client connection timeout)")]
)
def test_something_else_at_the_address(sounds, scheme, words):
    with socket.create_server(("127.0.0.1", 0)) as other:
        code, err = fails("--cluster", f"{scheme}127.0.0.1:{other.getsockname()[1]}")
    assert code == NemocliError.exit_code
    assert words in err


@pytest.fixture
def two_nodes(monkeypatch):
    """A cluster of two nodes with a CPU each: its port, its client's port, and the second node."""
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "of-this-test")
    folder = tempfile.mkdtemp(dir="/tmp")  # paths of sockets are short
    ports = [free_port(), free_port()]
    head = ["--head", "--port", str(ports[0]), "--ray-client-server-port", str(ports[1])]
    head += ["--include-dashboard", "false", "--temp-dir", folder]
    nodes = [start_node(*head)]
    nodes.append(start_node("--address", f"127.0.0.1:{ports[0]}"))
    yield *ports, nodes[1]
    for node in nodes:
        os.killpg(node.pid, signal.SIGKILL)
        node.wait()
    shutil.rmtree(folder)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_node(*options):
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus", "1"]
    command += ["--object-store-memory", "100000000", "--disable-usage-stats", *options]
    node = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    said = ""
    while "Ray runtime started" not in said:
        line = node.stdout.readline()
        assert line, said
        said += line
    return node


@needs_ray
@pytest.mark.cluster
@pytest.mark.slow
def test_a_node_of_a_cluster_is_lost_in_the_middle(sounds, two_nodes):
    port, client_port, second = two_nodes
    run_here()
    for n, address in enumerate((f"ray://127.0.0.1:{client_port}", f"127.0.0.1:{port}")):
        out = f"there-{n}"
        command = [*NEMOCLI, "file", "in", "-o", out, "--cluster", address]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        wait_for(lambda out=out: list(Path(out).glob("*.txt")))
        if n == 1:
            assert any("ray::Worker" in command for command in processes(second.pid).values())
            os.killpg(second.pid, signal.SIGKILL)
        assert process.communicate(timeout=120)[0] == b""
        assert process.returncode == 0
        assert transcribed(out) == transcribed("here")
