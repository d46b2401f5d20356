"""`nemocli live` in a real terminal multiplexer: what the user sees, and what keys do."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

from tests.repeats import repeats

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")


class Tmux:
    """One terminal, on a server of its own."""

    def __init__(self, folder, width, height):
        self._tmux = ["tmux", "-S", str(folder / "tmux"), "-f", "/dev/null"]
        self.run("new-session", "-d", "-s", "t", "-x", str(width), "-y", str(height), "sh")

    def run(self, *arguments):
        done = subprocess.run(
            [*self._tmux, *arguments], capture_output=True, text=True, check=True, timeout=60
        )
        return done.stdout

    def type(self, *keys):
        self.run("send-keys", "-t", "t", *keys)

    def history(self):
        """Everything from the first line ever."""
        return [
            line for line in self.run("capture-pane", "-pt", "t", "-S", "-").splitlines() if line
        ]

    def shown(self):
        return [line for line in self.run("capture-pane", "-pt", "t").splitlines() if line]

    def wait_for(self, words, seconds=60):
        for _ in range(int(10 * seconds)):
            if any(words in line for line in self.shown()):
                return self.shown()
            time.sleep(0.1)
        raise AssertionError(f"{words!r} was never shown: {self.shown()}")


def test_words_appear_keys_work_and_ctrl_c_ends_it(clips, tmp_path):
    pause = np.zeros(32000, np.float32)
    sound = np.concatenate([clips[0].samples, pause, clips[1].samples, pause, pause, pause])
    soundfile.write(tmp_path / "a.wav", sound, 16000)
    terminal = Tmux(tmp_path, 80, 24)
    try:
        terminal.type("PS1='$ '; clear", "Enter")
        command = f"{sys.executable} -m nemocli live --model demo --input {tmp_path}/a.wav"
        terminal.type(f"{command} --output {tmp_path}/out.txt", "Enter")
        shown = terminal.wait_for(clips[0].text)
        assert "320 ms  space pause" in terminal.wait_for("lag 0")[-1]
        terminal.type("Space")
        terminal.wait_for("paused  0:00:0")
        terminal.type("C-z")
        terminal.wait_for("Stopped")
        terminal.type("fg", "Enter")
        terminal.type("Space")
        terminal.wait_for(clips[1].text)
        terminal.run("resize-window", "-t", "t", "-x", "30", "-y", "24")
        terminal.type("l")
        terminal.type("ja", "Enter")
        terminal.wait_for("ja-JP")
        terminal.type("C-c")
        shown = terminal.wait_for("s heard; lag")
        joined = "".join(shown)
        assert "^C" not in joined
        assert joined.count(clips[1].text) == 1
        assert (tmp_path / "out.txt").read_text().splitlines() == [clips[0].text, clips[1].text]
        terminal.type("echo still $((1 + 1))", "Enter")  # the terminal is as it was
        terminal.wait_for("still 2")
    finally:
        terminal.run("kill-server")


def test_a_closed_terminal_ends_it_normally(clips, tmp_path):
    sound = np.concatenate([clips[0].samples, np.zeros(24000, np.float32), clips[1].samples])
    soundfile.write(tmp_path / "a.wav", np.tile(sound, 4), 16000)
    output, saved = tmp_path / "out.json", tmp_path / "saved.wav"
    terminal = Tmux(tmp_path, 80, 24)
    command = f"exec {sys.executable} -m nemocli live --model demo --input {tmp_path}/a.wav"
    terminal.type(f"{command} --output {output} --save-audio {saved}", "Enter")
    try:
        terminal.wait_for(clips[0].text)
        terminal.wait_for("It is")
    finally:
        terminal.run("kill-server")
    for _ in range(600):
        if not list(tmp_path.glob("*.part")):  # the file's other copy, while it is written
            break
        time.sleep(0.1)
    document = json.loads(output.read_text())
    assert document["duration"] == soundfile.info(saved).duration  # all of what was heard
    assert " ".join(s["text"] for s in document["segments"]).startswith(f"{clips[0].text} It is")


def test_a_terminal_that_shrinks_and_grows_and_a_program_that_is_quit(clips, tmp_path):
    """No line is left of what was only for a while, not even in the scrollback."""
    pause = np.zeros(16000, np.float32)
    parts = [part for clip in clips[:3] for part in (clip.samples, pause)]
    soundfile.write(tmp_path / "a.wav", np.concatenate([*parts, *[pause] * 30]), 16000)
    terminal = Tmux(tmp_path, 80, 24)
    try:
        # tmux brings back only as many lines as were scrolled away, so some have to be.
        terminal.type("PS1='$ '; export COLUMNS=200 LINES=9; seq 40", "Enter")
        command = f"{sys.executable} -m nemocli live --model demo --input {tmp_path}/a.wav"
        terminal.type(f"{command}; stty -a | grep -c ' icanon'", "Enter")
        terminal.wait_for("It is M")
        sizes = (40, 2), (20, 2), (10, 2), (200, 50), (10, 3), (80, 24)
        for width, height in sizes:
            terminal.run("resize-window", "-t", "t", "-x", str(width), "-y", str(height))
            time.sleep(0.8)
        terminal.wait_for(clips[2].text)
        running = find_child(int(terminal.run("display", "-pt", "t", "#{pane_pid}")))
        for _ in range(3):
            os.kill(running, signal.SIGCONT)  # although it was not stopped
            time.sleep(0.2)
        terminal.type("l")
        terminal.type("english", "C-u", "xx deutsh", "Left", "c", "C-a", "Right", "Right")
        terminal.type("C-w", "BSpace", "End", "Enter")
        terminal.wait_for("language: de-DE")
        shown = [line for line in terminal.history() if line != "language: de-DE"]
        *finals, status = shown[-4:]
        assert finals == [clip.text for clip in clips[:3]]
        assert status.endswith("space pause · l language · q end")
        assert [line for line in shown if line.startswith("0:00:")] == [status]
        assert not [line for line in shown[:-4] if any(text.startswith(line) for text in finals)]
        assert terminal.run("display", "-pt", "t", "#{cursor_flag}").strip() == "0"
        terminal.type("C-\\")
        terminal.wait_for("Quit")
        shown = terminal.wait_for("1")
        assert "pause" not in "".join(shown)
        assert terminal.run("display", "-pt", "t", "#{cursor_flag}").strip() == "1"
    finally:
        terminal.run("kill-server")


@pytest.mark.parametrize("start", repeats(["{}", "sh -c '{}; true'"], 1))
def test_ctrl_z_without_a_shell_that_knows_jobs(clips, tmp_path, start):
    """Nothing could continue the program, so that it goes on, and keys have their effect."""
    pause = np.zeros(16000, np.float32)
    soundfile.write(tmp_path / "a.wav", np.concatenate([clips[0].samples, *[pause] * 60]), 16000)
    command = f"{sys.executable} -m nemocli live --model demo --input {tmp_path}/a.wav"
    terminal = Tmux(tmp_path, 80, 24)
    try:
        terminal.type(f"exec {start.format(command)}", "Enter")
        terminal.wait_for(clips[0].text)
        terminal.type("C-z")
        time.sleep(0.5)
        terminal.type("Space")
        terminal.wait_for("paused  0:00:0")
        running = int(terminal.run("display", "-pt", "t", "#{pane_pid}"))
        if start.startswith("sh"):
            running = find_child(running)
        os.kill(running, signal.SIGSTOP)
        time.sleep(1)
        os.kill(running, signal.SIGCONT)
        terminal.type("Space", "l", "ja", "Enter")
        terminal.wait_for("ja-JP")
        shown = terminal.history()
        assert sum(line.endswith("q end") for line in shown) == 1
    finally:
        terminal.run("kill-server")


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_a_job_that_is_brought_from_the_background(clips, tmp_path):
    """bash sends no signal then; until then, the terminal and its cursor are the shell's."""
    pause = np.zeros(16000, np.float32)
    soundfile.write(tmp_path / "a.wav", np.concatenate([clips[0].samples, *[pause] * 60]), 16000)
    output = tmp_path / "out.txt"
    terminal = Tmux(tmp_path, 80, 24)
    try:
        terminal.type("exec bash --norc", "Enter")
        terminal.type("PS1='$ '; clear", "Enter")
        command = f"{sys.executable} -m nemocli live --model demo --input {tmp_path}/a.wav"
        terminal.type(f"{command} -o {output} &", "Enter")
        for _ in range(600):
            if output.exists() and output.read_text():
                break
            time.sleep(0.1)
        assert clips[0].text not in terminal.shown()
        assert terminal.run("display", "-pt", "t", "#{cursor_flag}").strip() == "1"
        for _ in range(2):
            terminal.type("fg", "Enter")
            terminal.wait_for("space pause")
            terminal.type("l", "german")
            terminal.wait_for("language: german_")
            terminal.type("Enter")
            terminal.wait_for("language: de-DE")
            terminal.type("C-z")
            terminal.wait_for("Stopped")
            terminal.type("bg", "Enter")
            terminal.wait_for("a.wav -o")
            terminal.type("clear", "Enter")
            time.sleep(0.3)
            assert terminal.run("display", "-pt", "t", "#{cursor_flag}").strip() == "1"
        terminal.type("fg", "Enter")
        terminal.wait_for("space pause")
        terminal.type("p", "thirty", "Enter")
        terminal.wait_for("phrase: thirty")
        terminal.type("p")
        terminal.wait_for("phrase: _")
        terminal.run("set-buffer", "alpha\nq\nbeta\n")  # pasted lines are no keys
        terminal.run("paste-buffer", "-p", "-t", "t")
        terminal.wait_for("phrase: beta")
        terminal.type("q")
        terminal.wait_for("s heard; lag")
        terminal.type("echo modes $(stty -a | grep -c 'icanon.* echo ')", "Enter")
        terminal.wait_for("modes 1")
    finally:
        terminal.run("kill-server")


def find_child(parent):
    listed = subprocess.run(
        ["pgrep", "-P", str(parent)], capture_output=True, text=True, check=True
    )
    return int(listed.stdout.split()[0])
