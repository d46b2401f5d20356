"""Terminals of one column, of changing size, and without the letters of the text."""

import itertools
import signal
import time

import pytest

from tests.faults.program import run, start
from tests.repeats import repeats
from tests.terminal import Terminal


def on(terminal, *arguments, **env):
    """The program with both of its outputs on a terminal."""
    env = {"TERM": "xterm-256color", "COLUMNS": "", "LINES": ""} | env
    streams = {"stdout": terminal.theirs, "stderr": terminal.theirs}
    forget = "import os\nos.environ.pop('COLUMNS'); os.environ.pop('LINES')"
    return start(*arguments, code=forget, env=env, **streams)


@pytest.mark.parametrize(
    "command",
    repeats(
        [
            "file {clip} --model demo",
            "live --model demo --input {clip}",
            "convert demo -o {here}/model --lookahead 3",
            pytest.param("bench {clip} --model demo --repeat 1", marks=pytest.mark.slow),
            "models pull someone/demo",
        ],
        2,
    ),
)
def test_one_column(clip, hub, tmp_path, command):
    command = command.format(clip=clip.path, here=tmp_path)
    with Terminal(1, 1) as terminal, on(terminal, *command.split(), **hub[1]) as running:
        assert running.wait(60) == 0
    assert b"Traceback" not in terminal.shown and b"unexpected" not in terminal.shown
    shown = terminal.shown.decode().replace("\r\n", "")
    if "--model" in command and "bench" not in command:
        assert clip.text.replace(" ", "") in shown.replace(" ", "")


@pytest.mark.parametrize("command", ["live --input", "file"])
def test_a_terminal_that_is_resized_all_the_time(clip, command):
    sizes = itertools.cycle([(1, 1), (200, 50), (2, 60), (40, 2)])
    with (
        Terminal(80, 24) as terminal,
        on(terminal, *command.split(), clip.path, "--model", "demo") as running,
    ):
        while running.poll() is None:
            terminal.resize(*next(sizes))
            running.send_signal(signal.SIGWINCH)
            time.sleep(0.005)
        assert running.returncode == 0
    assert b"Traceback" not in terminal.shown
    assert clip.text.split()[-1] in terminal.shown.decode()


def test_a_terminal_without_the_letters(clips, tmp_path):
    """Letters that the terminal lacks are question marks on it, and correct in the file."""
    clip = next(clip for clip in clips if clip.lang == "ja-JP")
    env = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": ""}
    command = ["live", "--model", "demo", "--input", clip.path, "-o", tmp_path / "a.txt"]
    with Terminal(80, 24) as terminal, on(terminal, *command, **env) as running:
        assert running.wait(60) == 0
    assert terminal.shown.isascii() and b"?????" in terminal.shown
    assert b"Traceback" not in terminal.shown
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == clip.text + "\n"


@pytest.mark.parametrize("command", repeats(["live --input", "file"], 1))
def test_no_variable_puts_a_screen_into_a_pipe(clip, command):
    env = {"FORCE_COLOR": "1", "TTY_COMPATIBLE": "1", "TERM": "xterm-256color", "COLUMNS": "10"}
    done, out, err = run(*command.split(), clip.path, "--model", "demo", env=env)
    assert (done, out) == (0, f"{clip.text}\n")
    assert "\x1b" not in err
