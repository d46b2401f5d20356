"""`nemocli models`: what is listed, found and removed."""

import json

import pytest
from huggingface_hub import constants

from nemocli.cli.models import format_size
from nemocli.models.convert import convert
from nemocli.models.folder import MANIFEST
from tests import typed
from tests.schemas import checked


@pytest.fixture
def models(demo, tmp_path, monkeypatch):
    """A models folder with two conversions, and an empty hub's cache."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("NEMOCLI_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("NEMOCLI_MODELS_DIR", str(tmp_path / "models"))
    convert(demo, tmp_path / "models" / "one", lookaheads=[3])
    convert(demo, tmp_path / "cache" / "converted" / "two", lookaheads=[0], precision="int8")
    (tmp_path / "models" / "broken").mkdir()
    return tmp_path


def nemocli(*arguments, **options):
    return typed.nemocli("models", *arguments, **options)


def test_list(models, demo):
    done = nemocli("list")
    lines = done.stdout.splitlines()
    assert lines[0] == "demo"
    assert lines[1].startswith("    checkpoint, ") and lines[1].endswith(f" MB, in {demo}")
    assert lines[2] == "one"
    assert lines[3].startswith("    onnx fp32, from demo, ")
    assert lines[4] == str(models / "cache/converted/two")
    assert lines[5].startswith("    onnx int8, from demo, ") and lines[5].endswith("MB")
    assert (len(lines), done.stderr) == (6, "")


def test_list_as_json(models):
    listed = checked(json.loads(nemocli("list", "--json").stdout), "models")
    assert [model["name"] for model in listed][:2] == ["demo", "one"]
    assert listed[1]["path"] == str(models / "models" / "one")
    assert listed[1]["bytes"] > 1e6


def test_every_listed_name_can_be_opened(models):
    for model in json.loads(nemocli("list", "--json").stdout):
        assert nemocli("path", model["name"]).stdout == model["path"] + "\n"


def test_a_conversion_of_another_version_is_listed_and_can_be_removed(models):
    manifest = models / "cache/converted/two" / MANIFEST
    manifest.write_text(manifest.read_text().replace('"format": ', '"format": 1'))
    lines = nemocli("list").stdout.splitlines()
    assert lines[4] == str(manifest.parent)
    assert lines[5].startswith("    damaged or outdated, ")
    assert nemocli("remove", manifest.parent, "--yes").exit_code == 0
    assert not manifest.parent.exists()


def test_remove(models):
    refused = nemocli("remove", "one")
    assert refused.exit_code == 2 and "add --yes" in refused.stderr
    assert (models / "models" / "one").exists()
    for name in ("one", models / "cache/converted/two"):
        done = nemocli("remove", name, "--yes")
        assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
    assert [p.name for p in (models / "models").iterdir()] == ["broken"]
    assert nemocli("list").stdout.count("\n") == 2


def test_an_interrupted_download_is_listed_and_removed(models):
    partial = models / "hub/models--some--one/blobs/0123.nemocli.incomplete"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(bytes(2_000_000))
    lines = nemocli("list").stdout.splitlines()
    assert lines[2] == "some/one" and lines[3].startswith("    interrupted download, 2.0 MB")
    assert nemocli("remove", "some/one", "--yes").exit_code == 0
    assert not partial.exists()
    assert "some/one" not in nemocli("list").stdout


@pytest.mark.parametrize(("answer", "there"), [("y\n", False), ("n\n", True), ("", True)])
def test_remove_asks(models, monkeypatch, answer, there):
    monkeypatch.setattr("nemocli.cli.models._can_ask", lambda: True)
    done = nemocli("remove", "one", input=answer)
    assert "Remove one (" in done.stderr
    assert (models / "models" / "one").exists() == there


def test_no_variable_says_yes(models, monkeypatch):
    for name in ("YES", "MODELS_YES", "MODELS_REMOVE_YES"):
        monkeypatch.setenv(f"NEMOCLI_{name}", "1")
    done = nemocli("remove", "one")
    assert done.exit_code == 2 and "add --yes" in done.stderr
    assert (models / "models" / "one").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["remove", "demo", "--yes"], 2, "comes with nemocli"),
        (["remove", "three", "--yes"], 3, "nemocli models list"),
        (["remove", "../models/one", "--yes"], 3, "nemocli models list"),
        (["path", "three"], 3, "There is no model in three"),
        (["path", "a/b"], 3, "nemocli models pull a/b"),
        (["pull", "three"], 2, "owner/name"),
    ],
)
def test_failures(models, arguments, code, words):
    done = nemocli(*arguments)
    assert (done.exit_code, done.stdout) == (code, "")
    assert words in done.stderr
    assert (models / "models" / "one").exists()


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0.0 MB"), (5_034_000, "5.0 MB"), (2_550_000_000, "2.55 GB")]
)
def test_sizes(count, text):
    assert format_size(count) == text
