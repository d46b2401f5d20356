"""What of a file's sound is transcribed: `--track`, `--channels`, `--gain`, and `doctor FILE`."""

import json

import numpy as np
import pytest
import soundfile

from tests import media
from tests.schemas import checked
from tests.typed import nemocli

RATE = 16000


def file(*arguments):
    return nemocli("file", *arguments, "--model", "demo")


def write_stereo(path, left, right):
    longest = max(len(left), len(right))
    sides = [np.pad(side, (0, longest - len(side))) for side in (left, right)]
    soundfile.write(path, np.stack(sides, axis=1), RATE)
    return path


def write_film(path, *tracks):
    return media.encode_tracks(path, tracks, RATE)


@pytest.fixture
def call(tmp_path, clips):
    """One person on each side: the second speaks after the first."""
    first, second = clips[0].samples, clips[1].samples
    later = np.concatenate([np.zeros(len(first), np.float32), second])
    return write_stereo(tmp_path / "call.wav", first, later)


def test_antiphase_is_heard(tmp_path, clips):
    samples = np.pad(clips[0].samples, RATE)
    done = file(write_stereo(tmp_path / "a.wav", samples, -samples))
    assert (done.exit_code, done.stdout) == (0, clips[0].text + "\n")
    found = json.loads(file(tmp_path / "a.wav", "-f", "json").stdout)
    assert checked(found, "document")["sound"]["channels"] == "left"


def test_a_silent_first_track_hides_nothing(tmp_path, clips):
    german = next(clip for clip in clips if clip.lang == "de-DE")
    silent = media.SoundTrack(np.zeros(3 * RATE, np.float32), "eng")
    path = write_film(tmp_path / "a.mkv", silent, media.SoundTrack(german.samples, "ger", flags=1))
    done = file(path, "--lang", "auto")
    assert (done.exit_code, done.stdout) == (0, german.text + "\n")
    assert done.stderr == (
        f"nemocli: {path}: track 2 (de) of 2 sound tracks is transcribed; --track chooses"
        " another.\n"
    )
    assert file(path, "--quiet").stderr == ""
    found = checked(json.loads(file(path, "-f", "json").stdout), "document")
    assert found["sound"] == {
        "track": 2,
        "tracks": 2,
        "track_language": "de",
        "channels": "mix",
        "gain": None,
    }


def test_a_track_of_the_language_is_taken(tmp_path, clips):
    english, german = clips[0], next(clip for clip in clips if clip.lang == "de-DE")
    path = write_film(
        tmp_path / "a.mkv",
        media.SoundTrack(english.samples, "eng", flags=1),
        media.SoundTrack(german.samples, "ger"),
    )
    assert file(path).stdout == english.text + "\n"
    for options in (["--lang", "de"], ["--track", "2"], ["--track", "ger"]):
        assert file(path, *options).stdout == german.text + "\n"
    done = file(path, "--track", "fr")
    assert done.exit_code == 1 and "no sound track fr" in done.stderr
    listed = nemocli("doctor", path)
    assert listed.exit_code == 0
    assert [line.split(",")[0] for line in listed.stdout.splitlines()] == [
        "track 1: en",
        "track 2: de",
    ]
    dry = file(path, "--dry-run")
    assert dry.stdout.count("\n") == 1
    assert "(track 1: en, aac, 16000 Hz, 1 channel" in dry.stdout and "track 2: de" in dry.stdout


def test_doctor_of_what_is_no_sound(tmp_path):
    (tmp_path / "a.txt").write_text("no sound at all")
    soundfile.write(tmp_path / "a.wav", np.zeros(1600), RATE)
    done = nemocli("doctor", tmp_path / "a.txt", tmp_path / "a.wav")
    assert done.exit_code == 1 and "is not a sound file" in done.stderr
    assert done.stdout.startswith(f"{tmp_path / 'a.wav'}: track 1: ")
    assert nemocli("doctor", tmp_path / "a.wav", "--json").exit_code == 2


def test_each_channel_by_itself(call, clips):
    done = file(call, "--channels", "separate")
    assert done.stdout == f"left: {clips[0].text}\nright: {clips[1].text}\n"
    found = checked(
        json.loads(file(call, "--channels", "separate", "-f", "json").stdout), "document"
    )
    assert [segment["channel"] for segment in found["segments"]] == ["left", "right"]
    assert found["sound"]["channels"] == "separate"
    for channels, clip in (("left", clips[0]), ("2", clips[1])):
        assert file(call, "--channels", channels).stdout == clip.text + "\n"
    turns = file(call, "--channels", "separate", "-f", "rttm").stdout.splitlines()
    assert [line.split()[7] for line in turns] == ["left", "right"]
    done = file(call, "--channels", "3")
    assert done.exit_code == 1 and "has 2 channels" in done.stderr


def test_other_channels_are_other_settings(call, tmp_path):
    out = tmp_path / "out"
    arguments = (call, "--output-dir", out, "--output-format", "txt,srt,vtt,tsv")

    def verdict(*options):
        done = file(*arguments, *options, "--dry-run")
        assert done.exit_code == 0
        return done.stdout.split()[0]

    assert file(*arguments, "--channels", "separate").exit_code == 0
    assert verdict("--channels", "separate") == "done"
    assert verdict() == verdict("--channels", "left") == "other"
    assert verdict("--channels", "separate", "--gain", "6") == "other"
    assert verdict("--channels", "separate", "--track", "1") == "other"
    assert (out / "call.txt").read_text().startswith("left: ")
    assert "\nright: " in (out / "call.srt").read_text()
    assert "<v right>" in (out / "call.vtt").read_text()
    assert (out / "call.tsv").read_text().splitlines()[1].endswith("\tleft")
    assert file(*arguments).exit_code == 0
    assert "left" not in (out / "call.txt").read_text()


def test_very_quiet_speech_is_amplified(tmp_path, clips):
    """40 dB below the clip, with the steps of 16 bits."""
    soundfile.write(tmp_path / "a.wav", clips[0].samples / 100, RATE, subtype="PCM_16")
    assert file(tmp_path / "a.wav").stdout != clips[0].text + "\n"
    for gain in ("auto", "40"):
        done = file(tmp_path / "a.wav", "--gain", gain, "-f", "json")
        found = checked(json.loads(done.stdout), "document")
        assert found["text"] == clips[0].text
        assert found["sound"]["gain"] == pytest.approx(40, abs=6)


@pytest.mark.parametrize("options", [["-f", "rttm"], ["-o", "out", "--output-format", "txt,rttm"]])
def test_a_format_of_turns_needs_speakers(clips, options):
    done = file(clips[0].path, *options)
    assert done.exit_code == 2 and "rttm only says who speaks when" in done.stderr


@pytest.mark.parametrize(
    "options", [["--track", "0"], ["--channels", "both"], ["--gain", "loud"], ["--gain", "500"]]
)
def test_what_no_option_means(clips, options):
    done = file(clips[0].path, *options)
    assert done.exit_code == 2 and options[0] in done.stderr


def test_the_report_has_what_was_asked_for(call, tmp_path):
    report = tmp_path / "report.json"
    assert file(call, "--channels", "right", "--gain", "-3", "--report", report).exit_code == 0
    settings = checked(json.loads(report.read_text()), "report")["settings"]
    assert settings["sound"] == {"track": None, "channels": 2, "gain": -3.0}
