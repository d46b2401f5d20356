"""`--align` as it is typed: cues nearer to the sound, and documents that say so."""

import json

import numpy as np
import pytest
import srt
import webvtt

from nemocli.models.paths import find_demo_folder
from tests.schemas import checked
from tests.typed import nemocli

CLIPS = find_demo_folder().parent / "clips"
CLIP = CLIPS / "all-languages.flac"
WORDS = json.loads((CLIPS / "word-times.json").read_text(encoding="utf-8"))[CLIP.name]


def write(folder, *options):
    """Transcribe the clip into files in a folder."""
    command = ("file", CLIP, "--model", "demo", "-o", folder, "--output-format", "all", *options)
    done = nemocli(*command)
    assert done.exit_code == 0, done.stderr
    return done


def measure(cues):
    """Return how late starts and ends of cues (start, end, text) are, on average, in seconds."""
    words, late = iter(WORDS), []
    for start, end, text in cues:
        said = []
        while "".join(word for word, _, _ in said) != "".join(text.split()):
            said.append(next(words))
        late.append((start - said[0][1], end - said[-1][2]))
    assert next(words, None) is None
    return np.abs(late).mean(0)


def read_srt(folder):
    cues = srt.parse((folder / "all-languages.srt").read_text(encoding="utf-8"))
    return [(c.start.total_seconds(), c.end.total_seconds(), c.content) for c in cues]


def read_vtt(folder):
    cues = webvtt.read(str(folder / "all-languages.vtt"))
    return [(*map(to_seconds, (c.start, c.end)), c.text) for c in cues]


def to_seconds(timestamp):
    hours, minutes, seconds = timestamp.split(":")
    return 60 * (60 * int(hours) + int(minutes)) + float(seconds)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Documents without --align."""
    folder = tmp_path_factory.mktemp("plain")
    write(folder)
    return folder


def test_cues_are_nearer_to_the_sound(folder, tmp_path):
    write(tmp_path, "--align", "auto")
    for read in (read_srt, read_vtt):
        starts, ends = measure(read(folder))
        assert starts > 0.25 and ends > 0.15
        starts, ends = measure(read(tmp_path))
        assert starts < 0.02 and ends < 0.03
        assert [text for _, _, text in read(tmp_path)] == [text for _, _, text in read(folder)]
    before, after = (
        json.loads((where / "all-languages.json").read_text(encoding="utf-8"))
        for where in (folder, tmp_path)
    )
    assert "times" not in json.dumps(before) and "model_start" not in json.dumps(before)
    assert (after["times"], after["token_delay"]) == ("aligned", 0.2)
    assert after["tokens"] == before["tokens"]
    for old, new in zip(before["segments"], after["segments"], strict=True):
        assert new["times"] == "aligned"
        for was, word in zip(old["words"], new["words"], strict=True):
            assert (word["model_start"], word["model_end"]) == (was["start"], was["end"])
    checked(after, "document")
    for line in (tmp_path / "all-languages.jsonl").read_text(encoding="utf-8").splitlines():
        assert checked(json.loads(line), "segment")["times"] == "aligned"


def test_another_alignment_is_another_setting(folder):
    def plan(*options):
        command = ("file", CLIP, "--model", "demo", "-o", folder, "--output-format", "all")
        return nemocli(*command, "--dry-run", *options).stdout.split("  ")[0].strip()

    verdicts = {options: plan(*options) for options in [(), ("--align", "auto")]}
    assert verdicts == {(): "done", ("--align", "auto"): "other settings"}


def test_what_is_no_delay_is_refused_before_the_model_is_loaded():
    for command in (("file", CLIP), ("live", "--input", CLIP)):
        done = nemocli(*command, "--model", "nowhere", "--align", "late")
        assert done.exit_code == 2
        assert "--align is auto, sound, or the delay" in done.stderr


def test_events_of_live_say_that_their_times_are_aligned():
    clip = CLIPS / "es-ES-2.flac"
    done = nemocli("live", "--input", clip, "--model", "demo", "-f", "jsonl", "--align", "auto")
    assert done.exit_code == 0, done.stderr
    events = [checked(json.loads(line), "event") for line in done.stdout.splitlines()]
    shown = [event for event in events if event["type"] != "status"]
    assert {(event["type"], event.get("times")) for event in shown} == {
        ("partial", "aligned"),
        ("final", "aligned"),
    }
