"""Getting models from Python: the same as by `nemocli convert`, `models pull` and `models list`."""

import json

import pytest
from huggingface_hub import constants

import nemocli
from nemocli.bench import conversion
from nemocli.models.folder import read_manifest
from nemocli.progress import report_to
from tests import typed
from tests.models.fake_hub import COMMIT, FakeHub, running


@pytest.fixture
def hub(demo, tmp_path, monkeypatch):
    """A hub that has the demo as someone/demo, and an empty cache."""
    monkeypatch.setenv("NEMOCLI_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    with running(FakeHub(demo)) as served:
        template = served.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "ENDPOINT", served.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield served


def test_pull(hub, tmp_path):
    steps = []
    folder = nemocli.pull("someone/demo", progress=steps.append)
    assert folder == tmp_path / "hub/models--someone--demo/snapshots" / COMMIT
    assert any(step.startswith("downloading model.safetensors") for step in steps)
    assert nemocli.load("someone/demo", runtime="numpy").languages
    with pytest.raises(nemocli.UsageError, match="owner/name"):
        nemocli.pull("demo")
    with pytest.raises(nemocli.ModelError, match="no model someone/else"):
        nemocli.pull("someone/else")


def test_convert_downloads_and_verifies(hub, tmp_path, clips, capfd):
    steps = []
    folder = nemocli.convert("someone/demo", lookaheads=[3], progress=steps.append)
    assert folder == tmp_path / "models" / "demo-onnx-fp32"
    assert read_manifest(folder).lookaheads == (3,)
    kinds = [step.split()[0] for step in steps]
    assert kinds == sorted(kinds, key=["downloading", "converting", "comparing", "verified,"].index)
    assert {"downloading", "converting", "comparing", "verified,"} == set(kinds)
    assert nemocli.load(folder).transcribe(clips[0].path, clips[0].lang).text == clips[0].text
    assert capfd.readouterr() == ("", "")
    again = []
    assert nemocli.convert("someone/demo", lookaheads=[3], progress=again.append) == folder
    assert again == []
    listed = nemocli.list_models()
    assert listed == json.loads(typed.nemocli("models", "list", "--json").stdout)
    assert str(folder) in [model["path"] for model in listed]


def test_a_conversion_that_differs_is_refused_and_leaves_nothing(demo, tmp_path, monkeypatch):
    def differs(*_):
        raise nemocli.NemocliError("The onnx model does not say what its checkpoint says.")

    monkeypatch.setattr(conversion, "verify_folder", differs)
    with pytest.raises(nemocli.NemocliError, match="does not say"):
        nemocli.convert(demo, tmp_path / "model", lookaheads=[3])
    assert not list(tmp_path.iterdir())
    made = nemocli.convert(demo, str(tmp_path / "model"), lookaheads=[3], verify=False)
    assert read_manifest(made).lookaheads == (3,)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"to": "tflite"}, nemocli.UsageError, "onnx, coreml, mlx, coreai"),
        ({"precision": "int3"}, nemocli.UsageError, "fp32, int8"),
        ({"lookaheads": [5]}, nemocli.UsageError, "has no lookahead 5"),
        ({"lookaheads": []}, nemocli.UsageError, "No lookahead is chosen"),
        ({"checkpoint": "nowhere"}, nemocli.ModelError, "nowhere"),
    ],
)
def test_what_does_not_exist(options, error, words, tmp_path):
    options = {"checkpoint": "demo", "out": tmp_path / "model"} | options
    with pytest.raises(error, match=words):
        nemocli.convert(**options)
    assert not list(tmp_path.iterdir())


def test_progress_on_stderr(capsys, monkeypatch):
    times = iter([0.0, 0.1, 0.5, 0.6])
    monkeypatch.setattr("nemocli.progress.time.monotonic", lambda: next(times))
    with report_to(True) as report:
        report("downloading a\x1b[2J: 0 of 10")
        report("downloading a\x1b[2J: 1 of 10")  # too soon
        report("downloading a\x1b[2J: 5 of 10")
        report("loading")
    assert capsys.readouterr().err == (
        "\rdownloading a [2J: 0 of 10\rdownloading a [2J: 5 of 10\n\rloading\n"
    )
    for silent in (None, False):
        with report_to(silent) as report:
            report("loading")
    assert capsys.readouterr() == ("", "")
