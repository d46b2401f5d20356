"""A function in a process of its own: its result, its exceptions, and how the process ends."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from nemocli.bench import subprocess_run
from nemocli.bench.subprocess_run import SubprocessError, run_in_subprocess
from nemocli.errors import ModelError


def double(number):
    print("what a library prints is no result")
    return 2 * number, os.getpid()


def fail():
    raise ModelError("The model is damaged.")


class StubbornError(Exception):
    def __reduce__(self):
        raise TypeError("cannot be sent")


def fail_stubbornly():
    raise StubbornError("deep inside")


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def hang(path):
    with open(path, "w") as file:
        file.write(str(os.getpid()))
    signal.pause()


def test_the_result_comes_from_another_process(capfd):
    result, pid = run_in_subprocess(double, 21)
    assert result == 42 and pid != os.getpid()
    assert "no result" in capfd.readouterr().err


def litter():
    return tempfile.mkdtemp()


def test_its_temporary_files_go_with_it():
    assert not os.path.exists(run_in_subprocess(litter))


def test_what_the_function_raises():
    with pytest.raises(ModelError, match="damaged"):
        run_in_subprocess(fail)
    with pytest.raises(SubprocessError, match="StubbornError: deep inside"):
        run_in_subprocess(fail_stubbornly)


def test_native_code_that_crashes():
    with pytest.raises(SubprocessError, match="ended the process"):
        run_in_subprocess(die)


def test_native_code_that_hangs_is_ended(monkeypatch, tmp_path):
    monkeypatch.setattr(subprocess_run, "RUN_TIMEOUT_S", 3.0)
    with pytest.raises(SubprocessError, match="not done after"):
        run_in_subprocess(hang, tmp_path / "pid")
    assert not runs(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_it_ends_with_its_parent(tmp_path, number):
    script = (
        f"import sys; sys.path[:] = {sys.path!r}\n"
        "from nemocli.bench.subprocess_run import run_in_subprocess\n"
        "from tests.bench.test_subprocess_run import hang\n"
        f"run_in_subprocess(hang, {str(tmp_path / 'pid')!r})"
    )
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = os.environ | {"TMPDIR": str(temporary)}
    command = [sys.executable, "-c", script]
    waiting = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment)
    pid = until(lambda: (tmp_path / "pid").is_file() and (tmp_path / "pid").read_text())
    waiting.send_signal(number)
    waiting.wait(timeout=60)
    until(lambda: not runs(int(pid)))
    until(lambda: not list(temporary.iterdir()))


def until(condition):
    for _ in range(600):  # a minute
        if value := condition():
            return value
        time.sleep(0.1)
    raise AssertionError("it never came")


def runs(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")  # of a process that nobody waited for: Z
    return not (status.is_file() and ") Z " in status.read_text())
