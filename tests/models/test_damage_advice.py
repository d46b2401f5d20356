"""What a sentence about a damaged model says to do is a command, and repairs it."""

import json
import shlex
import shutil

import pytest

import nemocli
from nemocli.errors import ModelError
from nemocli.models import demo_integrity, integrity
from nemocli.models.convert import convert
from nemocli.models.folder import MODEL_MANIFEST, read_manifest, record_files, write_manifest
from tests.network.broken import sound_files, write
from tests.typed import nemocli as typed

COMMIT = "0" * 40


@pytest.fixture
def checkpoint(tmp_path):
    return write(tmp_path / "some model", sound_files())


def truncate(path):
    path.write_bytes(path.read_bytes()[:-2])


def run_advice(sentence, checkpoint, *others):
    """Run the command that ends a sentence as it is, with the whole path of the checkpoint."""
    _, separator, command = sentence.partition(": nemocli convert ")
    assert separator, sentence
    placeholders = ("CHECKPOINT", f"path/to/{checkpoint.name}")
    arguments = [str(checkpoint) if word in placeholders else word for word in shlex.split(command)]
    assert str(checkpoint) in arguments
    done = typed("convert", *arguments, *others, "--no-verify", "-q")
    assert done.exit_code == 0, done.output


def describe(folder):
    with pytest.raises(ModelError) as caught:
        nemocli.load(folder)
    return str(caught.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"precision": "int8"}, "--to onnx --precision int8 -o"),
        ({"lookaheads": [3]}, "--to onnx --precision fp32 --lookahead 3 -o"),
    ],
)
def test_a_folder_is_converted_again_as_it_was(checkpoint, tmp_path, options, said):
    folder = tmp_path / "my model"
    before = convert(checkpoint, folder, "onnx", **options)
    truncate(folder / "weights.bin")
    sentence = describe(folder)
    assert f"'path/to/some model' {said} '{folder}'" in sentence
    assert integrity.describe_damage(folder)[0].endswith(sentence.partition(";")[2])
    run_advice(sentence, checkpoint)
    assert read_manifest(folder).describes_same(before)
    nemocli.load(folder).close()


def test_a_folder_of_another_format_is_converted_again_as_it_was(checkpoint, tmp_path):
    folder = tmp_path / "model"
    before = convert(checkpoint, folder, "onnx", "int8")
    data = json.loads((folder / MODEL_MANIFEST).read_text()) | {"format": 1}
    (folder / MODEL_MANIFEST).write_text(json.dumps(data))
    sentence = describe(folder)
    assert "another format" in sentence and "--precision int8" in sentence
    run_advice(sentence, checkpoint)
    assert read_manifest(folder).describes_same(before)


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"format": 8, "kind": "onnx"}', None])
def test_without_a_manifest_the_options_are_the_user_s(checkpoint, tmp_path, content):
    folder = tmp_path / "model"
    before = convert(checkpoint, folder, "onnx", "int8")
    if content is None:
        (folder / MODEL_MANIFEST).unlink()
    else:
        (folder / MODEL_MANIFEST).write_bytes(content)
    (sentence,) = integrity.describe_damage(folder)
    assert "with the options that it was converted with" in sentence
    run_advice(sentence, checkpoint, "--to", "onnx", "--precision", "int8")
    assert read_manifest(folder).describes_same(before)


def test_a_checkpoint_of_the_hub_is_named_as_convert_takes_it(checkpoint, tmp_path):
    folder = tmp_path / "model"
    made = convert(checkpoint, folder, "onnx")
    for source in (f"some/one@{COMMIT}", "demo"):
        write_manifest(folder, type(made)(**{**vars(made), "source": source}))
        (folder / "joint.onnx").write_bytes(b"")
        assert f"nemocli convert {source} --to onnx" in describe(folder)


@pytest.fixture
def snapshot(checkpoint, tmp_path):
    """A checkpoint in the hub's cache without links, with the records of `models pull`."""
    folder = tmp_path / "models--some--one" / "snapshots" / COMMIT
    shutil.copytree(checkpoint, folder)
    return folder


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_truncated_download_is_got_again(snapshot, monkeypatch, tmp_path, name):
    """Also where the file is damaged so that it cannot be opened at all."""
    records = record_files(snapshot, [path.name for path in snapshot.iterdir()])
    monkeypatch.setattr(integrity, "read_hub_records", lambda path: records)
    truncate(snapshot / name)
    said = f"{snapshot / name} is damaged; get it again with: nemocli models pull some/one@{COMMIT}"
    for runtime in ("numpy", "onnx"):
        with pytest.raises(ModelError) as caught:
            nemocli.load(snapshot, runtime=runtime)
        assert str(caught.value) == said
    with pytest.raises(ModelError) as caught:
        convert(snapshot, tmp_path / "out")
    assert str(caught.value) == said


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_truncated_demo_is_installed_again(demo, tmp_path, monkeypatch, name):
    folder = tmp_path / "demo"
    shutil.copytree(demo, folder)
    shutil.copytree(demo.parent / "clips", tmp_path / "clips")
    monkeypatch.setattr(demo_integrity, "find_demo_folder", lambda: folder)
    truncate(folder / name)
    said = f"The demo in {folder} is damaged; install nemocli again."
    for runtime in ("numpy", "onnx"):
        with pytest.raises(ModelError) as caught:
            nemocli.load(folder, runtime=runtime)
        assert str(caught.value) == said
    assert integrity.describe_damage(folder) == [said]


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_truncated_demo_of_speakers_is_installed_again(tmp_path, monkeypatch, name):
    folder = tmp_path / "diarization-demo"
    shutil.copytree(demo_integrity.find_diarization_demo_folder(), folder)
    monkeypatch.setattr(demo_integrity, "find_diarization_demo_folder", lambda: folder)
    truncate(folder / name)
    with pytest.raises(ModelError) as caught:
        nemocli.load_diarizer(folder, runtime="numpy")
    assert str(caught.value) == f"The demo in {folder} is damaged; install nemocli again."


def test_a_checkpoint_of_the_user_s_says_what_is_wrong(checkpoint):
    truncate(checkpoint / "model.safetensors")
    with pytest.raises(ModelError, match=r"is truncated or damaged .*; download it again\."):
        nemocli.load(checkpoint)
