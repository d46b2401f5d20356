"""What a person may write as a model: names, paths, models of the hub."""

import os
import shutil

import pytest
from huggingface_hub import constants

import nemocli
from nemocli.errors import ModelError
from nemocli.models.convert import choose_default_folder, convert
from nemocli.models.find import find_model
from nemocli.models.folder import read_manifest
from nemocli.models.hub import DEFAULT_MODEL, PINS, describe_source, find_pulled, parse_hub_model

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
        ("a/b@v1.0+x", "a/b", "v1.0+x"),
    ],
)
def test_names_of_the_hub(text, name, revision):
    model = parse_hub_model(text)
    assert (model.name, model.revision, str(model)) == (name, revision, text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://huggingface.co/a/b", "a/b"),
        ("https://huggingface.co/a/b/", "a/b"),
        ("http:/huggingface.co/a/b", "a/b"),
        ("huggingface.co/a/b?library=nemo#top", "a/b"),
        ("https://www.huggingface.co/a/b/tree/main", "a/b@main"),
        ("https://hf.co/a/b/tree/refs%2Fpr%2F3", "a/b@refs/pr/3"),
        ("https://hf.co/a/b/tree/refs/pr/3/sub", "a/b@refs/pr/3"),
        ("https://hf.co/a/b/blob/v1/config.json", "a/b@v1"),
        ("https://huggingface.co/a/b/resolve/main/m.nemo?download=true", "a/b@main"),
        ("https://hub.example/a/b", "a/b"),
    ],
)
def test_addresses_of_the_hub(text, expected, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example")
    assert str(parse_hub_model(text)) == expected


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
        *(
            "./a@b",
            ".a/b",
            "a/..",
            "a/b@..",
            "a/b@../../c",
            "a/b@v/../x",
            "a/b@/x",
            "a--b/c",
            "é/b",
        ),
        *("https://huggingface.co/a", "https://huggingface.co/spaces/a/b"),
        *("https://elsewhere.example/a/b", "https://hf.co/a/b/tree/..%2F..%2Fc"),
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
        (
            "https://huggingface.co/nvidia/some-model",
            "get it with: nemocli models pull nvidia/some",
        ),
        ("https://hf.co/a/b/tree/v1", "nemocli models pull a/b@v1"),
        ("https://huggingface.co/datasets/a/b", "is an address"),
        ("https://example.org/m.nemo", "download it first, such as with: curl -LO 'https://exam"),
    ],
)
def test_an_address_is_understood_or_told_that_it_is_one(home, text, words):
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
    assert nemocli.load(f"some/one@{COMMIT[:7]}").model_name == f"some/one@{COMMIT[:7]}"
    assert nemocli.load("https://hf.co/some/one/tree/main").model_name == "some/one@main"
    for name in ("some/one@v2", f"some/one@{COMMIT[:6]}f"):
        with pytest.raises(ModelError, match=f"nemocli models pull {name}"):
            nemocli.load(name)


def test_the_released_model_is_whatever_revision_is_here(demo, home):
    """The pin comes first, then main as transformers downloads it, then the newest."""
    older = put_into_the_hub_s_cache(demo, home, DEFAULT_MODEL, "a" * 40)
    newer = put_into_the_hub_s_cache(demo, home, DEFAULT_MODEL, "b" * 40)
    for path, seconds in ((older, 1000), (newer, 2000)):
        os.utime(path, (seconds, seconds))
    assert find_model(None).path == newer
    main = put_into_the_hub_s_cache(demo, home, DEFAULT_MODEL, "c" * 40, "main")
    os.utime(main, (500, 500))
    assert find_model(None).path == find_model(f"{DEFAULT_MODEL}@main").path == main
    pinned = put_into_the_hub_s_cache(demo, home, DEFAULT_MODEL, PINS[DEFAULT_MODEL].revision)
    assert find_model(None).path == find_model(DEFAULT_MODEL).path == pinned
    (pinned / "tokenizer.json").unlink()  # incomplete, so it is none
    assert find_model(None).path == main


@pytest.mark.parametrize("content", ["../../../elsewhere", "", "main", "\xff"])
def test_a_reference_that_is_no_commit_is_none(demo, home, content):
    put_into_the_hub_s_cache(demo, home, "some/one", COMMIT, "v1")
    (home / "hub/models--some--one/refs/v1").write_text(content, encoding="latin-1")
    with pytest.raises(ModelError, match="models pull some/one@v1"):
        find_model("some/one@v1")


def test_weights_in_shards_are_here_when_all_are(demo, home):
    folder = put_into_the_hub_s_cache(demo, home, "some/one", COMMIT, "main")
    (folder / "model.safetensors").rename(folder / "a.safetensors")
    index = folder / "model.safetensors.index.json"
    index.write_text('{"weight_map": {"x": "a.safetensors", "y": "b.safetensors"}}')
    assert find_pulled(parse_hub_model("some/one")) is None
    (folder / "b.safetensors").touch()
    assert find_pulled(parse_hub_model("some/one")) == folder
    index.write_text("[")
    assert find_pulled(parse_hub_model("some/one")) is None


def test_an_incomplete_download_counts_as_none(demo, home):
    folder = put_into_the_hub_s_cache(demo, home, "some/one", COMMIT, "main")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="models pull some/one"):
        nemocli.load("some/one")


def test_a_conversion_is_found_by_its_name_and_by_the_hub_s(demo, home):
    snapshot = put_into_the_hub_s_cache(demo, home, "some/one", COMMIT, "main")
    out = choose_default_folder("some/one", "onnx", None)
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
    convert("some/one", choose_default_folder("some/one", "onnx", None))
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
    assert describe_source(tmp_path / "some" / "one") == "one"


def test_a_file_that_is_no_archive(tmp_path):
    (tmp_path / "page.md").write_text("# Hello\n")
    with pytest.raises(ModelError, match=r"page.md is not a .nemo archive"):
        nemocli.load(tmp_path / "page.md")


def test_sound_in_the_place_of_a_model(clips, tmp_path):
    (tmp_path / "a.wav").write_bytes(b"RIFF" + bytes(100))
    (tmp_path / "a.m4a").write_bytes(bytes(4) + b"ftypM4A " + bytes(100))
    for path in (clips[0].path, tmp_path / "a.wav", tmp_path / "a.m4a"):
        for load in (nemocli.load, nemocli.load_diarizer):
            with pytest.raises(ModelError, match=f"{path.name} is sound, not a model"):
                load(path)
