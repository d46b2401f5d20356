"""`nemocli models`: what is listed, found and removed."""

import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import constants

from nemocli.cli.models import format_size
from nemocli.models.conversion_advice import advise_conversion
from nemocli.models.convert import convert
from nemocli.models.downloads import PULLED_MARK
from nemocli.models.folder import (
    MODEL_MANIFEST,
    TOKENIZER,
    read_manifest,
    record_files,
    write_manifest,
)
from nemocli.runtimes.coreml.compiled import compute_content_key
from tests import typed
from tests.network.broken import sound_files
from tests.schemas import checked


@pytest.fixture(scope="module")
def conversions(demo, tmp_path_factory):
    folder = tmp_path_factory.mktemp("conversions")
    convert(demo, folder / "one", lookaheads=[3])
    convert(demo, folder / "two", lookaheads=[0], precision="int8")
    return folder


@pytest.fixture
def models(conversions, tmp_path, monkeypatch):
    """A models folder with two conversions, and an empty hub's cache."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("NEMOCLI_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("NEMOCLI_MODELS_DIR", str(tmp_path / "models"))
    shutil.copytree(conversions / "one", tmp_path / "models" / "one")
    shutil.copytree(conversions / "two", tmp_path / "cache" / "converted" / "two")
    (tmp_path / "models" / "broken").mkdir()
    return tmp_path


def nemocli(*arguments, **options):
    return typed.nemocli("models", *arguments, **options)


def test_list(models, demo):
    done = nemocli("list")
    lines = done.stdout.splitlines()
    assert lines[0] == "demo"
    assert lines[1].startswith("    checkpoint, ") and lines[1].endswith(f" MB, in {demo}")
    assert lines[2] == "diarization-demo" and lines[3].startswith("    checkpoint, ")
    assert lines[4] == "one"
    assert lines[5].startswith("    onnx fp32, from demo, ")
    assert lines[6] == str(models / "cache/converted/two")
    assert lines[7].startswith("    onnx int8, from demo, ") and lines[7].endswith("MB")
    assert (len(lines), done.stderr) == (8, "")


def test_list_as_json(models):
    listed = checked(json.loads(nemocli("list", "--json").stdout), "models")
    assert [model["name"] for model in listed][:3] == ["demo", "diarization-demo", "one"]
    assert listed[2]["path"] == str(models / "models" / "one")
    assert listed[2]["bytes"] > 1e6


def test_every_listed_name_can_be_opened(models):
    for model in json.loads(nemocli("list", "--json").stdout):
        assert nemocli("path", model["name"]).stdout == model["path"] + "\n"


def test_a_conversion_of_another_version_is_listed_and_can_be_removed(models):
    manifest = models / "cache/converted/two" / MODEL_MANIFEST
    manifest.write_text(manifest.read_text().replace('"format": ', '"format": 1'))
    lines = nemocli("list").stdout.splitlines()
    assert lines[6] == str(manifest.parent)
    assert lines[7].startswith("    damaged or outdated, ")
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
    assert nemocli("list").stdout.count("\n") == 4  # the demos


def test_what_core_ml_compiled_goes_with_its_last_model(models):
    folder, compiled = models / "models", models / "cache/compiled"
    converted = read_manifest(folder / "one")
    keys = {}
    for name, weights in (("two", "a"), ("three", "b")):
        shutil.copytree(folder / "one", folder / name)
        for package in ("pre", "joint"):
            path = folder / name / f"{package}.mlpackage/weights"
            path.parent.mkdir()
            path.write_text(weights if package == "joint" else "the same")
        names = [TOKENIZER, "pre.mlpackage/weights", "joint.mlpackage/weights"]
        files = record_files(folder / name, names)
        manifest = replace(converted, kind="coreml", precision="fp16", files=files)
        write_manifest(folder / name, manifest)
        keys[name] = {compute_content_key({file: files[file].sha256}) for file in names[1:]}
        for key in keys[name]:
            code = compiled / f"{key}-macos15.5.mlmodelc" / "code"
            code.parent.mkdir(parents=True, exist_ok=True)
            code.write_bytes(bytes(1_000_000))
            code.parent.with_suffix(".json").write_text("{}")
    listed = {model["name"]: model for model in json.loads(nemocli("list", "--json").stdout)}
    assert listed["two"]["bytes"] > listed["one"]["bytes"] + 1_900_000
    assert nemocli("remove", "two", "--yes").exit_code == 0
    assert {path.name.partition("-")[0] for path in compiled.iterdir()} == keys["three"]
    assert nemocli("remove", "three", "--yes").exit_code == 0
    assert not list(compiled.iterdir())


def test_an_interrupted_download_is_listed_and_removed(models):
    partial = models / "hub/models--some--one/blobs/0123.nemocli.incomplete"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(bytes(2_000_000))
    lines = nemocli("list").stdout.splitlines()
    assert lines[4] == "some/one" and lines[5].startswith("    interrupted download, 2.0 MB")
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


# ------------------------------------------------------------------------------ the hub's cache

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def put_download(models, files, name="some/one", commit=COMMIT, branch="main"):
    """A download as nemocli leaves it: files are bytes by name, kept as blobs."""
    folder = models / "hub" / f"models--{name.replace('/', '--')}"
    snapshot = folder / "snapshots" / commit
    for path in (snapshot, folder / "blobs", folder / "refs"):
        path.mkdir(parents=True, exist_ok=True)
    (folder / PULLED_MARK).touch()
    (folder / "refs" / branch).write_text(commit)
    for file, content in files.items():
        blob = folder / "blobs" / hashlib.sha256(content).hexdigest()
        blob.write_bytes(content)
        (snapshot / file).symlink_to(f"../../blobs/{blob.name}")
    return snapshot


def listed_forms():
    return {m["name"]: m["form"] for m in json.loads(nemocli("list", "--json").stdout)}


@pytest.mark.parametrize("lost", [*sound_files(), "blobs"])
def test_a_broken_download_is_listed_and_removed(models, lost):
    snapshot = put_download(models, sound_files())
    if lost == "blobs":
        shutil.rmtree(snapshot.parents[1] / "blobs")
    else:
        (snapshot / lost).resolve().unlink()
    name = f"some/one@{COMMIT}"
    assert listed_forms()[name] == "interrupted download"
    done = nemocli("remove", "some/one", "--yes")
    assert (done.exit_code, done.output) == (0, "")
    assert list((models / "hub").iterdir()) == []


def test_an_archive_that_nemocli_downloaded_is_listed_whatever_its_name(models):
    snapshot = put_download(models, {"speech.nemo": b"no archive at all"})
    put_download(models, {"parakeet.nemo": b"of another program"}, "some/other")
    (models / "hub/models--some--other" / PULLED_MARK).unlink()
    assert listed_forms()[f"some/one@{COMMIT}"] == "checkpoint"
    assert not [name for name in listed_forms() if name.startswith("some/other")]
    done = nemocli("verify", "some/one@main")
    assert done.exit_code == 3 and "speech.nemo" in done.stdout
    assert nemocli("remove", f"some/one@{COMMIT[:8]}", "--yes").exit_code == 0
    assert not snapshot.exists()


def test_one_revision_is_removed_and_what_others_have_is_kept(models):
    files = sound_files()
    old = put_download(models, files)
    new = put_download(models, files | {"config.json": b"{}"}, commit="f" * 40, branch="v2")
    shared, own = (new / "model.safetensors").resolve(), (new / "config.json").resolve()
    assert nemocli("path", "some/one@v2").stdout.strip() == str(new)
    refused = nemocli("remove", "some/one", "--yes")
    assert refused.exit_code == 2 and "choose one of" in refused.stderr
    assert nemocli("remove", "https://huggingface.co/some/one/tree/v2", "--yes").exit_code == 0
    assert not new.exists() and not own.exists() and shared.exists()
    assert nemocli("path", "some/one").stdout.strip() == str(old)
    assert not (old.parents[1] / "refs" / "v2").exists()


def test_what_cannot_be_removed_is_told(models, monkeypatch):
    snapshot = put_download(models, sound_files())
    unlink = Path.unlink

    def refuse(path, **options):
        if path.name in ("config.json", "tokenizer.json"):
            raise PermissionError(13, "Permission denied", str(path))
        unlink(path, **options)

    monkeypatch.setattr(Path, "unlink", refuse)
    done = nemocli("remove", "some/one", "--yes")
    assert (done.exit_code, done.stdout) == (1, "")
    assert f"{snapshot}/" in done.stderr and "cannot be removed: Permission denied" in done.stderr
    assert "and 1 more" in done.stderr
    assert {path.name for path in snapshot.iterdir()} == {"config.json", "tokenizer.json"}


def test_a_link_is_removed_and_not_what_it_leads_to(models, demo):
    target = models / "elsewhere"
    (models / "models" / "one").rename(target)
    (models / "models" / "linked").symlink_to(target)
    (models / "models" / "dangling").symlink_to(models / "nowhere")
    assert nemocli("remove", "linked", "--yes").exit_code == 0
    assert nemocli("remove", models / "models" / "dangling", "--yes").exit_code == 0
    assert (target / MODEL_MANIFEST).is_file()
    assert [path.name for path in (models / "models").iterdir()] == ["broken"]


@pytest.mark.parametrize("folder", ["models", "cache/converted"])
def test_what_a_killed_conversion_left_is_shown_and_goes_with_the_next(models, demo, folder):
    left = models / folder / ".model.999999999.part"
    left.mkdir()
    (left / "weights.bin").write_bytes(bytes(1000))
    working = left.with_name(f".model.{os.getppid()}.part")  # of a process that runs
    working.mkdir()
    assert listed_forms()[str(left)] == "interrupted conversion"
    assert str(working) not in listed_forms()
    assert nemocli("verify").exit_code == 0
    convert(demo, models / folder / "other", lookaheads=[3])
    assert not left.exists() and working.exists()


def test_a_model_without_its_manifest_is_shown_and_can_be_removed(models):
    (models / "models" / "one" / MODEL_MANIFEST).unlink()
    assert listed_forms()[str(models / "models" / "one")] == "damaged or outdated"
    assert nemocli("remove", "one", "--yes").exit_code == 0
    assert not (models / "models" / "one").exists()


def test_an_interrupted_download_beside_a_whole_one(models):
    snapshot = put_download(models, sound_files())
    partial = snapshot.parents[1] / "blobs/0123.nemocli.incomplete"
    partial.write_bytes(bytes(1000))
    assert listed_forms()[str(partial)] == "interrupted download"
    assert nemocli("remove", partial, "--yes").exit_code == 0
    assert not partial.exists() and snapshot.exists()


@pytest.mark.parametrize("name", ["../../x", "a/..", "a/b@../..", "a--b/c", "a/b@../../../x"])
def test_names_that_climb_are_none(models, name):
    done = nemocli("pull", name)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "is written owner/name" in done.stderr
    assert nemocli("remove", name, "--yes").exit_code == 3


def put_blocked(models, monkeypatch, *blocked):
    """Let the system refuse to list folders, as it does for a user who is not root."""
    real = {name: getattr(os, name) for name in ("listdir", "scandir", "stat", "open")}

    def refusing(name):
        def call(path, *arguments, **options):
            text = os.fspath(path) if not isinstance(path, int) else ""
            for each in map(str, blocked):
                inside = text.startswith(f"{each}/")
                if inside or (text == each and name in ("listdir", "scandir")):
                    raise PermissionError(13, "Permission denied", text)
            return real[name](path, *arguments, **options)

        return call

    for name in real:
        monkeypatch.setattr(os, name, refusing(name))


def test_one_folder_that_cannot_be_read_hides_no_other(models, monkeypatch):
    blocked = models / "models" / "broken"
    put_blocked(models, monkeypatch, blocked)
    assert listed_forms()[str(blocked)] == "not readable"
    assert {"demo", "one"} <= set(listed_forms())
    done = nemocli("verify")
    assert (done.exit_code, done.stderr) == (3, "nemocli: 1 of 5 models failed the check.\n")
    assert f"{blocked}: {blocked}" in done.stdout and "cannot be read: Perm" in done.stdout
    for command in (["file", "a.wav", "--model", "broken"], ["models", "path", "broken"]):
        done = typed.nemocli(*command)
        assert done.exit_code == 3
        assert f"{blocked}" in done.stderr and "cannot be read: Permission" in done.stderr
    done = nemocli("remove", blocked, "--yes")
    assert done.exit_code == 1 and "cannot be removed: Permission denied" in done.stderr
    assert nemocli("path", "one").stdout == f"{models / 'models' / 'one'}\n"


@pytest.mark.parametrize("folder", ["models", "cache/converted", "hub"])
def test_a_folder_of_models_that_cannot_be_read_is_named(models, monkeypatch, folder):
    (models / folder).mkdir(exist_ok=True)
    put_blocked(models, monkeypatch, models / folder)
    done = nemocli("list")
    assert (done.exit_code, done.stdout) == (3, "")
    said = f"nemocli: The folder {models / folder} cannot be read: Permission denied.\n"
    assert done.stderr == said


def test_verify_names_a_download_that_lacks_files(models):
    snapshot = put_download(models, sound_files())
    (snapshot / "tokenizer.json").unlink()
    done = nemocli("verify")
    assert done.exit_code == 3
    name = f"some/one@{snapshot.name}"
    assert f"{name}: files are missing; get them with: nemocli models pull {name}\n" in done.stdout


def test_verify_names_a_model_that_lacks_its_manifest(models):
    place = models / "models" / "one"
    (place / MODEL_MANIFEST).unlink()
    said = f"{place / MODEL_MANIFEST} is missing; {advise_conversion(place)}"
    done = nemocli("verify")
    assert done.exit_code == 3 and f"{place}: {said}\n" in done.stdout
    done = nemocli("path", "one")
    assert (done.exit_code, done.stderr) == (3, f"nemocli: {said}\n")


def test_what_is_still_being_written_is_no_model(models):
    part = models / "models" / f".one.{os.getppid()}.old.part"
    shutil.copytree(models / "models" / "one", part)
    assert not [name for name in listed_forms() if ".part" in name]


def test_an_empty_name(models):
    done = nemocli("path", "")
    assert done.exit_code == 3 and "The name of the model is empty" in done.stderr
