"""Files and folders that go away, shrink or grow while they are in use."""

import json
import os
import shutil

import numpy as np
import pytest
import soundfile

from nemocli.errors import NemocliError
from nemocli.transcript.formats import FORMATS
from nemocli.transcript.growing_file import GrowingFile
from nemocli.transcript.segments import Segment
from nemocli.transcript.speakers import Speaker
from nemocli.transcript.types import Word
from tests.faults.program import (
    before_first_call,
    files,
    in_place_of,
    remove_at_once,
    run,
    run_here,
    sentence,
)
from tests.words import ABOUT

#: Where a file is at work: its first samples are with the engine.
AT_WORK = "nemocli.batch.many:advance"


def segments(count):
    return [
        Segment(n, (Word(f"word{n}.", n, n + 0.9, 0.5, speaker=Speaker(n % 2)),))
        for n in range(count)
    ]


def whole(name, count):
    writer = FORMATS[name](ABOUT)
    body = writer.write_head() + "".join(writer.add(segment) for segment in segments(count))
    return body + writer.write_tail("en-US", float(count))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("gone", ["file", "spare", "both"])
def test_a_growing_file_of_which_something_is_removed(tmp_path, name, gone):
    """It is written whole again; a message says so if the file itself was removed."""
    path = tmp_path / f"out.{name}"
    first, second, third = segments(3)
    told = []
    with GrowingFile(path, FORMATS[name](ABOUT), force=False, notify=told.append) as growing:
        growing.add(first, "en-US", 1.0)
        for beside in list(tmp_path.iterdir()):
            if gone == "both" or (beside == path) == (gone == "file"):
                beside.unlink()
        growing.add(second, "en-US", 2.0)
        growing.add(third, "en-US", 3.0)
        assert path.read_text() == whole(name, 3)
    assert files(tmp_path) == [path.name]
    again = f"{path} was removed by another program: it is written again, whole."
    assert told == ([] if gone == "spare" else [again])


def test_a_growing_file_whose_disk_comes_back(tmp_path):
    folder, away = tmp_path / "disk", tmp_path / "away"
    folder.mkdir()
    path = folder / "out.json"
    first, second, third = segments(3)
    with GrowingFile(path, FORMATS["json"](ABOUT), force=False) as growing:
        growing.add(first, "en-US", 1.0)
        folder.rename(away)
        with pytest.raises(NemocliError, match="No such file"):
            growing.add(second, "en-US", 2.0)
        away.rename(folder)
        growing.add(third, "en-US", 3.0)
    assert path.read_text() == whole("json", 3)
    assert files(folder) == [path.name]


