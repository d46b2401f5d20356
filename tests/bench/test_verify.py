"""`nemocli doctor --verify`: what it runs, its verdicts, its report, and its exit code."""

import json
import os
from dataclasses import replace

import pytest

from nemocli.bench import variants, verify
from nemocli.bench.reference import SOUND, TOKENS, load_demo_reference
from nemocli.bench.run_config import RunResult
from nemocli.errors import ModelError
from nemocli.network.checkpoint import Checkpoint
from nemocli.runtimes.kinds import KINDS
from nemocli.runtimes.system import System
from tests.schemas import checked
from tests.typed import nemocli


def test_the_stored_tokens_belong_to_the_bundled_demo(demo):
    stored = json.loads((demo.parent / "clips" / TOKENS).read_text())
    assert stored["sound"] == SOUND
    assert stored["checkpoint_sha256"] == Checkpoint(demo).sha256, "run scripts/store_tokens.py"
    assert set(stored["tokens"]) == {"0", "3", "6", "13"}


@pytest.fixture
def few(monkeypatch):
    """Only numpy and onnxruntime in float32, at one lookahead, on the first clip."""
    whole = load_demo_reference()
    first = replace(whole, sound=whole.sound[: 16000 * 3], tokens={3: whole.tokens[3][:8]})
    monkeypatch.setattr(verify, "list_variants", lambda: [("numpy", "fp32"), ("onnx", "fp32")])
    monkeypatch.setattr(verify, "load_demo_reference", lambda: first)
    return first


def doctor(report):
    done = nemocli("doctor", "--verify", "--report", report)
    return done, checked(json.loads(report.read_text()), "verify")


def test_exact_runtimes(few, tmp_path):
    done, report = doctor(tmp_path / "report.json")
    assert done.exit_code == 0, done.output
    speakers = [o for o in report["outcomes"] if o["model"] == "diarization-demo"]
    assert [(o["runtime"], o["verdict"]) for o in speakers] == [("numpy", "same"), ("onnx", "same")]
    found = {o["runtime"]: o for o in report["outcomes"] if o["model"] == "demo"}
    assert set(found) == {"numpy", "onnx"}
    for outcome in found.values():
        assert (outcome["verdict"], outcome["agreeing"]) == ("same", len(few.tokens[3]))
        assert outcome["chunk_ms_median"] > 0
    assert "cores" in report["machine"]["processor"]
    assert "demo: onnx fp32, lookahead 3: 8 of 8 tokens, same;" in done.stdout
    assert os.listdir(tmp_path) == ["report.json"]


def test_other_transfers_are_tried_too(few, tmp_path, monkeypatch):
    """Each at the runtime's default precision; one that is not there fails for itself."""
    monkeypatch.setattr(KINDS["numpy"], "transfers", ("quick", "broken"))

    def run(config, sound):
        if config.transfer == "broken":
            raise ModelError("It lacks a function.")
        return RunResult(few.tokens[3], 0.1, [0.01, 0.01], 3.0)

    monkeypatch.setattr(verify, "run_config", run)
    done, report = doctor(tmp_path / "report.json")
    assert done.exit_code == 1
    with_tokens = [o for o in report["outcomes"] if o["model"] == "demo"]
    found = [(o["runtime"], o["transfer"], o["verdict"]) for o in with_tokens]
    assert found == [
        ("numpy", None, "same"),
        ("numpy", "quick", "same"),
        ("numpy", "broken", "failed"),
        ("onnx", None, "same"),
    ]
    assert "demo: numpy fp32, quick, lookahead 3: 8 of 8 tokens, same;" in done.stdout


def test_only_json_is_on_stdout(few, tmp_path):
    path = tmp_path / "report.json"
    done = nemocli("doctor", "--verify", "--json", "--report", path)
    printed = checked(json.loads(done.stdout), "verify")
    assert printed["outcomes"] == json.loads(path.read_text())["outcomes"]
    assert "8 of 8 tokens, same" in done.stderr


def test_other_tokens_are_reported(few, tmp_path, monkeypatch):
    wrong = replace(few, tokens={3: [*few.tokens[3][:-1], 1, 2]})
    monkeypatch.setattr(verify, "load_demo_reference", lambda: wrong)
    done, report = doctor(tmp_path / "report.json")
    assert done.exit_code == 1
    assert "8 of 9 tokens, differs" in done.stdout
    verdicts = {o["verdict"] for o in report["outcomes"] if o["tokens"] is not None}
    assert verdicts == {"differs"}


def test_a_report_that_cannot_be_written_is_refused_first(tmp_path):
    report = tmp_path / "none" / "report.json"
    done = nemocli("doctor", "--verify", "--report", report)
    assert done.exit_code == 1
    assert done.stderr == (
        f"nemocli: The report {report} cannot be written: No such file or directory.\n"
    )


def test_an_installation_without_the_sound(monkeypatch, tmp_path):
    monkeypatch.setattr("nemocli.bench.reference.find_demo_folder", lambda: tmp_path / "demo")
    with pytest.raises(ModelError, match="clone of the repository"):
        verify.check_verifiable()


def test_variants_on_a_mac():
    mac, here = System("darwin", "27.1"), System("linux")
    assert ("coreai", "fp16") in list(variants.list_variants(mac))
    assert ("coreai", "fp16") not in list(variants.list_variants(here))
    assert ("coreml", "fp32") not in list(variants.list_variants(mac))
    assert variants.list_compute_units("coreml", mac) == ("cpu", "gpu", "ane", "all")
    assert variants.list_compute_units("coreai", mac) == ("cpu", "gpu", "ane", "all")
    assert variants.list_compute_units("coreai", System("darwin", "26.4")) == (None,)
    assert variants.list_compute_units("onnx", mac) == (None,)


@pytest.mark.parametrize(
    ("verdict", "precision", "is_bad"),
    [
        ("same", "fp32", False),
        ("differs", "fp16", True),
        ("differs", "int8", False),
        ("failed", "int8", True),
        ("not here", "fp16", False),
    ],
)
def test_verdicts_that_make_the_exit_code_1(verdict, precision, is_bad):
    assert verify.VariantCheck("demo", "coreml", precision, "ane", 3, verdict).is_bad is is_bad


@pytest.mark.slow
def test_every_variant_of_this_machine(tmp_path):
    done, report = doctor(tmp_path / "report.json")
    assert done.exit_code == 0, done.output
    ran = [o for o in report["outcomes"] if o["verdict"] != "not here"]
    assert len(ran) >= 12
    assert all(o["verdict"] == "same" for o in ran if o["precision"] == "fp32")
