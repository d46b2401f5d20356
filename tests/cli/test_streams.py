"""Results and messages when stdout and stderr are closed, full, or of another encoding."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.typed import nemocli

CLIP = Path(__file__).parents[2] / "assets" / "clips" / "fr-FR-1.flac"
FILE = f"file --model demo -q {CLIP}"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")


def shell(command, **environment):
    """Run a shell's command line in which NEMOCLI stands for the command."""
    line = command.replace("NEMOCLI", f"{shlex.quote(sys.executable)} -m nemocli")
    return subprocess.run(
        ["sh", "-c", line],
        capture_output=True,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.fixture(scope="module")
def text():
    return nemocli(*shlex.split(FILE)).stdout


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
def test_results_are_utf8_whatever_the_locale(text, environment):
    assert not text.isascii()
    done = shell(f"NEMOCLI {FILE}", **environment)
    assert (done.returncode, done.stdout.decode("utf-8")) == (0, text)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [FILE, "--version", "file --help", "models path demo"])
def test_a_full_disk_behind_stdout_is_one_sentence(arguments):
    done = shell(f"NEMOCLI {arguments} > /dev/full")
    assert done.returncode == 1
    assert done.stderr == (
        b"nemocli: The results cannot be written to stdout: No space left on device.\n"
    )


def test_a_closed_stdout_is_one_sentence():
    done = shell("NEMOCLI --version >&-")
    assert done.returncode == 1
    assert done.stderr.startswith(b"nemocli: There is no stdout") and done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("closed", ["2>&-", "2>/dev/full"])
def test_a_stderr_that_cannot_be_written_changes_nothing(closed, text):
    done = shell(f"NEMOCLI {FILE.replace('-q', '')} /nowhere.wav {closed}")
    assert done.returncode == 1  # of /nowhere.wav
    assert text.strip() in done.stdout.decode("utf-8")


def test_a_reader_that_goes_away_ends_it_quietly():
    assert shell(f"NEMOCLI {FILE} | true").stderr == b""


def test_a_file_name_that_is_no_utf8(tmp_path, text):
    name = os.fsencode(tmp_path) + b"/caf\xe9.flac"
    try:
        shutil.copy(CLIP, name)
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    done = shell(f"NEMOCLI file --model demo -q {tmp_path}/caf*.flac -f json")
    assert done.returncode == 0
    assert json.loads(done.stdout.decode("utf-8", "surrogateescape"))["text"] == text.strip()
    missing = shell(f"NEMOCLI file --model demo -q {tmp_path}/caf*.flac /nowhere.wav")
    assert name + b":\n" in missing.stdout


def test_a_current_folder_that_is_gone(tmp_path):
    gone = tmp_path / "gone"
    done = shell(f"mkdir {gone} && cd {gone} && rmdir {gone} && NEMOCLI convert demo -q -o out")
    assert done.returncode == 1
    assert done.stderr == (
        b"nemocli: The model folder out cannot be written: No such file or directory.\n"
    )


def test_a_defect_of_nemocli_is_one_sentence_and_a_traceback_on_demand():
    script = (
        "import nemocli.models.listing as l, nemocli.__main__ as m, sys\n"
        "def broken(): raise LookupError('x1')\n"
        "l.list_models = broken; sys.argv = ['nemocli', 'models', 'list']; m.main()"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "LookupError: x1" in done.stderr and done.stderr.count("\n") == 1
    environment = {**os.environ, "NEMOCLI_DEBUG": "1"}
    shown = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert "Traceback" in shown.stderr
