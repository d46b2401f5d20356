"""Languages that the model's card lists as only ready for adaptation."""

import itertools
import json
import os

import numpy as np
import pytest
import soundfile

import nemocli as library
from nemocli.audio.pcm import open_pcm
from nemocli.engine.languages import ADAPTATION_ONLY, RELEASED_LOCALES
from nemocli.live.listener import Listener
from nemocli.live.stream import LiveStream, StreamLimits
from nemocli.models.hub import DEFAULT_MODEL, ENGLISH_MODEL
from tests.schemas import checked
from tests.typed import nemocli


def test_the_eight_are_among_the_forty():
    assert set(RELEASED_LOCALES) > ADAPTATION_ONLY
    codes = {tag.partition("-")[0] for tag in ADAPTATION_ONLY}
    assert codes == {"el", "lt", "lv", "mt", "sl", "he", "th", "nn"}


def test_a_list_of_both_models_languages():
    done = nemocli("models", "list", "--languages")
    lines = done.stdout.splitlines()
    assert lines[0] == DEFAULT_MODEL and lines[41] == ENGLISH_MODEL
    assert lines[42:] == ["    en-US  English            supported"]
    rows = {line.split()[0]: line for line in lines[1:41]}
    assert sorted(rows) == sorted(RELEASED_LOCALES)
    for tag, line in rows.items():
        assert line.endswith("only ready for adaptation") == (tag in ADAPTATION_ONLY)
        assert line.endswith("supported") == (tag not in ADAPTATION_ONLY)
    as_json = nemocli("models", "list", "--languages", "--json").stdout
    listed = checked(json.loads(as_json), "languages")
    assert [row["language"] for row in listed][:40] == list(RELEASED_LOCALES)
    assert {row["model"] for row in listed} == {DEFAULT_MODEL, ENGLISH_MODEL}


@pytest.mark.parametrize("several", [False, True])
def test_a_warning_once_on_stderr_and_in_each_document(released, clips, tmp_path, several):
    paths = [clip.path for clip in clips[: 1 + several]]
    options = ("--model", released, "--runtime", "numpy", "--lang", "greek", "--strict")
    into = ("--output-dir", tmp_path, "--output-format", "json") if several else ("-f", "json")
    done = nemocli("file", *paths, *options, *into)
    assert done.exit_code == 0, done.stderr  # --strict is about the sound
    assert done.stderr.count("Greek (el-GR)") == 1
    texts = [path.read_text() for path in tmp_path.glob("*.json")] if several else [done.stdout]
    assert len(texts) == len(paths)
    for text in texts:
        (warning,) = checked(json.loads(text), "document")["warnings"]
        assert warning["kind"] == "language" and "only ready for adaptation" in warning["message"]


@pytest.mark.parametrize("name", ["txt", "jsonl"])
def test_live_says_it_once(released, tmp_path, name):
    soundfile.write(tmp_path / "short.wav", np.zeros(3200), 16000)
    options = ("--model", released, "--runtime", "numpy", "--lang", "greek", "--format", name)
    done = nemocli("live", "--input", tmp_path / "short.wav", *options)
    assert done.exit_code == 0, done.stderr
    assert done.stderr.count("Greek (el-GR) is not") == 1
    if name == "jsonl":
        events = [checked(json.loads(line), "event") for line in done.stdout.splitlines()]
        (warning,) = [event for event in events if event["kind"] == "language"]
        assert warning["language"] == "el-GR" and warning["message"].startswith("Greek (el-GR) is")


def test_a_switch_while_it_is_live(released):
    reading, writing = os.pipe()
    os.write(writing, bytes(3200))
    with library.load(released, runtime="numpy") as transcriber:
        stream = LiveStream(transcriber, "de", StreamLimits())
        listener = Listener(stream, open_pcm(reading, 16000, 1, "s16le"))
        listener.start()
        for tag in ("el-GR", "en-US"):
            listener.switch(tag)
        os.close(writing)
        events = iter(lambda: listener.events.get(timeout=60), None)
        kept = list(itertools.takewhile(lambda event: event.kind != "ended", events))
    messages = [event.message for event in kept if event.kind == "language"]
    assert messages[0].startswith("language: el-GR. Greek (el-GR) is not among the languages")
    assert messages[1:] == ["language: en-US"]


def test_a_manifest_in_such_a_language(released, tmp_path):
    soundfile.write(tmp_path / "short.wav", np.zeros(1600), 16000)
    said = {"audio_filepath": "short.wav", "text": "one"}
    lines = [said | {"lang": lang} for lang in ("el-GR", "el", "en-US", "th")]
    manifest = tmp_path / "m.jsonl"
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = nemocli("bench", "--manifest", manifest, "--model", released, "--runtime", "numpy")
    assert done.exit_code == 0, done.stderr
    assert [done.stderr.count(name) for name in ("Greek (el-GR)", "Thai (th-TH)", "English")] == [
        *(1, 1, 0),
    ]


def test_no_warning_for_others(released, demo):
    transcriber = library.load(released, runtime="numpy")
    assert transcriber.warn_of_language("de") is None
    assert transcriber.warn_of_language("auto") is None
    assert transcriber.warn_of_language("nynorsk").startswith("Norwegian Nynorsk (nn-NO) is not")
    assert library.load(demo, runtime="numpy").warn_of_language("de") is None
