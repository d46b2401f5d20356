"""Phrases as they are typed: `--phrase`, `--phrases`, `--boost`, and `nemocli phrases check`."""

import json
import subprocess

import pytest

from tests.boosting.muddled import muddle
from tests.schemas import checked
from tests.sounds import pcm
from tests.typed import NEMOCLI, nemocli


@pytest.fixture
def names(tmp_path, clips):
    """A list of all words of the clips, which changes something whatever the model is."""
    words = {word.strip(",.?¿¡!") for clip in clips for word in clip.text.split()}
    path = tmp_path / "names.txt"
    path.write_text("# words\n" + "\n".join(sorted(filter(str.isalpha, words))), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def muddled(clips, tmp_path_factory):
    return muddle(clips, tmp_path_factory.mktemp("muddled"))


def transcribe(clip, *options, **more):
    done = nemocli("file", clip.path, "--model", "demo", "-f", "json", *options, **more)
    assert done.exit_code == 0, done.stderr
    return checked(json.loads(done.stdout), "document")


def list_boosted(document):
    words = [word for segment in document["segments"] for word in segment["words"]]
    assert any("boosted" in word for word in words) == any(
        "boosted" in t for t in document["tokens"]
    )
    return [word["text"] for word in words if word.get("boosted")]


def test_documents_say_which_list_and_which_words(clips, names, muddled):
    plain = transcribe(clips[0])
    assert "phrases" not in plain and list_boosted(plain) == []
    for clip in muddled:  # until the phrases change one
        document = transcribe(clip, "--phrases", names, "--boost", "5")
        about = document["phrases"]
        assert (about["boost"], about["over_blank"]) == (5, False)
        assert 1 < about["count"] < len(names.read_text(encoding="utf-8").splitlines())
        if list_boosted(document):
            return
    pytest.fail("no word of any clip is another with phrases")


def test_no_boost_is_as_no_phrases(clips, names):
    assert transcribe(clips[0], "--phrases", names, "--boost", "0") == transcribe(clips[0])


def test_variables_are_as_the_options(clips, names):
    env = {"NEMOCLI_PHRASES": str(names), "NEMOCLI_BOOST": "3", "NEMOCLI_BOOST_BLANK": "1"}
    about = transcribe(clips[0], env=env)["phrases"]
    typed = transcribe(clips[0], "--phrases", names, "--boost", "3", "--boost-blank")["phrases"]
    assert about == typed and about["over_blank"]


def test_another_list_is_another_setting(clips, names, tmp_path):
    command = ("file", clips[0].path, "--model", "demo", "-o", tmp_path / "out", "--dry-run")
    run = command[:-1]

    def verdict(*options):
        return nemocli(*command, *options).stdout.split()[0]

    assert nemocli(*run, "--phrases", names).exit_code == 0
    assert verdict("--phrases", names) == "done"
    assert verdict("--phrases", names, "--boost", "2") != "done"
    assert verdict("--phrases", names, "--phrase", "Okafor") != "done"
    assert verdict() != "done"
    [log] = (tmp_path / "out").rglob("manifest.jsonl")
    entries = map(json.loads, log.read_text(encoding="utf-8").splitlines())
    [settings] = [entry["settings"] for entry in entries if "settings" in entry]
    assert settings["phrases"]["sha256"]
    assert nemocli(*run).exit_code == 0
    assert verdict() == "done"
    with names.open("a", encoding="utf-8") as file:
        file.write("\nOkafor")
    assert verdict("--phrases", names) != "done"


@pytest.mark.parametrize("command", [["file", "x.wav"], ["live", "--input", "-"]])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--phrase", "?!"], "neither a letter"),
        (["--phrases", "none.txt"], "cannot be read"),
        (["--phrases", "bad.txt"], "bad.txt, line 2"),
    ],
)
def test_what_is_no_phrase_is_refused_in_a_sentence(command, options, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.txt").write_text("Anna\n!\n")
    (tmp_path / "x.wav").write_bytes(b"")
    done = nemocli(*command, "--model", "demo", *options)
    assert done.exit_code == 2
    assert said in done.stderr and done.stderr.count("\n") == 1


def test_phrases_that_the_model_cannot_write_are_noted(clips):
    done = nemocli("file", clips[0].path, "--model", "demo", "--phrase", "\N{SNOWMAN}7")
    assert done.exit_code == 0
    assert "no pieces to write 1 of 1 phrase," in done.stderr


def test_live_marks_boosted_words(muddled, names):
    sound = b"".join(pcm(clip.samples) for clip in muddled[:4])
    command = ("live", "--model", "demo", "--input", "-", "-f", "jsonl", "--max-lag", "100")
    command = (*NEMOCLI, *command, "--phrases", str(names), "--boost", "5")
    done = subprocess.run(command, input=sound, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    events = [checked(json.loads(line), "event") for line in done.stdout.splitlines()]
    finals = [event for event in events if event["type"] == "final"]
    assert any(word.get("boosted") for event in finals for word in event["words"])


def test_bench_counts_what_became_of_the_phrases(clips, names, tmp_path):
    pytest.importorskip("jiwer")
    manifest = tmp_path / "manifest.jsonl"
    lines = [
        {"audio_filepath": str(clip.path), "text": clip.text, "lang": clip.lang}
        for clip in clips[:2]
    ]
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    command = ("bench", "--model", "demo", "--manifest", manifest)
    plain, boosted = (
        checked(json.loads(nemocli(*command, "--json", "-", *more).stdout), "bench")
        for more in ([], ["--phrases", names, "--boost", "0.1"])
    )
    assert "phrases" not in plain["accuracy"]
    counts = boosted["accuracy"]["phrases"]["counts"]
    assert 0 < counts["found"] <= counts["spoken"]
    assert "recall" in nemocli(*command, "--phrases", names).stdout
    assert nemocli("bench", "--model", "demo", "--phrase", "Anna").exit_code == 2


def test_check_prints_each_phrase_with_what_is_wrong(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("# numbers\nseven\nSeven\n?\nse\n\N{SNOWMAN}7\n", encoding="utf-8")
    done = nemocli("phrases", "check", path, "--model", "demo")
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert len(lines) == 5
    assert "▁" in lines[0]
    assert "same as line 2" in lines[1]
    assert "[refused: " in lines[2]
    assert "[short" in lines[3]
    assert "cannot be written" in lines[4]
    assert "5 phrases: 1 refused" in done.stderr
    path.write_text("elf\n\u671d\u98df\n", encoding="utf-8")  # of two cells each
    lines = nemocli("phrases", "check", path, "--model", "demo").stdout.splitlines()
    assert lines[0].startswith("elf   elf  [") and lines[1].startswith("\u671d\u98df  ")
    words = tmp_path / "words.txt"
    words.write_text("sevens\neleven\n")
    path.write_text("seven\n")
    done = nemocli("phrases", "check", path, "--model", "demo", "--words", words)
    assert (done.exit_code, "like sevens]" in done.stdout) == (0, True)
