"""`nemocli bench --choose`: what competes, what wins, what is remembered, and what it changes."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from nemocli.bench import choosing, trials
from nemocli.bench.reference import load_demo_reference
from nemocli.bench.subprocess_run import SubprocessError
from nemocli.bench.trials import Measured, Trial, rank_for_files, rank_for_live
from nemocli.cli import loading
from nemocli.doctor.auto import examine_auto
from nemocli.errors import ModelError, UnsupportedError, UsageError
from nemocli.models.measured_choices import ChoiceError, Variant, find_choice_file, read_choice
from nemocli.models.resolve import resolve
from nemocli.models.spec import ModelSpec
from nemocli.network.checkpoint import open_checkpoint
from nemocli.runtimes.kinds import KINDS
from nemocli.runtimes.system import System, read_system
from tests.schemas import checked
from tests.typed import nemocli


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("NEMOCLI_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(choosing, "list_variants", lambda: [("numpy", "fp32"), ("onnx", "fp32")])
    return tmp_path / "data"


@pytest.fixture
def measured(monkeypatch):
    """Replace the processes: what each runtime, or transfer, measures or raises, by its name."""
    expected = load_demo_reference().tokens[3]
    results = {
        "onnx": Measured(expected, expected, 0.5, [0.004] * 100, 0.001, 10**8, None, 24.0),
        "numpy": Measured(expected, expected, 0.1, [0.002] * 100, 0.003, 10**8, 48.0, 24.0),
    }

    def run_in_subprocess(function, config, sound):
        if isinstance(result := results[config.transfer or config.runtime], Exception):
            raise result
        return result

    monkeypatch.setattr(trials, "run_in_subprocess", run_in_subprocess)
    return results


def choose(*arguments):
    return nemocli("bench", "--choose", "--model", "demo", *arguments)


def chosen(demo):
    return read_choice(open_checkpoint(demo).sha256, read_system())


def test_it_is_measured_and_remembered_and_then_used(demo, data, monkeypatch):
    """With a real process, for one runtime."""
    monkeypatch.setattr(choosing, "list_variants", lambda: [("numpy", "fp32")])
    whole = load_demo_reference()
    short = replace(whole, sound=whole.sound[: 16000 * 3], tokens={3: whole.tokens[3][:8]})
    monkeypatch.setattr(choosing, "load_demo_reference", lambda: short)
    monkeypatch.setattr(trials, "ROUNDS", 1)
    done = choose()
    assert done.exit_code == 0, done.output
    (row,) = [line.split() for line in done.stdout.splitlines() if line.startswith("numpy fp32")]
    assert row[2] == "8/8" and all(float(cell) > 0 for cell in row[3:8])
    assert "fastest with exact tokens, for live: numpy fp32\n" in done.stdout
    (path,) = (data / "choices").iterdir()
    assert f"remembered in {path}" in done.stderr
    checked(json.loads(path.read_text()), "choice")
    assert chosen(demo).live == chosen(demo).files == (Variant("numpy", "fp32", None),)
    assert resolve(ModelSpec("demo")).runtime == "numpy"
    assert resolve(ModelSpec("demo", "onnx")).runtime == "onnx"


def test_live_and_files_are_chosen_each_for_itself(demo, measured):
    assert choose("-q").exit_code == 0
    assert resolve(ModelSpec("demo")).runtime == "numpy"
    assert resolve(ModelSpec("demo", purpose="files")).runtime == "onnx"
    (shown,) = [each for each in examine_auto() if each.name == "measured"]
    assert shown.value.startswith("demo: numpy fp32 for live, onnx fp32 for files (20")


def test_file_goes_by_it(measured, clips):
    measured["numpy"] = replace(measured["numpy"], block_chunk=0.0001)
    assert choose("-q").exit_code == 0
    command = ("file", clips[0].path, "--model", "demo", "--format", "json", "-q")
    assert json.loads(nemocli(*command).stdout)["runtime"] == "numpy"


def test_doctor_tells_of_a_file_that_cannot_be_used(demo, measured, data):
    assert choose("-q").exit_code == 0
    (path,) = (data / "choices").iterdir()
    (data / "choices" / "0-0.json").write_text("of another machine that shares this home")
    text = path.read_text()
    for damaged, words in (
        (text[:-9], "is damaged and is ignored"),
        (text.replace('"processors": ', '"processors": 7'), "was made on another machine"),
    ):
        path.write_text(damaged)
        (found,) = [each for each in examine_auto() if each.name == "measured"]
        assert words in found.value and (found.ok, found.essential) == (False, False)
        assert found.advice == "nemocli bench --choose"


def test_json(measured, tmp_path):
    done = choose("--json", "-")
    report = checked(json.loads(done.stdout), "choice")
    assert report["live"][0]["runtime"] == "numpy"
    by_runtime = {trial["runtime"]: trial for trial in report["trials"]}
    assert by_runtime["numpy"]["joules_per_second"] == 2.0
    assert by_runtime["onnx"]["joules_per_second"] is None
    choose("--json", tmp_path / "a.json")
    assert checked(json.loads((tmp_path / "a.json").read_text()), "choice")["files"]


def test_an_untrained_lookahead_is_compared_with_its_own_tokens(demo):
    given = ("demo", 1, lambda step: None, lambda note: None)
    with pytest.raises(UsageError, match="no lookahead 1"):
        choosing.list_candidates(*given)
    candidates = choosing.list_candidates(*given, untrained_lookahead=True)
    assert candidates.lookahead == 1 and set(candidates.reference.tokens) == {1}
    assert {(config.runtime, config.lookahead) for config in candidates.configs} == {
        ("numpy", 1),
        ("onnx", 1),
    }


def test_only_exact_tokens_win(demo, measured):
    wrong = [*measured["numpy"].tokens[:-1], 1]
    measured["numpy"] = replace(measured["numpy"], tokens=wrong)
    done = choose()
    assert done.exit_code == 0 and "64/65, 65" in done.stdout
    assert chosen(demo).live == (Variant("onnx", "fp32", None),)


def test_transfers_are_tried_with_what_would_win(demo, measured, monkeypatch):
    numpy = KINDS["numpy"]
    monkeypatch.setattr(numpy, "transfers", ("quick", "wrong", "broken"))
    quick = replace(measured["numpy"], chunks=[0.001] * 100)
    measured["quick"] = quick
    measured["wrong"] = replace(quick, chunks=[0.0001] * 100, tokens=quick.tokens[1:])
    measured["broken"] = ModelError("The model folder lacks a function.")
    done = choose()
    assert done.exit_code == 0, done.output
    assert "fastest with exact tokens, for live: numpy fp32, quick\n" in done.stdout
    assert "numpy fp32, broken failed: The model folder lacks a function." in done.stdout
    # The others keep their places; what is not exact is nowhere.
    names = [str(variant) for variant in chosen(demo).live]
    assert names == ["numpy fp32, quick", "numpy fp32", "onnx fp32"]
    assert resolve(ModelSpec("demo")).transfer == "quick"
    assert resolve(ModelSpec("demo", "numpy")).transfer is None
    assert resolve(ModelSpec("demo", "numpy", transfer="wrong")).transfer == "wrong"
    (shown,) = [each for each in examine_auto() if each.name == "measured"]
    assert "numpy fp32, quick for live" in shown.value
    # What it needs was removed: the next one runs.
    monkeypatch.setattr(numpy, "transfers", ())
    resolved = resolve(ModelSpec("demo"))
    assert (resolved.runtime, resolved.transfer) == ("numpy", None)
    (shown,) = [each for each in examine_auto() if each.name == "measured"]
    assert shown.value.startswith("demo: numpy fp32 for live, onnx fp32 for files (")
    assert shown.advice == (
        "faster, but not here any more: numpy fp32, quick; measure again:"
        " nemocli bench --choose --model demo"
    )


def test_a_file_from_before_transfers_is_read(demo, measured, data):
    assert choose("-q").exit_code == 0
    (path,) = (data / "choices").iterdir()
    report = json.loads(path.read_text())
    for variant in (*report["live"], *report["files"], *report["trials"]):
        del variant["transfer"]
    path.write_text(json.dumps(checked(report, "choice")))
    assert chosen(demo).live[0] == Variant("numpy", "fp32", None)
    report["live"][0]["transfer"] = 3
    path.write_text(json.dumps(report))
    with pytest.raises(ChoiceError, match="is damaged"):
        chosen(demo)


def test_what_is_exact_chunk_by_chunk_only_is_not_for_files(demo, measured):
    tokens = measured["numpy"].tokens
    measured["numpy"] = replace(measured["numpy"], tokens_in_blocks=[*tokens, 1], block_chunk=1e-9)
    assert "65/65, 65" in choose().stdout
    assert [one.runtime for one in chosen(demo).live] == ["numpy", "onnx"]
    assert [one.runtime for one in chosen(demo).files] == ["onnx"]


def test_without_exact_tokens_nothing_changes(demo, measured):
    assert choose().exit_code == 0
    before = chosen(demo)
    for name, one in measured.items():
        measured[name] = replace(one, tokens=[1, 2, 3])
    done = choose()
    assert done.exit_code == 1
    assert "No runtime gave the reference tokens of demo, so none is chosen;" in done.stderr
    assert chosen(demo) == before


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (SubprocessError("it ended the process that ran it"), "failed"),
        (ModelError("The model is damaged."), "failed"),
        (UnsupportedError("It needs another machine."), "not here"),
    ],
)
def test_a_variant_that_fails_does_not_stop_the_others(demo, measured, error, verdict):
    measured["numpy"] = error
    done = choose()
    assert done.exit_code == 0
    assert f"numpy fp32 {verdict}: {error}" in done.stdout
    assert [one.runtime for one in chosen(demo).live] == ["onnx"]


def test_killed_while_it_is_written_the_old_one_stays(demo, measured, data):
    assert choose("-q").exit_code == 0
    before = chosen(demo)
    code = (
        "import os, signal, sys\n"
        "from dataclasses import replace\n"
        "from nemocli.models.measured_choices import read_choice, write_choice\n"
        "from nemocli.runtimes.system import read_system\n"
        "system, revision = read_system(), sys.argv[1]\n"
        "os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_choice(replace(read_choice(revision, system), live=()), system)\n"
    )
    command = [sys.executable, "-c", code, before.revision]
    assert subprocess.run(command).returncode == -signal.SIGKILL
    assert chosen(demo) == before
    assert len(os.listdir(data / "choices")) == 2
    assert choose("-q").exit_code == 0
    assert len(os.listdir(data / "choices")) == 1  # what was left is gone


def test_a_folder_that_cannot_be_written_is_refused_before_the_work(measured, data):
    data.write_text("a file")
    done = choose()
    assert (done.exit_code, done.stdout) == (1, "")
    assert "set NEMOCLI_DATA_DIR to a folder" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--runtime", "onnx"], "leave out --runtime"),
        (["--precision", "int8"], "leave out --precision"),
        (["--compute-units", "gpu"], "leave out --compute-units"),
        (["--sweep"], "--sweep and --choose are measured one at a time"),
        (["some.wav"], "--choose brings its own sounds; leave out some.wav"),
        (["--lookahead", "5"], "no lookahead 5"),
    ],
)
def test_options_that_contradict_it(arguments, words):
    done = choose(*arguments)
    assert done.exit_code == 2 and words in done.stderr


def test_a_model_folder_is_refused(cache):
    folder = resolve(ModelSpec("demo", "onnx", "fp32", 3)).convert().path
    done = nemocli("bench", "--choose", "--model", folder)
    assert done.exit_code == 2 and "to compare runtimes, name the checkpoint" in done.stderr


def test_of_a_large_model_only_what_is_converted_competes(demo, measured, monkeypatch, tmp_path):
    from nemocli.bench import variants
    from nemocli.models.convert import convert

    monkeypatch.setenv("NEMOCLI_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("NEMOCLI_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(variants, "MAX_SLOW_WEIGHTS", 1000)
    done = choose()
    assert done.exit_code == 2 and "first: nemocli convert demo" in done.stderr
    assert "onnx is left out: demo is not converted for it: nemocli convert demo --to onnx" in (
        done.stderr
    )
    convert(demo, tmp_path / "models" / "one", "onnx", "int8", [3])
    assert choose("-q").exit_code == 0
    assert chosen(demo).live == (Variant("onnx", "int8", None),)
    convert(demo, tmp_path / "models" / "two", "onnx", "fp32", [3])
    monkeypatch.setattr(KINDS["onnx"], "is_slow_on", lambda system: True)
    assert choose().stderr.count("onnx is left out: with so many weights") == 1


def trial(name, p50, p99=9.0, block=9.0, memory=9.0, exact=True):
    return Trial(
        *(name, "fp16", None, "same"),
        is_exact=exact,
        is_exact_in_blocks=exact,
        chunk_ms_p50=p50,
        chunk_ms_p99=p99,
        block_chunk_ms=block,
        peak_memory_mb=memory,
    )


def test_what_is_equally_fast_goes_by_its_slowest_chunks_or_its_memory():
    found = [
        trial("a", 10.0, 30.0, 5.0, 900.0),
        trial("b", 10.4, 12.0, 5.1, 500.0),
        trial("c", 11.0, 11.0, 9.0, 100.0),
        trial("d", 1.0, 1.0, 0.1, 100.0, exact=False),
    ]
    assert [one.runtime for one in rank_for_live(found)] == ["b", "a", "c"]
    assert [one.runtime for one in rank_for_files(found)] == ["b", "a", "c"]
    assert rank_for_live(found[3:]) == rank_for_files([]) == ()


def test_of_two_runs_the_worse_tokens_and_the_shorter_times_count():
    merged = trials._merge(
        replace(trial("a", 10.0, 30.0), tokens=9, agreeing=9),
        replace(trial("a", 12.0, 20.0, exact=False), tokens=9, agreeing=8, verdict="differs"),
    )
    assert (merged.chunk_ms_p50, merged.chunk_ms_p99) == (10.0, 20.0)
    assert (merged.is_exact, merged.agreeing, merged.verdict) == (False, 8, "differs")


class Notes:
    def __init__(self):
        self.lines = []

    def note(self, sentence):
        self.lines.append(sentence)


class Loaded:
    revision = "0" * 64


def test_on_a_mac_it_is_suggested_once(data):
    mac, linux, screen = System("darwin", "15.5"), System("linux"), Notes()

    def use(system, **options):
        loading._suggest_measuring(ModelSpec(**{"model": "a/b"} | options), Loaded, screen, system)

    use(linux)
    use(mac, model="demo")
    use(mac, runtime="coreml")
    assert screen.lines == []
    use(mac)
    use(mac)
    assert screen.lines == [
        "To find out what is fastest for it on this Mac, once: nemocli bench --choose --model a/b"
    ]
    find_choice_file("0" * 64, mac).write_text("{}")  # it was measured
    find_choice_file("0" * 64, mac).with_suffix(".suggested").unlink()
    use(mac)
    assert len(screen.lines) == 1
