"""The model for English alone, as it is typed: its language, its lookaheads, its JSON."""

import json

import pytest

import nemocli as library
from nemocli.errors import UsageError
from nemocli.models.hub import DEFAULT_MODEL
from tests.schemas import checked
from tests.typed import nemocli

RUNTIME = ("--runtime", "numpy")


@pytest.mark.parametrize(("lang", "notes"), [("auto", 0), ("en", 0), ("en-GB", 1)])
def test_english_is_what_it_transcribes_in(english_demo, clips, lang, notes):
    arguments = ("--model", english_demo, "--lang", lang, "--format", "json", *RUNTIME)
    done = nemocli("file", clips[0].path, *arguments, "--lookahead", "160ms")
    assert done.exit_code == 0, done.stderr
    document = checked(json.loads(done.stdout), "document")
    assert clips[0].lang == "en-US" and document["text"] == clips[0].text
    assert (document["requested_language"], document["language"]) == ("en-US", "en-US")
    assert document["lookahead"] == 1 and document["warnings"] == []
    said = [line for line in done.stderr.splitlines() if line.startswith("nemocli: ")]
    assert said == [f"nemocli: The model does not know {lang}; transcribing in en-US."][:notes]


@pytest.mark.parametrize(
    ("lang", "rest"),
    [
        ("de", f"not German: that is in {DEFAULT_MODEL}."),
        ("日本語", f"not Japanese: that is in {DEFAULT_MODEL}."),
        ("no", f"not Norwegian Bokmål: that is in {DEFAULT_MODEL}."),
        ("klingon", "not 'klingon'."),
    ],
)
def test_another_language_is_refused_kindly(english_demo, clips, lang, rest):
    done = nemocli("file", clips[0].path, "--model", english_demo, "--lang", lang, *RUNTIME)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == f"nemocli: The model transcribes only English, {rest}"


def test_it_converts_and_is_verified(english_demo, clips, tmp_path):
    done = nemocli("convert", english_demo, "-o", tmp_path / "model", "--lookahead", "1", "-q")
    assert done.exit_code == 0, done.stderr
    transcriber = library.load(tmp_path / "model")
    assert (transcriber.lookahead, transcriber.languages) == (1, ("en-US",))
    session = transcriber.session()
    session.feed(clips[0].samples)
    session.lang = "english"
    with pytest.raises(UsageError, match="only English, not French"):
        session.lang = "fr"
    assert session.finish().text == clips[0].text


def test_it_is_no_bundle(english_demo, tmp_path):
    pytest.importorskip("coreai")
    out = ("-o", tmp_path / "bundle", "--to", "coreai", "--layout", "coreaikit")
    done = nemocli("convert", english_demo, *out)
    assert done.exit_code == 2
    assert "has no lookahead 3" in done.stderr
