"""Languages that the model's card lists as only ready for adaptation."""

import json

import pytest

import nemocli as library
from nemocli.engine.languages import ADAPTATION_ONLY, RELEASED_LOCALES
from nemocli.models.hub import DEFAULT_MODEL, ENGLISH_MODEL
from tests.schemas import checked
from tests.typed import nemocli


@pytest.fixture
def released(checkpoint):
    """The demo's checkpoint, which like the released one does not name its languages."""
    config = json.loads((checkpoint / "config.json").read_text())
    del config["supported_languages"]
    (checkpoint / "config.json").write_text(json.dumps(config))
    return checkpoint


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


def test_no_warning_for_others(released, demo):
    transcriber = library.load(released, runtime="numpy")
    assert transcriber.warn_of_language("de") is None
    assert transcriber.warn_of_language("auto") is None
    assert transcriber.warn_of_language("nynorsk").startswith("Norwegian Nynorsk (nn-NO) is not")
    assert library.load(demo, runtime="numpy").warn_of_language("de") is None
