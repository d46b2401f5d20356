"""A diarization model is downloaded as typed, listed, converted, and verified by doctor."""

import json

import pytest

from nemocli.models.hub import DEFAULT_DIARIZER, PINS
from tests.diarizers import CONFIG_JSON, write_tiny_diarizer
from tests.models.fake_hub import COMMIT, FakeHub, running
from tests.models.test_pull import Machine, refused

FILES = {"config.json", "processor_config.json", "model.safetensors"}


@pytest.fixture
def hub(tmp_path):
    folder = write_tiny_diarizer(tmp_path / "checkpoint")
    (folder / "README.md").write_text("a card")
    with running(FakeHub(folder, DEFAULT_DIARIZER)) as hub:
        yield hub


@pytest.fixture
def machine(tmp_path, hub, monkeypatch):
    return Machine(tmp_path / "home", hub.url, monkeypatch)


@pytest.mark.parametrize("says", [None, {"model_type": CONFIG_JSON["model_type"]}])
def test_it_is_downloaded_without_what_only_others_have(machine, hub, says):
    hub.config = says
    done = machine.nemocli("models", "pull", DEFAULT_DIARIZER)
    assert done.exit_code == 0, done.stderr
    snapshot = machine.home / "hub/models--nvidia--Nemotron-3-Diarization/snapshots" / COMMIT
    assert {path.name for path in snapshot.iterdir()} == FILES
    assert PINS[DEFAULT_DIARIZER].revision not in str(snapshot)  # this hub has another commit
    assert "its main branch is taken instead" in done.stderr
    again = machine.nemocli("models", "pull", DEFAULT_DIARIZER)
    assert again.stdout == done.stdout and "downloading" not in again.stderr
    machine.go_offline()
    assert machine.nemocli("models", "path", DEFAULT_DIARIZER).stdout == done.stdout
    assert (
        f"{DEFAULT_DIARIZER}@{COMMIT}\n    checkpoint" in machine.nemocli("models", "list").stdout
    )


def test_one_of_another_name_is_downloaded_if_the_hub_says_what_it_is(machine, hub):
    hub.name, hub.config = "someone/voices", {"model_type": CONFIG_JSON["model_type"]}
    done = machine.nemocli("models", "pull", "someone/voices")
    assert done.exit_code == 0, done.stderr
    (machine.home / "hub/models--someone--voices/nemocli-pulled").unlink()  # as by other programs
    assert "someone/voices@" in machine.nemocli("models", "list").stdout


def test_one_that_nemocli_cannot_run_leaves_nothing(machine, hub):
    config = json.loads(json.dumps(CONFIG_JSON))
    config["audio_config"]["hidden_act"] = "relu"
    (hub.folder / "config.json").write_text(json.dumps(config))
    done = machine.nemocli("models", "pull", DEFAULT_DIARIZER)
    assert (done.exit_code, done.stdout) == (3, "")
    assert "is not for nemocli: config.json sets hidden_act to 'relu'" in done.stderr
    assert not list((machine.home / "hub").rglob("config.json"))
    (hub.folder / "processor_config.json").unlink()
    refused(machine.nemocli("models", "pull", f"{DEFAULT_DIARIZER}@main"), 3, "processor_config")


def test_doctor_finds_and_verifies_it(machine, hub, monkeypatch):
    doctor = machine.nemocli("doctor").stdout
    assert f"{DEFAULT_DIARIZER} is not downloaded" in doctor
    assert f"nemocli models pull {DEFAULT_DIARIZER}" in doctor
    assert machine.nemocli("models", "pull", DEFAULT_DIARIZER).exit_code == 0
    assert f"{DEFAULT_DIARIZER} is not downloaded" not in machine.nemocli("doctor").stdout
    made = machine.nemocli("convert", DEFAULT_DIARIZER, "--to", "onnx", "--precision", "fp32")
    assert made.exit_code == 0, made.stderr
    monkeypatch.setattr("nemocli.bench.verify._verify_demo", lambda note: ())
    report = ("--report", machine.home / "report.json")
    done = machine.nemocli("doctor", "--verify", *report)
    assert done.exit_code == 0, done.output
    assert f"{DEFAULT_DIARIZER}: onnx fp32: same: 100.0% of the decisions agree" in done.stdout
    (machine.home / "models/Nemotron-3-Diarization-onnx-fp32/diarize.onnx").write_bytes(b"0" * 99)
    assert (
        DEFAULT_DIARIZER not in machine.nemocli("doctor", "--verify", *report).stdout
    )  # it is not whole
