"""`nemocli live --type` in a real editor window under Xvfb, and when nothing may be typed."""

import importlib.util
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from nemocli.cli import hotkey, terminal_focus, typing_tools
from nemocli.cli.terminal_focus import FOCUS_IN, FOCUS_OUT, TerminalFocus
from nemocli.cli.typing_tools import ProgramTool, open_typing_tool
from nemocli.cli.typist import Typist
from nemocli.errors import NemocliError, UnsupportedError, UsageError
from nemocli.transcript.events import Final, Partial
from nemocli.transcript.segments import Segment
from nemocli.transcript.types import Word
from tests.typed import NEMOCLI, environment, nemocli

EDITOR = Path(__file__).with_name("editor.py")


def final(number, text):
    return Final(Segment(number, (Word(text, number, number + 0.5, 0.9),)), None)


# ------------------------------------------------------------------- with a real window, under Xvfb


@pytest.fixture(scope="module")
def display():
    """An X server of its own; or the reason why there is none."""
    for needed, where in (("_tkinter", "python3-tk"), ("pynput", "nemocli[type]")):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"needs {needed}: {where}")
    if shutil.which("Xvfb") is None:
        pytest.skip("needs Xvfb (Debian: xvfb)")
    begin = ["Xvfb", "-displayfd", "1", "-screen", "0", "800x600x24", "-nolisten", "tcp"]
    begin += ["-noreset"]  # else it begins anew, and refuses, when its last client leaves
    server = subprocess.Popen(begin, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    yield f":{server.stdout.readline().strip()}"
    server.terminate()
    server.communicate(timeout=60)


class Editor:
    """The editor's window."""

    def __init__(self, display, path):
        self.path = path
        self.environment = environment(DISPLAY=display)
        for name in ("WAYLAND_DISPLAY", "WINDOWID", "TMUX", "STY", "SSH_CONNECTION"):
            self.environment.pop(name, None)
        self.process = subprocess.Popen(
            [sys.executable, EDITOR, path], stdout=subprocess.PIPE, text=True, env=self.environment
        )
        self.window, self.other_window = self.process.stdout.readline().split()

    def wait_for(self, text, seconds=60):
        for _ in range(int(20 * seconds)):
            if self.path.read_text(encoding="utf-8") == text:
                return
            time.sleep(0.05)
        assert self.path.read_text(encoding="utf-8") == text


@pytest.fixture
def editor(display, tmp_path):
    made = Editor(display, tmp_path / "text")
    yield made
    made.process.terminate()
    made.process.communicate(timeout=60)


def test_the_editor_holds_the_text_of_file(clips, editor):
    sound = [clips[0], next(clip for clip in clips if clip.lang == "de-DE")]
    typed = ""
    for clip in sound:
        expected = nemocli("file", clip.path, "--model", "demo", "--lang", clip.lang).stdout.strip()
        command = [*NEMOCLI, "live", "--model", "demo", "--input", clip.path, "--lang", clip.lang]
        done = subprocess.run(
            [*command, "--type"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=editor.environment,
            start_new_session=True,  # as from a key of the desktop: there is no terminal
        )
        assert (done.returncode, done.stdout.strip()) == (0, expected), done.stderr
        typed += f"{expected} "
        editor.wait_for(typed)


def run_in_terminal(editor, clip, report, **variables):
    """Run it in a terminal that reports something about its focus; return what it shows."""
    process, terminal = pty.fork()
    if process == 0:
        os.environ.clear()
        os.environ.update(editor.environment | {"TERM": "xterm"} | variables)
        command = [*NEMOCLI, "live", "--model", "demo", "--input", str(clip.path), "--type"]
        os.execv(command[0], command)
    shown, is_reported = b"", False
    try:
        while data := os.read(terminal, 65536):
            shown += data
            if b"\x1b[?1004h" in shown and not is_reported:
                is_reported = True
                os.write(terminal, report.encode())
    except OSError:  # how Linux tells that the other side was closed
        pass
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0, shown
    return shown.decode()


@pytest.mark.parametrize(
    ("report", "window", "is_typed"),
    [
        (FOCUS_OUT, None, True),
        pytest.param(FOCUS_OUT + FOCUS_IN, None, False, marks=pytest.mark.slow),
        pytest.param("", None, False, marks=pytest.mark.slow),  # nothing is known
        ("", "the editor's", False),  # as if the editor were the terminal
        pytest.param("", "another", True, marks=pytest.mark.slow),
    ],
)
def test_nothing_is_typed_while_the_terminal_has_the_focus(clips, editor, report, window, is_typed):
    variables = {}
    if window is not None:
        is_own = window == "the editor's"
        variables["WINDOWID"] = editor.window if is_own else editor.other_window
    shown = run_in_terminal(editor, clips[0], report, **variables)
    assert clips[0].text in shown
    assert shown.rindex("\x1b[?1004l") > shown.rindex("\x1b[?1004h")
    if is_typed:
        editor.wait_for(f"{clips[0].text} ")
    else:
        assert "1 segment was not typed, or not to its end." in shown
        assert editor.path.read_text() == ""


#: A program that presses and releases the keys it reads from stdin. It is a process of its own,
#: because pynput's listeners would get the keys of their own process twice.
SENDER = """
import sys
from nemocli.cli.typing_tools import import_keyboard

keyboard = import_keyboard()
controller = keyboard.Controller()
for line in sys.stdin:
    action, key = line.split()
    getattr(controller, action)(getattr(keyboard.Key, key))
    print(flush=True)
"""

#: Has keys pressed, and prints what a hotkey of each mode makes of them, and whether Ctrl is held.
KEYS = """
import subprocess, sys, time
from nemocli.cli.hotkey import Hotkey
from nemocli.cli.typing_tools import open_x11

x11 = open_x11()
sender = subprocess.Popen(
    [sys.executable, "-c", sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
)

def send(action, key):
    print(action, key, file=sender.stdin, flush=True)
    sender.stdout.readline()

def wait(condition, seconds=60):
    until = time.monotonic() + seconds
    while not (result := condition()) and time.monotonic() < until:
        time.sleep(0.02)
    return result

def wait_for_change(hotkey):
    found = wait(lambda: [change for change in [hotkey.take()] if change is not None])
    return found[0] if found else None

# The listener says that it is ready a moment before the X server sends it any key.
def watch(hotkey):
    hotkey.__enter__()
    for _ in range(120):
        send("press", "f9")
        is_seen = wait(lambda: hotkey._held, 0.5)
        send("release", "f9")
        if is_seen:
            break
    wait(lambda: not hotkey._held)
    return hotkey

for mode in ("hold", "toggle"):
    with_ctrl = watch(Hotkey("<ctrl>+<f9>", mode))
    alone = with_ctrl.take()
    send("press", "ctrl")
    held = x11.has_held_modifiers
    send("press", "f9")
    first = wait_for_change(with_ctrl)
    send("release", "f9")
    if mode == "toggle":
        send("press", "f9")
    second = wait_for_change(with_ctrl)
    send("release", "f9")
    send("release", "ctrl")
    print(mode, alone, held, x11.has_held_modifiers, first, second)
    with_ctrl.close()
try:
    Hotkey("<nothing>", "hold")
except Exception as error:
    print(error)
"""


def test_a_hotkey_opens_and_closes(display):
    done = subprocess.run(
        [sys.executable, "-c", KEYS, SENDER],
        capture_output=True,
        text=True,
        env={k: v for k, v in environment(DISPLAY=display).items() if k != "WAYLAND_DISPLAY"},
    )
    assert done.stdout.splitlines() == [
        "hold None True False True False",
        "toggle None True False True False",
        "--hotkey takes keys such as <ctrl>+<alt>+d or <f9>, not '<nothing>'.",
    ], done.stderr


@pytest.mark.slow
def test_a_hotkey_begins_paused(clips, display):
    """Nobody presses it, so nothing is transcribed."""
    command = [*NEMOCLI, "live", "--model", "demo", "--input", clips[0].path, "--hotkey", "<f9>"]
    live = subprocess.Popen(
        [*command, "--format", "jsonl"],
        stdout=subprocess.PIPE,
        text=True,
        env={k: v for k, v in environment(DISPLAY=display).items() if k != "WAYLAND_DISPLAY"},
    )
    assert json.loads(live.stdout.readline())["kind"] == "paused"
    live.send_signal(signal.SIGINT)
    (*_, last) = live.communicate(timeout=60)[0].splitlines()
    assert live.returncode == 0
    assert (json.loads(last)["kind"], json.loads(last)["heard"]) == ("ended", 0.0)


def test_without_a_focused_window_nothing_is_typed_and_that_is_said(clips, display):
    env = environment(DISPLAY=display)
    env.pop("WAYLAND_DISPLAY", None)
    command = [*NEMOCLI, "live", "--model", "demo", "--input", clips[0].path, "--type"]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=env,
        start_new_session=True,
    )
    assert (done.returncode, done.stdout.strip()) == (0, clips[0].text), done.stderr
    assert "nothing is typed while no window has the focus" in done.stderr
    assert "1 segment was not typed" in done.stderr


# --------------------------------------------------------------------------------- without a window


class Focus:
    """A focus that is somewhere else, or here from a number of looks on."""

    def __init__(self, here_after=10**9):
        self._looks, self._here_after = 0, here_after

    @property
    def is_here(self):
        self._looks += 1
        return self._looks > self._here_after


def write_tool(folder, script):
    path = folder / "wtype"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_on_wayland_the_text_goes_to_the_stdin_of_a_program(tmp_path, monkeypatch):
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    write_tool(tmp_path, f'echo "$@" > {tmp_path}/args; cat >> {tmp_path}/typed')
    said = []
    typist = Typist(open_typing_tool(), Focus(), None, said.append)
    typist.take(Partial(final(0, "not this").segment, None))
    for number, text in enumerate(["--help; $(id)", "zwei\nlines\x1b[2J"]):
        typist.take(final(number, text))
    typist.finish()
    assert (tmp_path / "typed").read_text() == "--help; $(id) zwei lines [2J "
    assert (tmp_path / "args").read_text() == "-\n"
    assert (typist.untyped, typist.failure, said) == (0, None, [])


def test_of_a_call_only_what_the_microphone_gives_is_typed():
    class Tool(typing_tools.PynputTool):
        def __init__(self):
            self.typed = ""

        def type(self, text):
            self.typed += text

    tool = Tool()
    typist = Typist(tool, Focus(), None, print, only="You")
    for number, channel in enumerate(["You", "Them", "You"]):
        word = Word(f"word-{number}", number, number + 0.5, 0.9, channel=channel)
        typist.take(Final(Segment(number, (word,)), None))
    typist.finish()
    assert tool.typed == "word-0 word-2 " and typist.untyped == 0


def test_a_tool_that_fails_is_reported_once(tmp_path):
    path = write_tool(tmp_path, "echo 'Compositor does not support it' >&2; exit 1")
    said = []
    typist = Typist(ProgramTool([str(path), "-"]), Focus(), None, said.append)
    for number in range(3):
        typist.take(final(number, "word"))
    typist.finish()
    assert said == [
        f"{path} cannot type: Compositor does not support it. The transcription goes on."
    ]
    assert typist.untyped == 3 and isinstance(typist.failure, NemocliError)


def test_a_focus_that_comes_to_the_terminal_stops_it_within_a_segment(monkeypatch):
    typed = []

    class Tool(typing_tools.PynputTool):
        def __init__(self):
            pass

        def type(self, text):
            typed.append(text)

    said = []
    typist = Typist(Tool(), Focus(here_after=2), None, said.append)
    typist.take(final(0, "one two three four"))
    typist.finish()
    assert typed == ["one ", "two "] and typist.untyped == 1
    assert said[0].startswith("nothing is typed while this terminal has the focus")


def test_reports_of_the_focus_are_no_keys(monkeypatch):
    monkeypatch.setattr(terminal_focus, "_has_terminal", lambda: True)
    focus = TerminalFocus(None)
    assert focus.is_here  # a terminal that reports nothing may have it
    assert focus.take(FOCUS_OUT) and not focus.is_here
    assert focus.take(FOCUS_IN) and focus.is_here
    assert not focus.take("q")
    monkeypatch.setattr(terminal_focus, "_has_terminal", lambda: False)
    assert not TerminalFocus(None).is_here


def test_a_window_system_that_refuses_is_said(monkeypatch):
    def refuse():
        raise OSError("connection refused")

    keyboard = SimpleNamespace(Controller=refuse)
    monkeypatch.setattr(typing_tools, "import_keyboard", lambda: keyboard)
    with pytest.raises(UnsupportedError, match="--type cannot be used here: connection refused"):
        typing_tools.PynputTool()


class NoFocus:
    has_held_modifiers, has_no_focus = False, True


def test_what_no_window_takes_counts_as_not_typed():
    class Tool(typing_tools.PynputTool):
        def __init__(self):
            pass

        def type(self, text):
            raise AssertionError(text)

    said = []
    typist = Typist(Tool(), Focus(), NoFocus(), said.append)
    for number in range(2):
        typist.take(final(number, "one two"))
    typist.finish()
    assert typist.untyped == 2 and typist.failure is None
    assert said == ["nothing is typed while no window has the focus"]


def test_what_is_missing_is_said_with_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnsupportedError, match="needs the program wtype, or ydotool"):
        open_typing_tool()
    with pytest.raises(UnsupportedError, match="bind a key to 'pkill -USR1 -x nemocli'"):
        hotkey.Hotkey("<f9>", "toggle")
    with pytest.raises(UsageError, match="--hotkey-mode is toggle or hold, not 'x'"):
        hotkey.Hotkey("<f9>", "x")
    monkeypatch.delenv("WAYLAND_DISPLAY")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setitem(sys.modules, "pynput", None)
    with pytest.raises(UnsupportedError, match=r"need pynput: pip install 'nemocli\[type\]'"):
        open_typing_tool()
