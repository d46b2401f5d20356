"""A really full disk, and one that fails: written files stay whole, and the fault is reported."""

import errno
import json
import os
import shutil
from types import SimpleNamespace

import pytest
import soundfile

from nemocli.bench.report import write_text
from nemocli.errors import NemocliError
from nemocli.transcript.formats import FORMATS
from nemocli.transcript.growing_file import GrowingFile
from nemocli.transcript.segments import Segment
from nemocli.transcript.types import Word
from tests.faults.program import before_first_call, files, run, run_here, sentence
from tests.repeats import repeats
from tests.typed import nemocli
from tests.words import ABOUT


def fill(disk):
    """Leave no room on the disk."""
    with open(disk / "filler", "wb", buffering=0) as filler:
        try:
            while filler.write(bytes(4096)):
                pass
        except OSError as error:
            assert error.errno == errno.ENOSPC


def long_segments(count):
    words = [Word(f"word{n}." + "x" * 900, n, n + 0.9, 0.5) for n in range(count)]
    return [Segment(n, (word,)) for n, word in enumerate(words)]


def document(name, segments):
    writer = FORMATS[name](ABOUT)
    body = writer.write_head() + "".join(writer.add(segment) for segment in segments)
    return body + writer.write_tail("en-US", float(len(segments)))


@pytest.mark.parametrize("name", ["json", "srt"])
def test_a_growing_file_waits_for_room(disk, name):
    path = disk / f"out.{name}"
    segments = long_segments(20)
    with GrowingFile(path, FORMATS[name](ABOUT), force=False) as growing:
        for segment in segments[:3]:
            growing.add(segment, "en-US", segment.id + 1.0)
        fill(disk)
        whole = 3
        for segment in segments[3:-1]:
            try:
                growing.add(segment, "en-US", segment.id + 1.0)
                whole = segment.id + 1
            except NemocliError as error:
                assert "No space left" in str(error)
            assert path.read_text() == document(name, segments[:whole])
        assert whole < 19
        os.unlink(disk / "filler")
        growing.add(segments[-1], "en-US", 20.0)
    assert path.read_text() == document(name, segments)
    assert files(disk) == [path.name]


def test_a_growing_file_that_cannot_begin_leaves_nothing(disk):
    fill(disk)
    with pytest.raises(NemocliError, match="No space left"):
        GrowingFile(disk / "out.json", FORMATS["json"](ABOUT), force=False)
    assert files(disk) == ["filler"]


@pytest.mark.parametrize("name", repeats(["a.wav", "a.flac"], 1))
@pytest.mark.parametrize("is_full", [True, False])
def test_a_recording_ends_and_the_transcription_goes_on(clip, spoken, disk, name, is_full):
    if is_full:
        fill(disk)
    command = ["live", "--model", "demo", "--input", "-", "--save-audio", disk / name, "--quiet"]
    done, out, err = run_here(*command, data=2 * spoken)
    if name == "a.flac" and not is_full:  # it is packed, and fits
        assert (done, err) == (0, "")
    else:
        reason = f"{disk / name} ended early: No space left on device."
        said = [f"nemocli: {reason} The transcription goes on.", f"nemocli: {reason}"]
        assert (done, err.splitlines()) == (1, said)
    assert out == 2 * (clip.text + "\n")
    if not is_full:
        kept, _ = soundfile.read(disk / name, dtype="int16")
        assert len(kept) > 16000 and (2 * spoken).startswith(kept.tobytes())


def test_reports(clip, disk):
    fill(disk)
    done = nemocli("file", clip.path, "--model", "demo", "-q", "--report", disk / "r.json")
    assert (done.exit_code, done.stdout) == (1, clip.text + "\n")
    assert "r.json cannot be written: No space left" in sentence(done.stderr)
    with pytest.raises(NemocliError, match=r"b\.json cannot be written: No space left"):
        write_text(disk / "b.json", "{}\n")
    assert files(disk) == ["filler"]


def test_a_conversion(disk, monkeypatch):
    """The disk fills up during the conversion; before, it had enough room."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**9))
    done, out, err = run_here("convert", "demo", "-q", "-o", disk / "model")
    assert (done, out, files(disk)) == (1, "", [])
    assert sentence(err).endswith("model cannot be written: No space left on device.")


def test_a_download_keeps_what_has_come(hub, disk):
    code = "import nemocli.models.pull as pull\npull._check_space = lambda *_: None"
    command = ["models", "pull", "someone/demo", "-q"]
    done, out, err = run(*command, code=code, env=hub[1] | {"HF_HOME": disk})
    assert (done, out) == (1, "")
    assert "No space left on device; what has come is kept" in sentence(err)
    (partial,) = disk.rglob("*.incomplete")
    assert partial.stat().st_size > 0


def test_sound_from_stdin_that_finds_no_room(clip, disk):
    with (clip.path.parent / "all-languages.flac").open("rb") as sound:
        done, _, err = run("file", "-", "--model", "demo", stdin=sound, env={"TMPDIR": disk})
    assert (done, files(disk)) == (1, [])
    assert sentence(err).endswith("No space left on device; set TMPDIR to a folder with more room.")


@pytest.mark.parametrize("number", repeats([errno.EIO, errno.EROFS], 1))
@pytest.mark.parametrize(("place", "name"), [("_write", "a.txt"), ("_swap", "a.json")])
def test_a_disk_that_fails_once_loses_no_final(spoken, clip, tmp_path, number, place, name):
    def fail():
        raise OSError(number, os.strerror(number))

    path = tmp_path / name
    command = ["live", "--model", "demo", "--input", "-", "-o", path, "-q"]
    with before_first_call(f"nemocli.transcript.growing_file:GrowingFile.{place}", fail):
        done, out, err = run_here(*command, data=2 * spoken)
    assert (done, out) == (0, 2 * (clip.text + "\n"))
    reason = f"{path} cannot be written: {os.strerror(number)}."
    assert err == f"nemocli: {reason} The transcription goes on.\n"
    written = path.read_text()
    if name == "a.json":
        written = "".join(segment["text"] + "\n" for segment in json.loads(written)["segments"])
    assert written == out
    assert files(tmp_path) == [name]


def test_a_sound_file_that_cannot_be_read_on(clip, tmp_path, monkeypatch):
    """EIO in the middle of a file, as libsndfile reports it: what was read is transcribed."""
    bad, good = tmp_path / "bad.wav", clip.path
    soundfile.write(bad, clip.samples.repeat(10), 16000)
    read = soundfile.SoundFile.read

    def fail(self, *arguments, **options):
        if self.frames == 10 * len(clip.samples) and self.tell():
            raise soundfile.LibsndfileError(2)  # a system error
        return read(self, *arguments, **options)

    monkeypatch.setattr(soundfile.SoundFile, "read", fail)
    done = nemocli("file", bad, good, "--model", "demo", "-q")
    assert (done.exit_code, done.stdout) == (0, f"{bad}:\n\n{good}:\n{clip.text}\n\n")
    assert f"{bad}: The file is cut short: its sound ends at 1.0 s" in done.stderr


def test_a_file_that_is_all_eio():
    """On Linux the program's own memory is such a file."""
    if not os.path.exists("/proc/self/mem"):
        pytest.skip("needs /proc")
    done = nemocli("file", "/proc/self/mem", "--model", "demo", "-q")
    assert done.exit_code == 1
    assert "cannot be read (Input/output error)" in sentence(done.stderr)
