"""What `nemocli live` may not destroy, and what happens to its own files while it runs."""

import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from nemocli.audio.recorded_sound import OneSource
from nemocli.audio.recorder import Recorder
from nemocli.audio.source import LiveSource
from nemocli.errors import UsageError
from nemocli.file_lock import FileLock
from nemocli.transcript.formats import FORMATS
from nemocli.transcript.growing_file import GrowingFile
from nemocli.transcript.segments import Segment
from nemocli.transcript.speakers import Speaker
from nemocli.transcript.types import Word
from tests import typed
from tests.faults import program
from tests.sounds import pcm, speech_like
from tests.words import ABOUT


def refused(*arguments, **options):
    """The sentence of a command that is refused before anything is opened."""
    done = typed.nemocli("live", "--model", "demo", *arguments, **options)
    assert (done.exit_code, done.stdout) == (2, "")
    return done.stderr


@pytest.fixture
def sound(tmp_path):
    path = tmp_path / "talk.wav"
    soundfile.write(path, speech_like(0.5), 16000)
    return path


@pytest.mark.parametrize("force", [[], ["--force"]])
@pytest.mark.parametrize("link", [os.symlink, os.link, shutil.copyfile])
def test_an_output_that_is_the_input_by_whatever_name_is_refused(tmp_path, sound, link, force):
    before = sound.read_bytes()
    for option, name in (("--save-audio", "a.flac"), ("--output", "a.txt")):
        other = tmp_path / name
        link(sound, other)
        if link is shutil.copyfile:
            other.unlink()
            name = sound.name if option == "--save-audio" else "talk.txt"
            other = tmp_path / "." / name
            if option == "--output":
                continue
        err = refused("--input", sound, option, other, *force)
        expected = "are the same file" if force else "add --force"
        assert expected in err and "choose another name" in err
        assert sound.read_bytes() == before


def test_outputs_that_would_be_one_file_are_refused(tmp_path, sound):
    (tmp_path / "out.txt").symlink_to("a.flac")  # which is not there yet
    arguments = ["--input", sound, "--output", tmp_path / "out.txt"]
    assert "--save-audio and --output are the same" in refused(
        *arguments, "--save-audio", tmp_path / "a.flac"
    )
    assert not (tmp_path / "a.flac").exists()


@pytest.mark.parametrize("stream", ["stdin", "stdout", "stderr"])
def test_an_output_that_is_a_stream_is_refused(tmp_path, sound, stream):
    out = tmp_path / "out.txt"
    shutil.copyfile(sound, out)
    before = out.read_bytes()
    command = [*typed.NEMOCLI, "live", "--input", "-", "--output", out, "--force"]
    with out.open("r+b") as file:
        streams = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
        }
        done = subprocess.run(command, timeout=60, check=False, **streams | {stream: file})
    assert done.returncode == 2
    if stream != "stderr":
        assert f"--output and {stream} are the same file".encode() in done.stderr
        assert out.read_bytes() == before


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_a_device_or_a_pipe_is_refused(tmp_path, sound, force):
    os.mkfifo(tmp_path / "pipe.flac")
    (tmp_path / "null.wav").symlink_to("/dev/null")
    (tmp_path / "null.txt").symlink_to("/dev/null")
    for option, name in (
        ("save-audio", "pipe.flac"),
        ("save-audio", "null.wav"),
        ("output", "null.txt"),
    ):
        assert "is not a file" in refused("--input", sound, f"--{option}", tmp_path / name, *force)


HOLDER = """
import sys
from pathlib import Path
from nemocli.file_lock import FileLock
with FileLock(Path(sys.argv[1])):
    print(flush=True)
    sys.stdin.read()
"""


