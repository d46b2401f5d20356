"""`nemocli file` as it is typed: its output on stdout and stderr."""

import json
import os
import re
import subprocess

import numpy as np
import pytest
import soundfile

from tests.repeats import repeats
from tests.terminal import Terminal
from tests.typed import NEMOCLI, nemocli


@pytest.mark.parametrize(
    ("lookahead", "runtime"),
    repeats([(n, runtime) for runtime in ("onnx", "numpy") for n in (0, 13, 3, 6)], 2),
)
def test_bundled_clips_are_transcribed_exactly(clips, runtime, lookahead):
    for lang in sorted({clip.lang for clip in clips}):
        spoken = [clip for clip in clips if clip.lang == lang]
        done = nemocli(
            "file", *[c.path for c in spoken], "--model", "demo", "--lang", lang,
            "--lookahead", lookahead, "--runtime", runtime, "--format", "json",
        )  # fmt: skip
        texts = [json.loads(line)["text"] for line in done.stdout.splitlines()]
        assert texts == [clip.text for clip in spoken]


def test_the_language_is_found_by_itself(clips):
    done = nemocli("file", *[c.path for c in clips], "--model", "demo", "--format", "json")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [f["language"] for f in found] == [clip.lang for clip in clips]
    assert [f["text"] for f in found] == [clip.text for clip in clips]
    assert {f["requested_language"] for f in found} == {"auto"}


def test_txt_is_the_text_and_nothing_else(clips):
    done = nemocli("file", clips[0].path, "--model", "demo", "--lang", clips[0].lang)
    assert (done.exit_code, done.stdout, done.stderr) == (0, clips[0].text + "\n", "")


def test_several_files_in_txt_can_be_told_apart(clips):
    done = nemocli("file", clips[0].path, clips[1].path, "--model", "demo", "--lang", clips[0].lang)
    blocks = done.stdout.split("\n\n")
    assert blocks[0] == f"{clips[0].path}:\n{clips[0].text}"
    assert blocks[1].startswith(f"{clips[1].path}:\n")


def test_json_says_what_was_done(clips):
    clip = clips[0]
    done = nemocli(
        "file", clip.path, "--model", "demo", "--lang", clip.lang.replace("-", "_").lower(),
        "--format", "json", "--runtime", "numpy", "--lookahead", 6,
    )  # fmt: skip
    document = json.loads(done.stdout)
    assert document["version"] == 2
    assert document["model"] == "demo"
    assert document["runtime"] == "numpy"
    assert document["lookahead"] == 6
    assert document["requested_language"] == clip.lang == document["language"]
    assert document["text"] == clip.text
    assert document["duration"] == pytest.approx(len(clip.samples) / 16000, abs=1e-3)
    words = [word for segment in document["segments"] for word in segment["words"]]
    assert all(0 <= w["start"] <= w["end"] <= document["duration"] + 0.08 for w in words)
    assert all(0 < w["confidence"] <= 1 for w in words)
    token = document["tokens"][0]
    assert set(token) == {"id", "piece", "frame", "time", "confidence"}
    assert token["time"] == pytest.approx(0.08 * token["frame"])
    assert f"<{clip.lang}>" in [t["piece"] for t in document["tokens"]]
    assert "<" not in document["text"]


@pytest.mark.parametrize(("output_format", "mark"), [("srt", ","), ("vtt", ".")])
def test_subtitles(clips, output_format, mark):
    clip = clips[0]
    done = nemocli(
        "file", clip.path, "--model", "demo", "--lang", clip.lang, "--format", output_format
    )
    times = re.findall(
        rf"(\d\d:\d\d:\d\d\{mark}\d\d\d) --> (\d\d:\d\d:\d\d\{mark}\d\d\d)", done.stdout
    )
    assert times and all(start < end for start, end in times)
    assert clip.text.split()[0] in done.stdout


def test_a_bad_file_is_reported_and_the_others_go_on(clips, tmp_path):
    bad = tmp_path / "note.txt"
    bad.write_text("not a sound")
    done = nemocli("file", bad, clips[0].path, "--model", "demo", "--lang", clips[0].lang)
    assert done.exit_code == 1
    assert clips[0].text in done.stdout
    assert str(bad) not in done.stdout
    first, last = done.stderr.splitlines()
    assert str(bad) in first
    assert last == f"nemocli: 1 of 2 files failed: {bad}"


def test_nothing_said_is_an_empty_result(tmp_path):
    path = tmp_path / "empty.wav"
    soundfile.write(path, np.zeros(0, np.float32), 16000)
    done = nemocli("file", path, "--model", "demo")
    assert (done.exit_code, done.stdout) == (0, "")
    assert json.loads(nemocli("file", path, "--model", "demo", "-f", "json").stdout)["text"] == ""
    assert nemocli("file", path, "--model", "demo", "-f", "vtt").stdout == "WEBVTT\n\n"


def test_another_region_is_said(clips):
    done = nemocli("file", clips[0].path, "--model", "demo", "--lang", "en_DE")
    assert "en_DE" in done.stderr and "en-US" in done.stderr
    assert nemocli("file", clips[0].path, "--model", "demo", "--lang", "EN_us").stderr == ""
    assert nemocli("file", clips[0].path, "-q", "--model", "demo", "--lang", "en_DE").stderr == ""


def test_options_come_from_the_environment_too(clips, monkeypatch):
    monkeypatch.setenv("NEMOCLI_MODEL", "demo")
    monkeypatch.setenv("NEMOCLI_LANG", clips[0].lang)
    monkeypatch.setenv("NEMOCLI_FORMAT", "json")
    document = json.loads(nemocli("file", clips[0].path).stdout)
    assert document["requested_language"] == clips[0].lang
    assert nemocli("file", clips[0].path, "--format", "txt").stdout == clips[0].text + "\n"


@pytest.mark.parametrize("width", repeats([20, 80], 1))
def test_the_growing_transcript_is_drawn_on_a_terminal_and_leaves_no_trace(clips, width):
    """stderr is a real terminal, stdout a pipe."""
    clip = clips[0]
    command = [*NEMOCLI, "file", clip.path, "--model", "demo", "--lang", clip.lang]
    environment = os.environ | {"TERM": "xterm", "COLUMNS": str(width), "LINES": "24"}
    with Terminal(width) as terminal:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=terminal.theirs, env=environment
        )
    assert (done.returncode, done.stdout.decode()) == (0, clip.text + "\n")
    drawn = terminal.shown
    assert b"0:02 / 0:02" in drawn  # the sound that is done, in the line below the text
    assert drawn.rstrip().endswith(b"\x1b[2K") or b"\x1b[2K" in drawn.splitlines()[-1]
