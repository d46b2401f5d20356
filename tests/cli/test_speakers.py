"""`nemocli file --speakers` and `nemocli live --speakers` as they are typed."""

import json
import shutil
from itertools import groupby

import numpy as np
import pytest
import soundfile

from tests.diarizers import write_tiny_diarizer
from tests.schemas import checked
from tests.sounds import pcm
from tests.typed import nemocli, nemocli_piped


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A random model that takes the demo's rows, and finds speakers who change often."""
    folder = tmp_path_factory.mktemp("diarizer") / "checkpoint"
    return write_tiny_diarizer(folder, seed=14, mels=128)


def test_the_demo_knows_the_speakers_of_the_bundled_conversation(demo):
    """Without --speaker-model, the demo's diarizer belongs to the demo."""
    truth = json.loads((demo.parent / "clips" / "conversation.json").read_text(encoding="utf-8"))
    done = nemocli("file", demo.parent / "clips" / truth["file"], "--model", "demo", "--speakers")
    expected = [
        f"Speaker {speaker + 1}: " + " ".join(word for word, *_ in words)
        for speaker, words in groupby(truth["words"], lambda word: word[3])
    ]
    assert done.stdout.splitlines() == expected


def test_documents_have_the_speakers_and_what_found_them(clips, model):
    command = ("file", clips[0].path, "--model", "demo", "--speakers", "--speaker-model", model)
    done = nemocli(*command, "--speaker-names", "Ann,Ben", "--max-speakers", 2, "-f", "json")
    document = json.loads(done.stdout)
    checked(document, "document")
    assert document["text"] == clips[0].text
    assert {word["speaker"] for segment in document["segments"] for word in segment["words"]} <= {
        "Ann",
        "Ben",
    }
    about = document["speakers"]
    assert about["model"] == str(model)
    assert len(about["model_revision"]) == 64
    assert (about["mode"], about["max_speakers"], about["names"]) == ("offline", 2, ["Ann", "Ben"])
    turns = nemocli(*command, "-f", "rttm").stdout.splitlines()
    assert turns
    assert all(line.startswith(f"SPEAKER {clips[0].path.stem} 1 ") for line in turns)


def test_what_was_done_without_speakers_is_done_again_with_them(clips, model, tmp_path):
    command = ("file", clips[0].path, "--model", "demo", "-o", tmp_path / "out")
    asked = ("--speakers", "--speaker-model", model)
    assert "1 file transcribed" in nemocli(*command, "--output-format", "txt").stderr
    plan = nemocli(*command, *asked, "--output-format", "txt", "--dry-run")
    assert "other settings" in plan.stdout
    report = tmp_path / "report.json"
    again = nemocli(*command, *asked, "--output-format", "all", "--report", report)
    assert "1 file transcribed" in again.stderr
    checked(json.loads(report.read_text()), "report")
    shutil.copytree(model, tmp_path / "moved")
    asked = ("--speakers", "--speaker-model", tmp_path / "moved")
    assert "1 done already" in nemocli(*command, *asked, "--output-format", "all").stderr
    stem = clips[0].path.stem
    assert (tmp_path / "out" / f"{stem}.txt").read_text().startswith("Speaker ")
    assert (tmp_path / "out" / f"{stem}.rttm").read_text().startswith(f"SPEAKER {stem} 1 ")
    others = nemocli(*command, *asked, "--max-speakers", 1, "--output-format", "txt", "--dry-run")
    assert "other settings" in others.stdout


