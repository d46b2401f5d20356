"""A diarization model is downloaded as typed, listed, converted, and verified by doctor."""

import json
from functools import partial

import pytest

from nemocli.bench import verify
from nemocli.bench.diarizer_conversion import compare_diarizers
from nemocli.cli.verifying import _format_line
from nemocli.doctor.models import examine_models
from nemocli.models.hub import DEFAULT_DIARIZER, PINS
from nemocli.models.load_diarizer import load_diarizer
from nemocli.runtimes.kinds import KINDS
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


def look_for_models():
    """What doctor says of it, and the command that it advises."""
    (found,) = [each for each in examine_models() if each.name == "diarizer"]
    return found.value, found.advice


def test_doctor_finds_and_verifies_it(machine):
    missing = f"{DEFAULT_DIARIZER} is not downloaded"
    assert look_for_models() == (missing, f"nemocli models pull {DEFAULT_DIARIZER}")
    pulled = machine.nemocli("models", "pull", DEFAULT_DIARIZER)
    assert look_for_models() == (pulled.stdout.strip(), "")
    made = machine.nemocli("convert", DEFAULT_DIARIZER, "--to", "onnx", "--precision", "fp32")
    assert made.exit_code == 0, made.stderr
    (check,) = verify._verify_diarizers(lambda sentence: None)
    line = f"{DEFAULT_DIARIZER}: onnx fp32: same: 100.0% of the decisions agree"
    assert _format_line(check).startswith(line) and not check.is_bad
    (machine.home / "models/Nemotron-3-Diarization-onnx-fp32/diarize.onnx").write_bytes(b"0" * 99)
    assert not list(verify._verify_diarizers(lambda sentence: None))  # it is no whole model
    assert "diarize.onnx is " in machine.nemocli("models", "verify").stdout


def test_doctor_verifies_the_demo_in_every_variant(tmp_path, monkeypatch):
    folder = write_tiny_diarizer(tmp_path / "checkpoint")
    monkeypatch.setenv("NEMOCLI_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(verify, "find_diarization_demo_folder", lambda: folder)
    checks = {
        (check.runtime, check.precision): check
        for check in verify._verify_diarizer_demo(lambda sentence: None)
    }
    assert {runtime for runtime, _ in checks} == set(KINDS)
    for runtime, precision in (("numpy", "fp32"), ("onnx", "fp32"), ("onnx", "int8")):
        check = checks[runtime, precision]
        assert check.verdict == "same" and "of the decisions agree" in check.message
        assert not check.is_bad
    assert checks["coreml", "fp16"].verdict == "not here"
    wrong = write_tiny_diarizer(tmp_path / "other", seed=1)
    with load_diarizer(folder, "numpy") as one, load_diarizer(wrong, "onnx") as other:
        compare = partial(compare_diarizers, other, one, "fp32")
        check = verify._verify_diarizer("x", "onnx", "fp32", compare)
    assert check.is_bad and "does not find the speakers" in check.message