def test_live_whose_output_folder_is_removed_goes_on(clip, spoken, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    command = ["live", "--model", "demo", "--input", "-", "-o", out / "a.txt"]
    command += ["--save-audio", out / "a.flac"]
    with before_first_call("nemocli.live.stream:LiveStream._close", lambda: remove_at_once(out)):
        done, said, err = run_here(*command, data=3 * spoken)
    assert (done, said) == (1, 3 * f"{clip.text}\n")
    told = [line for line in err.splitlines() if "The transcription goes on." in line]
    (text,) = [line for line in told if "a.txt cannot be written: No such file or dir" in line]
    (sound,) = [line for line in told if line != text]
    assert "a.flac was removed, and cannot be written again: No such file or dir" in sound
    assert err.splitlines()[-1] == text.removesuffix(" The transcription goes on.")
    assert "Traceback" not in err and not out.exists()


def test_file_whose_output_folder_is_removed(clip, tmp_path):
    out = tmp_path / "out"
    command = ["file", clip.path, "--model", "demo", "-o", out]
    with before_first_call(AT_WORK, lambda: remove_at_once(out)):
        done, said, err = run_here(*command)
    assert (done, said) == (1, "")
    assert "manifest.jsonl cannot be written: No such file or directory" in err
    assert "Traceback" not in err and files(tmp_path) == []
    assert run_here(*command, "-q") == (0, "", "")  # the same command does it
    assert (out / f"{clip.path.stem}.txt").read_text() == clip.text + "\n"


def grow(path):
    with path.open("ab") as file:
        file.write(bytes(40000))


#: What another program does to a sound file.
CHANGES = {"unlink": os.unlink, "truncate": lambda path: os.truncate(path, 20000), "grow": grow}


@pytest.mark.parametrize("change", CHANGES)
def test_a_sound_file_that_changes_while_it_is_transcribed(clip, spoken, tmp_path, change):
    sound, out = tmp_path / "a.wav", tmp_path / "out"
    soundfile.write(sound, np.frombuffer(spoken, "<i2"), 16000)
    command = ["file", sound, clip.path, "--model", "demo", "-o", out]
    with before_first_call(AT_WORK, lambda: CHANGES[change](sound)):
        done, _, err = run_here(*command)
    assert done == 1
    told = [line for line in err.splitlines() if line.startswith(f"nemocli: {sound} ")]
    words = {"unlink": "vanished while it", "truncate": "changed while it", "grow": "changed while"}
    assert len(told) == 1
    assert words[change] in told[0] or (change == "truncate" and "is good up to" in told[0])
    assert [path.name for path in out.rglob("*.txt")] == [f"{clip.path.stem}.txt"]


@pytest.mark.parametrize("change", CHANGES)
def test_live_from_a_file_that_changes(clip, spoken, tmp_path, change):
    sound = tmp_path / "a.wav"
    soundfile.write(sound, np.frombuffer(spoken, "<i2"), 16000)
    place = "nemocli.live.stream:LiveStream.receive"
    with before_first_call(place, lambda: CHANGES[change](sound)):
        done, said, err = run_here("live", "--model", "demo", "--input", sound, "-q")
    if change == "truncate":
        assert (done, "is cut short" in sentence(err)) == (0, True)
    else:
        assert (done, said, err) == (0, clip.text + "\n", "")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    out = tmp_path_factory.mktemp("removed") / "model"
    command = ["convert", "demo", "--to", "onnx", "--lookahead", "3", "-o", out, "--no-verify"]
    assert run_here(*command)[0] == 0
    return out


@pytest.mark.parametrize("command", ["file", "live"])
def test_a_model_that_is_removed_is_still_loaded(clip, spoken, model, tmp_path, command):
    copy = tmp_path / "model"
    shutil.copytree(model, copy)
    place = AT_WORK if command == "file" else "nemocli.live.stream:LiveStream.receive"
    sound = [clip.path] if command == "file" else ["--input", "-"]
    data = None if command == "file" else spoken
    with before_first_call(place, lambda: shutil.rmtree(copy)):
        done = run_here(command, *sound, "--model", copy, "-q", data=data)
    assert done == (0, clip.text + "\n", "")
    assert not copy.exists()


def test_a_model_that_is_removed_while_it_loads(clip, model, tmp_path):
    copy = tmp_path / "model"
    shutil.copytree(model, copy)
    place = "nemocli.runtimes.onnx.runtime:OnnxRuntime._load"
    with before_first_call(place, lambda: shutil.rmtree(copy)):
        done, said, err = run_here("file", clip.path, "--model", copy)
    assert (done, said) == (3, "")
    assert "convert the model again" in sentence(err).lower()


@pytest.mark.slow  # seconds of processor time
def test_bench_without_its_sound_any_more(clip, tmp_path):
    sound = tmp_path / "a.flac"
    sound.write_bytes(clip.path.read_bytes())
    code = in_place_of("nemocli.bench.speed:run_in_subprocess", f"os.unlink({str(sound)!r})")
    command = [
        "bench",
        sound,
        "--model",
        "demo",
        "--repeat",
        1,
        "-q",
        "--json",
        tmp_path / "a.json",
    ]
    done, said, err = run(*command, code=code)
    assert (done, said, files(tmp_path)) == (1, "", [])
    assert f"{sound} does not exist" in sentence(err)


def test_a_report_of_a_run_whose_folder_is_gone(clip, tmp_path):
    folder = tmp_path / "reports"
    folder.mkdir()
    command = ["file", clip.path, "--model", "demo", "--report", folder / "r.json", "-f", "json"]
    with before_first_call(AT_WORK, lambda: shutil.rmtree(folder)):
        done, said, err = run_here(*command)
    assert (done, json.loads(said)["segments"][0]["text"]) == (1, clip.text)
    assert "r.json cannot be written: No such file or directory." in sentence(err)