def test_a_person_on_each_channel(clips, tmp_path):
    left, rate = soundfile.read(clips[0].path)
    call = tmp_path / "call.wav"
    soundfile.write(call, [[sample, 0.0] for sample in left], rate)
    done = nemocli(
        "file", call, "--model", "demo", "--speakers", "--channels", "separate",
        "--speaker-names", "Ann,Ben",
    )  # fmt: skip
    assert done.stdout == f"Ann: {clips[0].text}\n"
    # Names go by the channels, whoever speaks first.
    later = [*([0.0] * rate), *left]
    soundfile.write(call, list(zip(later, [*left, *([0.0] * rate)], strict=True)), rate)
    done = nemocli(
        "file", call, "--model", "demo", "--speakers", "--channels", "separate",
        "--speaker-names", "Ann,Ben",
    )  # fmt: skip
    assert done.stdout == f"Ben: {clips[0].text}\nAnn: {clips[0].text}\n"


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        (("--max-speakers", "2"), "--max-speakers is for --speakers"),
        (("--speaker-names", "Ann"), "--speaker-names is for --speakers"),
        (("--speaker-model", "demo"), "--speaker-model is for --speakers"),
        (("--speakers", "--speaker-names", "Ann,Ann"), "different names"),
        (
            ("--speakers", "--speaker-names", "A,B", "--max-speakers", "1"),
            "--speaker-names has 2 names, and --max-speakers is 1",
        ),
        (
            ("--speakers", "--channels", "separate", "--max-speakers", "2"),
            "each channel is a speaker: leave out --max-speakers",
        ),
        (
            ("--speakers", "--channels", "separate", "--speaker-model", "demo"),
            "each channel is a speaker: leave out --speaker-model",
        ),
        (("--speakers", "--speaker-names", "unknown"), "what speakers without a name are called"),
        (("--speakers", "--server", "http://localhost:1"), "leave out --server"),
        (("--speakers", "--cluster", "local"), "leave out --cluster"),
        (("-f", "rttm"), "rttm only says who speaks when: add --speakers"),
        (("-o", "out", "--output-format", "rttm"), "choose another format in --output-format"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_loaded(clips, typed, complaint):
    done = nemocli("file", clips[0].path, "--model", "demo", *typed)
    assert (done.exit_code, done.stdout) == (2, "")
    assert complaint in done.stderr


def test_a_model_that_is_not_here_or_does_not_find_who_speaks(clips, demo):
    command = ("file", clips[0].path, "--model", "demo", "--speakers", "--speaker-model")
    for more in ((), ("--dry-run",)):
        missing = nemocli(*command, "nvidia/Nemotron-3-Diarization", *more)
        assert missing.exit_code == 3
        assert "nemocli models pull nvidia/Nemotron-3-Diarization" in missing.stderr
        other = nemocli(*command, demo, *more)
        assert other.exit_code == 3
        assert other.stderr.count("\n") == 1


def test_finals_of_a_stream_have_speakers_and_its_document_too(clips, model, tmp_path):
    sound = np.concatenate([part for clip in clips[:3] for part in (clip.samples, np.zeros(9600))])
    done = nemocli_piped(
        pcm(sound), "live", "--model", "demo", "--input", "-", "--speakers",
        "--speaker-model", model, "--speaker-names", "Ann,Ben", "-f", "jsonl",
        "-o", tmp_path / "out.json",
    )  # fmt: skip
    assert done.exit_code == 0
    assert "The speaker of a word is known 0.6 s after it was said (mode low_" in done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    for event in events:
        checked(event, "event")
    partials, finals = (
        [event for event in events if event["type"] == kind] for kind in ("partial", "final")
    )
    assert {final.get("speaker") for final in finals} & {"Ann", "Ben", "SPEAKER_02"}
    assert not any("speaker" in partial for partial in partials)
    assert [final["id"] for final in finals] == list(range(len(finals)))
    assert "".join(final["text"] for final in finals).replace(" ", "") == "".join(
        clip.text for clip in clips[:3]
    ).replace(" ", "")
    document = json.loads((tmp_path / "out.json").read_text())
    assert [s.get("speaker") for s in document["segments"]] == [f.get("speaker") for f in finals]
    assert document["speakers"]["mode"] in ("low_latency", "large_chunk")


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        (("--speaker-names", "Ann"), "--speaker-names is for --speakers"),
        (("--speakers", "--mic", "--system"), "--labels name who speaks"),
        (("--speakers", "--input", "-", "--server", "http://localhost:1"), "leave out --server"),
        (("--input", "-", "-o", "out.rttm"), "add --speakers"),
    ],
)
def test_what_makes_no_sense_live(typed, complaint):
    done = nemocli_piped(b"", "live", "--model", "demo", *typed)
    assert (done.exit_code, done.stdout) == (2, "")
    assert complaint in done.stderr


def test_a_server_needs_the_model_before_it_serves():
    pytest.importorskip("starlette")
    missing = nemocli(
        "serve", "--model", "demo", "--port", 0, "--speakers", "--speaker-model", "no"
    )
    assert (missing.exit_code, missing.stdout) == (3, "")
    alone = nemocli("serve", "--model", "demo", "--port", 0, "--max-speakers", 2)
    assert alone.exit_code == 2
    assert "--max-speakers is for --speakers" in alone.stderr