def test_a_file_that_another_writes_is_refused_until_that_ends(tmp_path, sound):
    out, other = tmp_path / "out.txt", tmp_path / "other.txt"
    out.write_text("theirs\n")
    other.symlink_to(out)
    holder = [sys.executable, "-c", HOLDER, str(out)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(holder, env=typed.environment(), **pipes) as running:
        running.stdout.readline()
        for name in (out, other):
            said = refused("--input", sound, "--output", name, "--force")
            assert "is being written by another nemocli" in said
        running.kill()
    assert out.read_text() == "theirs\n"
    with FileLock(other):  # what a killed process left stops nobody
        assert (tmp_path / ".out.txt.lock").exists()
    assert not (tmp_path / ".out.txt.lock").exists()


def test_a_lock_is_had_once(tmp_path):
    with FileLock(tmp_path / "a.txt"), pytest.raises(UsageError):
        FileLock(tmp_path / "a.txt")
    with FileLock(tmp_path / "a.txt"):
        pass


# -------------------------------------------------------------------- what others do to the outputs


def segments(count):
    return [
        Segment(n, (Word(f"word{n}.", n, n + 0.9, 0.5, speaker=Speaker(n % 2)),))
        for n in range(count)
    ]


def whole(name, count):
    writer = FORMATS[name](ABOUT)
    body = writer.write_head() + "".join(writer.add(segment) for segment in segments(count))
    return body + writer.write_tail("en-US", float(count))


def replace(path):
    path.with_name("new").write_text("theirs\n")
    os.replace(path.with_name("new"), path)


CHANGES = {
    "truncated": lambda path: path.write_text(""),
    "overwritten": lambda path: path.write_text("theirs\n"),
    "appended to": lambda path: path.open("a").write("theirs\n"),
    "replaced": replace,
    "a link": lambda path: (path.unlink(), path.symlink_to("elsewhere.txt")),
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("change", CHANGES)
def test_what_somebody_else_did_to_the_file_is_left_alone(tmp_path, name, change):
    path, told = tmp_path / f"out.{name}", []
    (tmp_path / "elsewhere.txt").write_text("precious\n")
    (tmp_path / f"out.2.{name}").write_text("older\n")
    with GrowingFile(path, FORMATS[name](ABOUT), force=True, notify=told.append) as growing:
        for n, segment in enumerate(segments(5), 1):
            if n == 3:
                CHANGES[change](path)
                theirs = path.read_bytes()
            growing.add(segment, "en-US", float(n))
        assert path.read_bytes() == theirs
        assert growing.path == tmp_path / f"out.3.{name}"
        assert growing.path.read_text() == whole(name, 5)
    assert len(told) == 1 and "changed by another program" in told[0] and "out.3." in told[0]
    assert (tmp_path / f"out.2.{name}").read_text() == "older\n"
    assert (tmp_path / "elsewhere.txt").read_text() == "precious\n"
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("name", FORMATS)
def test_what_changes_nothing_in_the_file_is_no_change(tmp_path, name):
    path, told = tmp_path / f"out.{name}", []
    with GrowingFile(path, FORMATS[name](ABOUT), force=True, notify=told.append) as growing:
        for n, segment in enumerate(segments(4), 1):
            if n == 2:
                os.utime(path, (0, 0))
            if n == 3:  # as an editor saves it, or a backup brings it back
                path.with_name("new").write_bytes(path.read_bytes())
                os.replace(path.with_name("new"), path)
            growing.add(segment, "en-US", float(n))
        assert path.read_text() == whole(name, 4)
    assert told == []


@pytest.mark.parametrize("name", FORMATS)
def test_who_writes_into_the_hidden_copy_spoils_nothing(tmp_path, name):
    path = tmp_path / f"out.{name}"
    with GrowingFile(path, FORMATS[name](ABOUT), force=True) as growing:
        for n, segment in enumerate(segments(4), 1):
            for copy in tmp_path.glob(".*.part"):
                copy.write_text("theirs")
            growing.add(segment, "en-US", float(n))
            assert path.read_text() == whole(name, n)


@pytest.mark.parametrize("name", ["txt", "tsv", "jsonl"])
def test_tail_f_sees_each_segment_once(tmp_path, name):
    path = tmp_path / f"out.{name}"
    with GrowingFile(path, FORMATS[name](ABOUT), force=True) as growing:
        seen = path.open()
        follower = subprocess.Popen(["tail", "-n", "+1", "-F", str(path)], stdout=subprocess.PIPE)
        lines = whole(name, 4).splitlines(keepends=True)
        heads = lines[: len(lines) - 4]
        assert [follower.stdout.readline().decode() for _ in heads] == heads
        for n, segment in enumerate(segments(4)):
            growing.add(segment, "en-US", float(n))
            assert follower.stdout.readline().decode() == lines[len(heads) + n]
        assert os.path.samestat(os.fstat(seen.fileno()), path.stat())
        follower.kill()
        assert follower.communicate()[0] == b""


# ----------------------------------------------------------------------------------- the recording


class Given(LiveSource):
    """Sound that a test gives, at 16 kHz."""

    def __init__(self):
        super().__init__("given", 16000, 1, None)

    def to_frames(self, data):
        return data[:, None]


@pytest.mark.parametrize("extension", ["flac", "wav"])
@pytest.mark.parametrize("change", ["removed", "replaced", "truncated", None])
def test_a_recording_that_somebody_touches(tmp_path, extension, change):
    path, source, told = tmp_path / f"a.{extension}", Given(), []
    sound = (np.round(speech_like(6.0) * 32768) / 32768).astype(np.float32)
    recorder = Recorder(path, OneSource(source), False, told.append)
    for second in range(6):  # as the recorder's thread does, a flush at a time
        if second == 3:
            if change == "removed":
                path.unlink()
            elif change == "replaced":
                replace(path)
            elif change == "truncated":
                path.write_bytes(b"")
        recorder._flush([sound[16000 * second :][:16000, None]])
    recorder._end()
    place, expected = path, sound
    if change in ("replaced", "truncated"):
        assert path.read_bytes() == (b"theirs\n" if change == "replaced" else b"")
        place = tmp_path / f"a.2.{extension}"
        expected = sound if change == "replaced" else sound[48000:]
    assert np.array_equal(soundfile.read(place, dtype="float32")[0], expected)
    assert len(told) == (change is not None)
    assert (recorder.failure is not None) == (change == "truncated")


def test_a_recording_leaves_other_names_of_what_it_replaces_alone(tmp_path):
    (tmp_path / "old.wav").write_bytes(b"precious")
    os.link(tmp_path / "old.wav", tmp_path / "a.wav")
    with Recorder(tmp_path / "a.wav", OneSource(Given()), True, print):
        pass
    assert (tmp_path / "old.wav").read_bytes() == b"precious"


@pytest.mark.parametrize("extension", ["flac", "wav"])
def test_a_recording_of_a_killed_run_is_whole_to_its_last_second(clips, tmp_path, extension):
    saved = tmp_path / f"a.{extension}"
    sound = np.concatenate([clip.samples for clip in clips[:3]])
    arguments = ["--input", "-", "-f", "jsonl", "--save-audio", saved]
    with program.start(
        "live", "--model", "demo", *arguments, text=True, stdin=subprocess.PIPE
    ) as running:
        running.stdin.buffer.write(pcm(sound))
        running.stdin.flush()
        for line in running.stdout:
            heard = json.loads(line).get("heard", 0)
            if heard > 5:
                break
        running.send_signal(signal.SIGKILL)
        running.stdin.close()
    read = soundfile.read(saved, dtype="float32")[0]
    assert len(read) / 16000 >= heard - 1.5
    assert np.array_equal(pcm(read), pcm(sound[: len(read)]))
    if shutil.which("ffprobe"):
        probe = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0"]
        told = subprocess.run([*probe, saved], capture_output=True, text=True, check=True)
        assert float(told.stdout) == pytest.approx(len(read) / 16000, abs=0.01)
