"""What a person may write as a model: names, paths, models of the hub."""

import shutil

import pytest
from huggingface_hub import constants

import nemocli
from nemocli.errors import ModelError
from nemocli.models.convert import convert, default_folder
from nemocli.models.folder import read_manifest
from nemocli.models.hub import DEFAULT_MODEL, PINS, parse_hub_model, source_name

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A hub's cache and a models folder for this test alone."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("NEMOCLI_MODELS_DIR", str(tmp_path / "models"))
    return tmp_path


def put_into_the_hub_s_cache(demo, home, name, commit, branch=None):
    folder = home / "hub" / f"models--{name.replace('/', '--')}"
    shutil.copytree(demo, folder / "snapshots" / commit)
    if branch:
        (folder / "refs").mkdir(exist_ok=True)
        (folder / "refs" / branch).write_text(commit)
    return folder / "snapshots" / commit


@pytest.mark.parametrize(
    ("text", "name", "revision"),
    [
        ("nvidia/a-0.6b", "nvidia/a-0.6b", None),
        ("a/b@refs/pr/3", "a/b", "refs/pr/3"),
        ("a/b@" + COMMIT, "a/b", COMMIT),
    ],
)
def test_names_of_the_hub(text, name, revision):
    model = parse_hub_model(text)
    assert (model.name, model.revision, str(model)) == (name, revision, text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "demo",
            "/a/b",
            "~/a",
            "./a/b",
            "a/b/c",
            "a/",
            "a/b@",
            "C:\\a/b",
            "./a",
            "../a",
            "a/b.nemo",
        ),
        *("./a@b", ".a/b"),
    ],
)
def test_what_is_no_name_of_the_hub(text):
    assert parse_hub_model(text) is None


@pytest.mark.parametrize("text", ["./missing", "../missing", "missing/", "here/model.nemo"])
def test_a_missing_folder_is_not_called_a_model_of_the_hub(home, monkeypatch, text):
    monkeypatch.chdir(home)
    with pytest.raises(ModelError, match="There is no model in ") as caught:
        nemocli.load(text)
    assert "pull" not in str(caught.value)


def test_what_may_be_a_folder_or_a_model_of_the_hub_is_told_as_both(home, monkeypatch):
    monkeypatch.chdir(home)
    (home / "exports").mkdir()
    with pytest.raises(ModelError) as caught:
        nemocli.load("exports/nemo")
    assert str(caught.value) == (
        "There is no nemo in the folder exports, and no model exports/nemo of the hub on this"
        " machine; check the path, or get the model with: nemocli models pull exports/nemo"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("https://huggingface.co/nvidia/some-model", "is called nvidia/some-model: give that name"),
        ("https://hf.co/a/b/tree/main", "nemocli models pull a/b"),
        ("https://example.org/m.nemo", "download it first, such as with: curl -LO 'https://exam"),
    ],
)
def test_the_address_of_a_model_is_told_that_it_is_one(home, text, words):
    with pytest.raises(ModelError) as caught:
        nemocli.load(text)
    assert words in str(caught.value)


def test_the_default_model_says_how_to_get_it():
    with pytest.raises(ModelError) as caught:
        nemocli.load(DEFAULT_MODEL)
    assert str(caught.value) == (
        f"The model {DEFAULT_MODEL} is not on this machine; get it with:"
        f" nemocli models pull {DEFAULT_MODEL}"
    )
    assert caught.value.exit_code == 3


def test_a_downloaded_model_is_opened_by_its_name(demo, home):
    put_into_the_hub_s_cache(demo, home, DEFAULT_MODEL, PINS[DEFAULT_MODEL].revision)
    put_into_the_hub_s_cache(demo, home, "some/one", COMMIT, "main")
    for name in (DEFAULT_MODEL, "some/one", f"some/one@{COMMIT}", "some/one@main"):
        assert nemocli.load(name).model_name == name
    with pytest.raises(ModelError, match="nemocli models pull some/one@v2"):
        nemocli.load("some/one@v2")


def test_an_incomplete_download_counts_as_none(demo, home):
    folder = put_into_the_hub_s_cache(demo, home, "some/one", COMMIT, "main")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="models pull some/one"):
        nemocli.load("some/one")


def test_a_conversion_is_found_by_its_name_and_by_the_hub_s(demo, home):
    snapshot = put_into_the_hub_s_cache(demo, home, "some/one", COMMIT, "main")
    out = default_folder("some/one", "onnx", None)
    assert out == home / "models" / "one-onnx-fp32"
    convert("some/one", out)
    assert read_manifest(out).source == f"some/one@{COMMIT}"
    assert nemocli.load("one-onnx-fp32").model_name == "one-onnx-fp32"
    shutil.rmtree(snapshot.parents[1])  # the conversion does without the checkpoint
    assert nemocli.load("some/one", runtime="onnx").model_name == "some/one"
    assert nemocli.load(f"some/one@{COMMIT}").runtime == "onnx"
    with pytest.raises(ModelError, match="models pull some/one"):
        nemocli.load("some/one", runtime="numpy")
    with pytest.raises(ModelError, match="models pull some/one@ffff"):
        nemocli.load("some/one@ffff")


def test_a_conversion_of_another_revision_is_not_taken(demo, home):
    put_into_the_hub_s_cache(demo, home, "some/one", COMMIT, "main")
    convert("some/one", default_folder("some/one", "onnx", None))
    newer = put_into_the_hub_s_cache(demo, home, "some/one", COMMIT[::-1], "main")
    (newer / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match="tokenizer"):  # so it is the newer one that is opened
        nemocli.load("some/one", runtime="numpy")
    with pytest.raises(ModelError, match="tokenizer"):
        nemocli.load("some/one")


def test_a_path_comes_before_a_name_of_the_hub(demo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(demo, tmp_path / "some" / "one")
    assert nemocli.load("some/one", runtime="numpy").model_name == "some/one"
    assert source_name(tmp_path / "some" / "one") == "one"


def test_a_file_that_is_no_archive(tmp_path):
    (tmp_path / "sound.wav").write_bytes(b"RIFF" + bytes(100))
    with pytest.raises(ModelError, match=r"sound.wav is not a .nemo archive"):
        nemocli.load(tmp_path / "sound.wav")
