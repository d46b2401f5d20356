"""The model for English alone on a hub, and repositories of models that are not run."""

import pytest
from huggingface_hub import constants

from nemocli.bench import verify
from nemocli.models.hub import ENGLISH_MODEL, PINS
from tests.fuzz import tiny
from tests.models.fake_hub import COMMIT, FakeHub, running
from tests.network.broken import write
from tests.typed import nemocli


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A hub's cache and folders of models of their own; the function connects them to a hub."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("NEMOCLI_MODELS_DIR", str(tmp_path / "models"))

    def connect(hub):
        template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)

    return connect


def test_the_english_model_is_pulled_and_found_by_its_name(tmp_path, place):
    write(tmp_path / "repository", tiny.english_files())
    with running(FakeHub(tmp_path / "repository", name=ENGLISH_MODEL)) as hub:
        place(hub)
        done = nemocli("models", "pull", ENGLISH_MODEL)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.endswith(f"/snapshots/{COMMIT}\n")
    # The pinned commit is second-hand, and so not insisted on.
    assert f"no revision {PINS[ENGLISH_MODEL].revision}" in done.stderr
    assert nemocli("models", "path", ENGLISH_MODEL).stdout == done.stdout
    assert f"{ENGLISH_MODEL}@{COMMIT}\n    checkpoint" in nemocli("models", "list").stdout
    found = nemocli("doctor").stdout
    assert f"English model     {done.stdout}" in found
    notes = []
    assert not list(verify._verify_released(notes.append))
    out = tmp_path / "models" / "english"
    assert nemocli("convert", ENGLISH_MODEL, "-o", out, "--no-verify", "-q").exit_code == 0
    assert nemocli("models", "path", ENGLISH_MODEL).stdout == f"{out}\n"
    checks = verify._verify_released(notes.append)
    assert ENGLISH_MODEL in next(checks).model


@pytest.mark.parametrize(
    ("name", "archive", "what"),
    [
        ("nvidia/parakeet-tdt-0.6b-v3", "parakeet-tdt-0.6b-v3.nemo", "Parakeet TDT, which also"),
        ("nvidia/parakeet-unified-en-0.6b", "model.nemo", "Parakeet Unified, whose attention"),
        ("a/b", "multitalker-parakeet-streaming-0.6b-v1.nemo", "Multitalker Parakeet, which needs"),
        ("nvidia/canary-1b-v2", "canary-1b-v2.nemo", "Canary, which translates too"),
        ("nvidia/diar_sortformer_4spk-v1", "d.nemo", "a diarization model"),
    ],
)
def test_a_repository_of_another_model_is_refused_before_its_download(
    tmp_path, place, name, archive, what
):
    (tmp_path / "repository").mkdir()
    (tmp_path / "repository" / archive).write_bytes(b"x" * 100_000)
    with running(FakeHub(tmp_path / "repository", name=name)) as hub:
        place(hub)
        done = nemocli("models", "pull", name)
        assert not [path for _, path, _ in hub.requests if "/resolve/" in path]
    assert (done.exit_code, done.stdout) == (3, "")
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith(f"nemocli: The repository {name} is not for nemocli: {what}")
    assert "nemocli runs only" in sentence and sentence.endswith(".")
