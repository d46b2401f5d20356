"""Downloads of bundles of Core AI graphs, from a server on this machine."""

import shutil

import pytest
from huggingface_hub import constants

from nemocli.models import retries
from nemocli.models.bundle import open_bundle
from nemocli.models.hub import HubModel
from tests.missing import skip_file_without
from tests.models.fake_hub import FakeHub, running
from tests.runtimes.coreai.bundles import make_bundle
from tests.typed import nemocli

skip_file_without("coreai", reason="coreai-core has no wheel for this system")

NAME = "someone/demo"


@pytest.fixture(scope="module")
def bundle(demo, tmp_path_factory):
    return make_bundle(demo, tmp_path_factory.mktemp("bundle") / "demo")


@pytest.fixture
def hub(bundle, tmp_path, monkeypatch):
    """A hub that has a bundle in both halves; downloads go into a folder of their own."""
    folder = shutil.copytree(bundle, tmp_path / "repository")
    (folder / "README.md").write_text("a bundle", encoding="utf-8")
    (folder / "macos" / "tokenizer_config.json").write_text("{}", encoding="utf-8")
    with running(FakeHub(folder, NAME)) as hub:
        template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setenv("NEMOCLI_MODELS_DIR", str(tmp_path / "models"))
        monkeypatch.setattr(retries, "sleep", lambda seconds: None)
        yield hub


def fetched(hub):
    """Return the names of the files that were asked for, with their folders."""
    return {
        path.partition(f"{hub.commit}/")[2] for _, path, _ in hub.requests if "/resolve/" in path
    }


@pytest.mark.parametrize("links", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_the_half_for_macs_is_pulled_and_runs(hub, clips, monkeypatch, links):
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_SYMLINKS", not links, raising=False)
    shown = nemocli("models", "pull", NAME)
    assert shown.exit_code == 0, shown.stderr
    names = fetched(hub)
    assert all(name.startswith("macos/") for name in names)
    snapshot = HubModel(NAME).folder / "snapshots" / hub.commit
    here = {path.relative_to(snapshot) for path in snapshot.rglob("*") if path.is_file()}
    macos = hub.folder / "macos"
    assert here == {path.relative_to(hub.folder) for path in macos.rglob("*") if path.is_file()}
    if links:  # native code must follow them
        shown = nemocli("file", clips[0].path, "--model", NAME, "--lang", clips[0].lang)
        assert shown.stdout.strip() == clips[0].text, shown.stderr
    listed = nemocli("models", "list").stdout
    assert "coreai fp32 (coreaikit)" in listed
    assert "intact" in nemocli("models", "verify").stdout
    refused = nemocli("convert", NAME, "--to", "onnx")
    assert refused.exit_code == 2
    assert "converted already" in refused.stderr
    hub.requests.clear()
    assert nemocli("models", "pull", f"{NAME}@{hub.commit}").exit_code == 0
    assert not hub.requests  # a commit that is here in full
    assert nemocli("models", "remove", NAME, "--yes").exit_code == 0
    assert not HubModel(NAME).folder.exists()


def test_a_download_goes_on_and_mends_what_is_damaged(hub, bundle):
    hub.cut_after = 100_000  # the hub goes away in the middle of a program
    assert nemocli("models", "pull", NAME).exit_code == 1
    assert "interrupted download" in nemocli("models", "list").stdout
    hub.status = None
    assert nemocli("models", "pull", NAME).exit_code == 0
    snapshot = HubModel(NAME).folder / "snapshots" / hub.commit
    program = open_bundle(snapshot).get_package_path("joint") / "main.mlirb"
    program.resolve().write_bytes(b"damaged")
    verified = nemocli("models", "verify")
    assert verified.exit_code == 3
    assert str(program) in verified.stdout
    assert "nemocli models pull" in verified.stdout
    assert nemocli("models", "pull", NAME).exit_code == 0
    intact = open_bundle(bundle).get_package_path("joint") / "main.mlirb"
    assert program.read_bytes() == intact.read_bytes()


def test_a_repository_that_lacks_a_graph_is_refused(hub):
    shutil.rmtree(hub.folder / "macos" / "nemotron_asr_predict_float32.aimodel")
    shown = nemocli("models", "pull", NAME)
    assert shown.exit_code == 3
    assert "nemotron_asr_predict_float32.aimodel" in shown.stderr
    assert not fetched(hub)
