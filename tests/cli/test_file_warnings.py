"""`nemocli file` and sound that is damaged, incomplete, or has no words: said, never silent."""

import json

import numpy as np
import pytest
import soundfile

from tests.media import encode
from tests.schemas import checked
from tests.typed import nemocli


def spoken(clip):
    """A clip's samples, float32 [n], 16 kHz mono."""
    return soundfile.read(clip.path, dtype="float32")[0]


@pytest.fixture(scope="module")
def files(clips, tmp_path_factory):
    """By name: files that are damaged, and the sentence that is in them."""
    folder = tmp_path_factory.mktemp("warned")
    speech = spoken(clips[0])
    mp3 = encode(folder / "whole.mp3", "libmp3lame", speech, 16000).read_bytes()
    (folder / "page.mp3").write_bytes(mp3 + b"<html>404 Not Found</html>\n" * 99)
    wav = folder / "size0.wav"
    soundfile.write(wav, speech, 16000)
    content = bytearray(wav.read_bytes())
    content[4:8] = bytes(4)
    content[40:44] = bytes(4)
    wav.write_bytes(content)
    long = np.concatenate([speech, np.zeros(16000, np.float32), speech])
    encode(
        folder / "hole.mka", "pcm_s16le", long, 16000,
        drop=lambda seconds: len(speech) / 16000 < seconds < len(speech) / 16000 + 0.7,
    )  # fmt: skip
    return folder


def run(*arguments):
    return nemocli("file", *arguments, "--model", "demo", "--lang", "en-US")


@pytest.mark.parametrize(
    ("name", "kind", "times"),
    [("page.mp3", "damage", 1), ("size0.wav", "length", 1), ("hole.mka", "gap", 2)],
)
def test_what_is_wrong_is_said_and_the_rest_is_transcribed(clips, files, name, kind, times):
    sentence = run(files / "whole.mp3").stdout.strip() if name == "page.mp3" else clips[0].text
    done = run(files / name, "-f", "json")
    assert done.exit_code == 0
    document = checked(json.loads(done.stdout), "document")
    assert document["text"] == " ".join([sentence] * times)
    assert [warning["kind"] for warning in document["warnings"]] == [kind]
    assert done.stderr == f"nemocli: {files / name}: {document['warnings'][0]['message']}\n"
    starts = [segment["start"] for segment in document["segments"]]
    length = len(spoken(clips[0])) / 16000 + 1
    assert starts[-1] - starts[0] == pytest.approx((times - 1) * length, abs=0.09)


def test_no_words_are_never_silent(clips, tmp_path):
    noise = np.random.default_rng(0).normal(0, 1, 32000)
    sounds = {
        "digital silence": np.zeros(32000),
        "very quiet, at most -46 dBFS": noise / np.abs(noise).max() * 10 ** (-46 / 20),
        "peak is -6 dBFS": np.sin(np.arange(32000) / 16000 * 2 * np.pi * 60) * 10 ** (-6 / 20),
        "no sound at all": np.zeros(0),
    }
    for said, samples in sounds.items():
        soundfile.write(tmp_path / "a.wav", samples, 16000, subtype="FLOAT")
        done = run(tmp_path / "a.wav")
        assert (done.exit_code, done.stdout) == (0, ""), said
        assert done.stderr.startswith(f"nemocli: {tmp_path / 'a.wav'}: ") and said in done.stderr
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("peak", "is_quiet"), [(-20, False), (-33, False), (-44, True)])
def test_very_quiet_speech_is_said_although_there_are_words(clips, tmp_path, peak, is_quiet):
    speech = np.concatenate([spoken(clip) for clip in clips[:3]])
    quiet = speech / np.abs(speech).max() * 10 ** (peak / 20)
    soundfile.write(tmp_path / "a.wav", quiet, 16000, subtype="FLOAT")
    done = run(tmp_path / "a.wav", "-f", "json")
    document = json.loads(done.stdout)
    assert done.exit_code == 0 and document["text"]
    assert [warning["kind"] for warning in document["warnings"]] == ["level"] * is_quiet
    said = f"very quiet, at most {peak} dBFS" in done.stderr and "--gain auto" in done.stderr
    assert said is is_quiet
    assert not run(tmp_path / "a.wav", "--gain", "auto").stderr


def test_strict_makes_them_fail(files, tmp_path):
    done = run(files / "size0.wav", "--strict", "-f", "json")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "size0.wav" in done.stderr and "not allowed by --strict" in done.stderr
    whole = run(files / "whole.mp3", "--strict")
    assert (whole.exit_code, whole.stderr) == (0, "")


def test_the_summary_and_the_report_count_them(files, tmp_path):
    out, report = tmp_path / "out", tmp_path / "report.json"
    names = [files / name for name in ("whole.mp3", "page.mp3", "size0.wav")]
    done = run(*names, "-o", out, "--output-format", "json,txt", "--report", report)
    assert done.exit_code == 0
    assert "3 files transcribed, 2 with warnings" in done.stderr
    told = checked(json.loads(report.read_text()), "report")
    assert told["totals"]["with_warnings"] == 2
    kinds = [[warning["kind"] for warning in file["warnings"]] for file in told["files"]]
    assert kinds == [[], ["damage"], ["length"]]
    document = json.loads((out / "page.json").read_text())
    assert document["warnings"] == told["files"][1]["warnings"]
    # What was done before is not enough for --strict.
    again = run(*names, "-o", out, "--output-format", "json,txt", "--report", report, "--strict")
    assert again.exit_code == 1
    states = [file["state"] for file in json.loads(report.read_text())["files"]]
    assert states == ["skipped", "failed", "failed"]
    third = run(*names, "-o", out, "--output-format", "json,txt")
    assert third.exit_code == 0
