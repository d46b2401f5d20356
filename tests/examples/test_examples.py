"""The programs in examples, run as a person runs them."""

import gc
import importlib.util
import json
import queue
import re
import runpy
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from types import SimpleNamespace

import av
import numpy as np
import pytest
import soundfile

import nemocli
from scripts.make_docs import ROOT
from tests.typed import environment

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def command(name, *arguments):
    path = ROOT / "examples" / name
    return [sys.executable, str(path), *map(str, arguments), "--model", "demo", "--lang", "en"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_it_is_short_and_uses_what_is_public(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") < 60
    assert "from nemocli" not in text
    assert set(re.findall(r"\bnemocli\.(\w+)", text)) <= set(nemocli.__all__)


def wait_for(condition, process):
    """Whether it came true before the program ended, or a minute had passed."""
    for _ in range(600):
        if condition():
            return True
        if process.poll() is not None:
            return False
        time.sleep(0.1)
    return False


def test_the_folder_watcher_transcribes_what_comes(tmp_path, clips):
    (tmp_path / "broken.wav").write_bytes(b"not sound")
    arguments = command("watch_folder.py", tmp_path, "--seconds", "0.1")
    process = subprocess.Popen(arguments, env=environment(), stdout=subprocess.PIPE, text=True)
    with process:
        try:
            first = process.stdout.readline()
            assert first.startswith(f"{tmp_path / 'broken.wav'} is not a sound file")
            shutil.copy(clips[0].path, tmp_path / "talk.flac")
            written = tmp_path / "talk.flac.txt"
            assert wait_for(written.exists, process)
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
        finally:
            process.kill()
        assert process.stdout.read() == f"{tmp_path / 'talk.flac'}\n"
    assert written.read_text(encoding="utf-8") == f"{clips[0].text}\n"
    assert {path.name for path in tmp_path.iterdir()} == {"broken.wav", "talk.flac", written.name}


def has_libass():
    if shutil.which("ffmpeg") is None:
        return False
    filters = ["ffmpeg", "-hide_banner", "-filters"]
    return " subtitles " in subprocess.run(filters, capture_output=True, text=True).stdout


@pytest.mark.skipif(not has_libass(), reason="needs ffmpeg with libass")
def test_the_burner_writes_the_words_into_the_picture(tmp_path, clips):
    silence = np.zeros(3 * 16000, np.float32)
    soundfile.write(tmp_path / "a.wav", np.concatenate([silence, clips[0].samples]), 16000)
    film, burned = tmp_path / "it's a [film].mkv", tmp_path / "burned.mkv"
    sources = ["-f", "lavfi", "-i", "color=blue:size=320x180:rate=10", "-i", tmp_path / "a.wav"]
    make = ["ffmpeg", "-nostdin", "-loglevel", "error", *sources, "-shortest", film]
    subprocess.run(make, check=True)
    subprocess.run(command("burn_subtitles.py", film, burned), env=environment(), check=True)
    with av.open(str(burned)) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
        bright = {
            frame.time: int((frame.to_ndarray(format="gray")[90:] > 150).sum())
            for frame in container.decode(video=0)
        }
    assert not any(count for time, count in bright.items() if time < 3)
    assert sum(count > 50 for time, count in bright.items() if time > 3.8) >= 10


def load_example(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Microphone:
    """Stands in for sounddevice.InputStream: gives some sound, and then calls `at_end`."""

    def __init__(self, samples, at_end):
        self._blocks = iter(samples[: len(samples) // 1600 * 1600].reshape(-1, 1600, 1))
        self._at_end = at_end

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def read(self, frames):
        assert frames == 1600
        block = next(self._blocks, None)
        return (self._at_end() if block is None else block), False


@pytest.fixture
def sound(clips):
    """A clip in five languages, and a pause."""
    samples, _ = soundfile.read(clips[0].path.with_name("all-languages.flac"), dtype="float32")
    return np.concatenate([samples, np.zeros(2 * 16000, np.float32)])


@pytest.fixture
def said(clips):
    """The last two lines of what the clip says, as the window breaks them."""
    listed = json.loads(clips[0].path.with_name("clips.json").read_text(encoding="utf-8"))
    (text,) = (clip["text"] for clip in listed if clip["lang"] == "auto")
    return textwrap.wrap(text, 48)[-2:]


def test_captions_grow_and_scroll(sound, said, monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", SimpleNamespace())
    if importlib.util.find_spec("_tkinter") is None:
        monkeypatch.setitem(sys.modules, "tkinter", SimpleNamespace())
    example = load_example("caption_window")

    def end():
        raise EOFError

    captions = queue.SimpleQueue()
    session = nemocli.load("demo").session(keep_transcript=False)
    with pytest.raises(EOFError):
        example.transcribe(session, Microphone(sound, end), captions)
    shown = [captions.get() for _ in range(captions.qsize())]
    assert shown[-1] == said
    assert all(len(lines) <= 2 and max(map(len, lines), default=0) <= 48 for lines in shown)
    firsts = [lines[0] for lines in shown if len(lines) == 2]
    assert len(set(firsts)) == 3


@pytest.fixture
def display(monkeypatch):
    """A screen in memory."""
    if shutil.which("Xvfb") is None or importlib.util.find_spec("_tkinter") is None:
        pytest.skip("needs Xvfb, and a Python with tkinter (Debian: xvfb, python3-tk)")
    begin = ["Xvfb", "-displayfd", "1", "-screen", "0", "1280x400x24", "-nolisten", "tcp"]
    with subprocess.Popen(begin, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        monkeypatch.setenv("DISPLAY", f":{int(server.stdout.readline())}")
        yield
        server.terminate()


def test_the_window_shows_them(sound, said, display, monkeypatch):
    import tkinter

    wanted, shown = "\n".join(said), []
    end = threading.Event()

    def open_stream(rate, channels, dtype):
        assert (rate, channels, dtype) == (16000, 1, "float32")
        return Microphone(sound, end.wait)  # nobody speaks any more

    def mainloop(window):
        (label,) = window.winfo_children()
        for _ in range(6000):
            window.update()
            shown.append(label.cget("text"))
            if shown[-1] == wanted:
                break
            time.sleep(0.01)
        assert label.winfo_ismapped() and label.winfo_width() > 400
        window.destroy()

    monkeypatch.setitem(sys.modules, "sounddevice", SimpleNamespace(InputStream=open_stream))
    monkeypatch.setattr(tkinter.Tk, "mainloop", mainloop)
    monkeypatch.setattr(sys, "argv", ["caption_window.py", "--model", "demo"])
    runpy.run_path(str(ROOT / "examples" / "caption_window.py"), run_name="__main__")
    # Tcl aborts the process if the window is freed in another thread than the one that made it.
    gc.collect()
    assert shown[-1] == wanted


def test_what_cannot_be_done_is_said_in_a_sentence(tmp_path, clips):
    silence, there = tmp_path / "silence.wav", tmp_path / "there.mp4"
    soundfile.write(silence, np.zeros(16000), 16000)
    there.touch()
    missing, new = tmp_path / "missing", tmp_path / "new.mp4"
    for arguments, reason in [
        (command("watch_folder.py", missing), str(missing)),
        (command("burn_subtitles.py", clips[0].path, there), "exists"),
        (command("burn_subtitles.py", silence, new), "has no words"),
        ([*command("burn_subtitles.py", clips[0].path, new), "--model", str(missing)], "no model"),
    ]:
        done = subprocess.run(arguments, env=environment(), capture_output=True, text=True)
        assert done.returncode == 1 and reason in done.stderr
        assert done.stderr.count("\n") == 1, done.stderr
    assert not new.exists()
