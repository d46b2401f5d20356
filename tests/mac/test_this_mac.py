"""What only a Mac can show; nobody has run it yet. `pytest -m mac` runs this and no more."""

import json
import sys
import time

import pytest

import nemocli
from nemocli.audio.clock_with_sleep import read_clock_with_sleep
from nemocli.audio.default_input import DefaultInput
from nemocli.bench.variants import list_compute_units, list_other_transfers
from nemocli.cli.app_nap import prevent_app_nap
from nemocli.doctor.power import examine_power
from nemocli.models.resolve import resolve
from nemocli.models.spec import ModelSpec
from nemocli.runtimes.kinds import KINDS, is_ready, order_for_auto
from nemocli.runtimes.machine import find_processor_name
from nemocli.runtimes.system import read_system
from nemocli.transcriber import load_transcriber
from tests import typed
from tests.kinds_here import RUN_HERE
from tests.schemas import checked

pytestmark = pytest.mark.mac


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    """Nothing is measured yet."""
    monkeypatch.setenv("NEMOCLI_DATA_DIR", str(tmp_path / "data"))


def test_auto_is_the_first_that_this_mac_can_run():
    system = read_system()
    expected = next(kind.name for kind in order_for_auto(system) if is_ready(kind, system))
    assert resolve(ModelSpec("demo")).runtime == expected
    findings = checked(json.loads(typed.nemocli("doctor", "--json").stdout), "doctor")
    (auto,) = [each["value"] for each in findings if each["name"] == "runtime auto"]
    assert auto.startswith(f"{expected}: ")


def test_on_apple_silicon_it_is_not_onnxruntime():
    if not read_system().is_apple_silicon or not read_system().has_macos(15):
        pytest.skip("needs Apple silicon and macOS 15")
    assert resolve(ModelSpec("demo")).runtime != "onnx"


VARIANTS = [(name, units) for name in RUN_HERE for units in list_compute_units(name)]


@pytest.mark.parametrize(("runtime", "units"), VARIANTS)
def test_every_clip_is_transcribed(runtime, units, clips):
    transcriber = nemocli.load("demo", runtime=runtime, compute_units=units)
    for clip in clips:
        session = transcriber.session(lang=clip.lang)
        session.feed(clip.samples)
        assert session.finish().text == clip.text


@pytest.mark.parametrize("units", list_compute_units("coreml"))
@pytest.mark.parametrize("transfer", KINDS["coreml"].transfers)
def test_every_transfer_of_core_ml_gives_the_same(transfer, units, clips):
    if "coreml" not in RUN_HERE or transfer not in list_other_transfers("coreml"):
        pytest.skip("needs Core ML, and pip install 'nemocli[coreml]' for direct calls")
    spec = ModelSpec("demo", "coreml", compute_units=units, transfer=transfer)
    transcriber = load_transcriber(spec)
    for clip in clips:
        session = transcriber.session(lang=clip.lang)
        session.feed(clip.samples)
        assert session.finish().text == clip.text


def test_core_ml_takes_the_memory_that_it_is_given(clips, tmp_path):
    """Outputs that the framework declines to write where we want them would be copied."""
    if "direct" not in list_other_transfers("coreml") or "coreml" not in RUN_HERE:
        pytest.skip("needs Core ML, and pip install 'nemocli[coreml]'")
    from nemocli.runtimes.coreml import framework

    copied = []
    with pytest.MonkeyPatch.context() as patch:
        copy = framework._MultiArrays.copy

        def record(arrays, value, target):
            copied.append(target.shape)
            copy(arrays, value, target)

        patch.setattr(framework._MultiArrays, "copy", record)
        spec = ModelSpec("demo", "coreml", compute_units="cpu", transfer="direct")
        session = load_transcriber(spec).session(lang=clips[0].lang)
        session.feed(clips[0].samples)
        assert session.finish().text == clips[0].text
    assert copied == []


def test_what_was_compiled_is_kept(clips):
    if "coreml" not in RUN_HERE:
        pytest.skip("needs Core ML")
    nemocli.load("demo", runtime="coreml").close()
    steps = []
    nemocli.load("demo", runtime="coreml", progress=steps.append).close()
    assert not [step for step in steps if step.startswith("compiling")]


def test_everything_is_exact(tmp_path):
    report = tmp_path / "report.json"
    done = typed.nemocli("doctor", "--verify", "--report", report)
    outcomes = checked(json.loads(report.read_text()), "verify")["outcomes"]
    assert done.exit_code == 0, done.output
    ran = {each["runtime"] for each in outcomes if each["verdict"] == "same"}
    assert ran >= {name for name in RUN_HERE if not KINDS[name].is_slow_on(read_system())}


def test_the_fastest_is_found_and_then_used():
    done = typed.nemocli("bench", "--choose", "--model", "demo", "--json", "-")
    assert done.exit_code == 0, done.output
    report = checked(json.loads(done.stdout), "choice")
    for purpose in ("live", "files"):
        resolved = resolve(ModelSpec("demo", purpose=purpose))
        fastest = report[purpose][0]
        names = ("runtime", "precision", "compute_units", "transfer")
        assert {name: getattr(resolved, name) for name in names} == fastest


def test_core_audio_says_which_microphone_is_the_default():
    found = DefaultInput()
    assert found._library is not None
    assert found.find() is None or found.find() > 0  # a machine in a data centre has none


def test_the_system_answers():
    assert find_processor_name()
    list(examine_power())
    before = read_clock_with_sleep()
    time.sleep(0.01)
    assert read_clock_with_sleep() > before
    with prevent_app_nap():
        assert "appnope" in sys.modules
