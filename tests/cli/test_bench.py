"""`nemocli bench` as it is typed: its output, its refusals, its exit codes."""

import importlib.util
import json
import os
import signal
import subprocess
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from nemocli.bench import sweep
from nemocli.bench import verify as verifying
from nemocli.bench.calibration import Calibration
from nemocli.bench.measure import PassTimes, ProcessRun
from nemocli.bench.reference import load_demo_reference
from tests.diarizers import write_tiny_diarizer
from tests.schemas import checked
from tests.typed import NEMOCLI, nemocli


def bench(*arguments):
    return nemocli("bench", *arguments)


def read_report(path):
    return checked(json.loads(path.read_text()), "bench")


@pytest.fixture
def quick(monkeypatch):
    """Replace the processes by results as they would have measured them."""
    told = {"ms": 10.0}

    def run_in_subprocess(function, *arguments):
        if function.__name__ == "calibrate":
            return Calibration(0.005, 1e10)
        calls = arguments[2] if function.__name__ == "run_sessions" else [32]
        seconds = told["ms"] / 1e3
        heard = [
            PassTimes(n, 24.0, 75 * seconds, [seconds] * 75, [seconds], [seconds]) for n in calls
        ]
        return ProcessRun(0.5, 100_000_000, heard)

    monkeypatch.setattr("nemocli.bench.speed.run_in_subprocess", run_in_subprocess)
    monkeypatch.setattr("nemocli.bench.sweep.run_in_subprocess", run_in_subprocess)
    return told


DEMO = ("--model", "demo", "--runtime", "numpy")


def test_a_short_clip_once(clips, tmp_path):
    """Run with real processes, one repeat, and no terminal.

    Its lookahead is one that the model was not trained for, which each process has to allow.
    """
    sound = tmp_path / "short.wav"
    soundfile.write(sound, clips[0].samples[:1000], 16000)  # less than a chunk
    command = (sound, *DEMO, "--repeat", 1, "--json", tmp_path / "a.json", "--lookahead", "160ms")
    refused = bench(*command)
    assert refused.exit_code == 2 and "no lookahead 1; choose from 0, 3, 6, 13." in refused.stderr
    done = bench(*command, "--untrained-lookahead")
    assert done.exit_code == 0, done.output
    rows = {line.split("  ")[0]: line.split()[-3:] for line in done.stdout.splitlines()}
    assert rows["chunk, p50, ms"][-2:] == ["-", "-"]
    assert float(rows["end of speech, ms"][-1]) > 0
    assert float(rows["load, cold, s"][-1]) > 0
    assert "short.wav: 0.1 s, 1 repeat," in done.stdout
    report = read_report(tmp_path / "a.json")
    result = report["results"][0]
    assert (result["model"], result["runtime"], result["precision"]) == ("demo", "numpy", "fp32")
    assert result["lookahead"] == 1
    assert len(result["revision"]) == 64
    assert set(result["ways"]) == {"stream", "blocks", "many"}
    assert result["ways"]["stream"][0]["heard"][0]["sound"] == 1000 / 16000
    assert {"nemocli", "Python", "numpy", "onnxruntime"} <= set(report["software"])
    assert report["machine"]["usable"] >= 1
    assert sorted(os.listdir(tmp_path)) == ["a.json", "short.wav"]


def test_the_table_in_columns(quick):
    done = bench(*DEMO)
    assert done.exit_code == 0
    table = [line for line in done.stdout.splitlines() if line.startswith(("   ", "RTF", "chunk"))]
    assert table[0].split() == ["stream", "blocks", "many"]
    assert len({len(line) for line in table[:3]}) == 1
    assert "10.0 ±0%" in done.stdout and "unknown here" in done.stdout
    assert "\x1b" not in done.stdout and max(map(len, table)) <= 80


def test_json_on_stdout_is_all_there_is(quick):
    done = bench(*DEMO, "--json", "-", "--repeat", 2)
    report = checked(json.loads(done.stdout), "bench")
    assert (report["schema"], report["version"]) == ("nemocli-bench", 1)
    assert len(report["results"][0]["ways"]["stream"]) == 2
    figures = {(f["way"], f["name"]): f["value"] for f in report["figures"]}
    assert figures["stream", "chunk, p50"] == 10.0 and figures["load", "load, warm"] == 0.5


def test_comparing_with_itself_and_with_a_slower_one(quick, tmp_path):
    old = tmp_path / "old.json"
    assert bench(*DEMO, "--json", old).exit_code == 0
    done = bench(*DEMO, "--compare", old)
    assert done.exit_code == 0 and "No difference is real." in done.stdout
    quick["ms"] = 13.0
    done = bench(*DEMO, "--compare", old, "--json", tmp_path / "new.json")
    (line,) = [line for line in done.stdout.splitlines() if "stream: chunk, p50" in line]
    assert line.split()[-4:-1] == ["13.0", "1.30", "(1.30-1.30)"]
    assert line.endswith("higher") and "No difference" not in done.stdout
    compared = read_report(tmp_path / "new.json")["comparison"]["differences"]
    assert {d["verdict"] for d in compared} == {"equal", "higher"}
    done = bench(*DEMO, "--compare", tmp_path / "new.json")
    assert done.exit_code == 0 and "No difference is real." in done.stdout


def test_comparing_what_is_not_the_same(quick, tmp_path, clips):
    old = tmp_path / "old.json"
    bench(*DEMO, "--json", old)
    data = json.loads(old.read_text())
    data["machine"]["processor"] = "Another"
    old.write_text(json.dumps(data))
    assert "Not the same: another machine: processor" in bench(*DEMO, "--compare", old).stdout
    done = bench(clips[0].path, *DEMO, "--compare", old)
    assert done.exit_code == 2 and "other sounds" in done.stderr and done.stdout == ""
    done = bench(*DEMO, "--compare", old, "--lookahead", 0)
    assert done.exit_code == 2 and "no figures for numpy fp32, lookahead 0" in done.stderr


def test_a_sweep(quick, tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "list_variants", lambda: [("numpy", "fp32"), ("onnx", "fp32")])
    picture = tmp_path / "curve.png"
    done = bench("--model", "demo", "--sweep", "--plot", picture, "--json", tmp_path / "a.json")
    assert done.exit_code == 0, done.output
    assert "a: numpy fp32" in done.stdout and "b: onnx fp32" in done.stdout
    assert len([line for line in done.stdout.splitlines() if line.startswith("onnx fp32  ")]) == 25
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert sorted(os.listdir(tmp_path)) == ["a.json", "curve.png"]
    assert len(read_report(tmp_path / "a.json")["results"]) == 8


def test_a_form_that_fails_in_a_sweep(quick, monkeypatch):
    from nemocli.bench.subprocess_run import SubprocessError

    monkeypatch.setattr(sweep, "list_variants", lambda: [("numpy", "fp32"), ("onnx", "fp32")])
    measured = sweep.run_in_subprocess

    def run_in_subprocess(function, *arguments):
        if arguments and arguments[0].runtime == "onnx":
            raise SubprocessError("it ended the process that ran it")
        return measured(function, *arguments)

    monkeypatch.setattr(sweep, "run_in_subprocess", run_in_subprocess)
    done = bench("--model", "demo", "--sweep", "--lookahead", 3)
    assert done.exit_code == 1
    assert "onnx fp32, lookahead 3 failed: it ended the process that ran it" in done.stderr
    assert "numpy fp32" in done.stdout


def write_manifest(folder, clips, **changes):
    lines = [{"audio_filepath": str(c.path), "text": c.text, "lang": c.lang} for c in clips]
    lines[0] |= changes
    path = folder / "m.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_accuracy(tmp_path, clips):
    path = write_manifest(tmp_path, clips, text="No, it is eleven forty!")
    done = bench("--model", "demo", "--manifest", path)
    assert done.exit_code == 0, done.output
    rows = {line.split()[0]: line.split() for line in done.stdout.splitlines() if line}
    assert rows["en-US"] == ["en-US", "2", "10.00%", "1/10", *rows["en-US"][4:]]
    assert rows["ja-JP"][1:4] == ["2", "-", "0/0"]
    assert rows["de-DE"][2] == "0.00%"
    assert "said:  no it is eleven forty" in done.stdout
    assert "heard: no it is eleven thirty" in done.stdout


def test_accuracy_as_json_with_a_file_that_fails(tmp_path, clips):
    (tmp_path / "bad.wav").write_bytes(b"none")
    path = write_manifest(tmp_path, clips[:2], audio_filepath="bad.wav")
    done = bench("--model", "demo", "--manifest", path, "--json", "-")
    assert done.exit_code == 1 and "bad.wav" in done.stderr
    accuracy = checked(json.loads(done.stdout), "bench")["accuracy"]
    assert len(accuracy["judged"]) == len(accuracy["failed"]) == 1


def test_speakers_are_compared_where_they_are_known(tmp_path, clips):
    """By a model of random weights: how wrong it is does not matter here."""
    pytest.importorskip("pyannote.metrics")
    diarizer = write_tiny_diarizer(tmp_path / "diarizer")
    line = f"SPEAKER {clips[0].path.stem} 1 0 0.5 <NA> <NA> Ann <NA> <NA>\n"
    (tmp_path / "a.rttm").write_text(line + line.replace("Ann", "Ben").replace(" 0 ", " 0.75 "))
    path = write_manifest(tmp_path, clips[:2], rttm_filepath="a.rttm")
    json_path = tmp_path / "a.json"
    done = bench(
        *DEMO, "--manifest", path, "--speakers", "--speaker-model", diarizer, "--json", json_path
    )
    assert done.exit_code == 0, done.output
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith("collar")]
    assert [row[1] for row in rows] == ["0", "0.25"]
    assert [row[-1] for row in rows] == ["1.0", "0.0"]  # seconds; the collars cover the rest
    said = " ".join(done.stdout.split())
    assert f"Speakers by {diarizer}; where several speak at once, each counts. JER:" in said
    assert "Files with the right number of speakers: " in said and " of 1." in said
    assert "cpWER is not counted: it needs a seglst_filepath" in said
    accuracy = read_report(json_path)["accuracy"]
    assert accuracy["speaker_model"]["model"] == str(diarizer) and len(accuracy["judged"]) == 2
    (one,) = accuracy["speakers"]
    assert (one["speakers"], one["words"]) == (2, None)


def test_a_manifest_that_does_not_say_who_speaks(tmp_path, clips):
    pytest.importorskip("pyannote.metrics")
    path = write_manifest(tmp_path, clips[:1])
    done = bench(*DEMO, "--manifest", path, "--speakers")
    assert done.exit_code == 2 and done.stderr.count("\n") == 1
    assert "m.jsonl does not say who speaks: give lines an rttm_filepath" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--repeat", "0"], 2, "--repeat"),
        (["--sweep", "--verify"], 2, "--sweep and --verify are measured one at a time"),
        (["--manifest", "m", "--compare", "x"], 2, "--compare compares speed"),
        (["--speakers"], 2, "add --manifest"),
        (["--manifest", "m", "--speaker-model", "demo"], 2, "--speaker-model is for --speakers"),
        (["--plot", "a.png"], 2, "add --sweep"),
        (["a.wav", "--verify"], 2, "--verify brings its own sounds"),
        (["--verify", "--model", "demo"], 2, "leave out --model"),
        (["--verify", "--untrained-lookahead"], 2, "leave out --untrained-lookahead"),
        (["--model", "demo", "--sweep", "--plot", "a.docx"], 2, ".png, .svg or .pdf"),
        (["--model", "demo", "a.wav"], 1, "a.wav does not exist"),
        (["--model", "nowhere"], 3, "There is no model in nowhere"),
        (["--model", "demo", "--precision", "int3"], 2, "no precision 'int3'"),
        (["--model", "demo", "--runtime", "tpu"], 2, "no runtime 'tpu'"),
        (["--model", "demo", "--sweep", "--runtime", "tpu"], 2, "no runtime 'tpu'"),
        (["--model", "demo", "--compare", "none.json"], 1, "none.json cannot be read"),
        (["--model", "demo", "--json", "none/a.json"], 1, "a.json cannot be written"),
        (["--model", "demo", "--manifest", "none"], 2, "none cannot be read"),
        ([], 3, "--model demo"),
    ],
)
def test_what_is_refused_in_a_sentence(arguments, code, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NEMOCLI_MODEL", raising=False)
    done = bench(*arguments, "-q")
    assert done.exit_code == code, done.output
    assert words in done.stderr and done.stdout == ""
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("package", "arguments"),
    [
        ("jiwer", ["--manifest", "m.jsonl"]),
        ("pyannote", ["--manifest", "m.jsonl", "--speakers"]),
        ("matplotlib", ["--sweep", "--plot", "a.png"]),
    ],
)
def test_a_missing_extra_is_one_sentence(package, arguments, tmp_path, monkeypatch):
    (tmp_path / "a.wav").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.jsonl").write_text('{"audio_filepath": "a.wav", "text": "x"}')
    original = importlib.util.find_spec
    for module in ("accuracy", "plot", "speaker_accuracy"):
        monkeypatch.setattr(
            f"nemocli.bench.{module}.find_spec",
            lambda name: None if name == package else original(name),
        )
    done = bench("--model", "demo", *arguments)
    assert done.exit_code == 4
    assert done.stderr.count("\n") == 1 and "pip install 'nemocli[bench]'" in done.stderr


@pytest.fixture
def few(monkeypatch):
    """Verify only numpy, at one lookahead, on the first clip."""
    whole = load_demo_reference()
    first = replace(whole, sound=whole.sound[: 16000 * 3], tokens={3: whole.tokens[3][:8]})
    monkeypatch.setattr(verifying, "list_variants", lambda: [("numpy", "fp32")])
    monkeypatch.setattr(verifying, "load_demo_reference", lambda: first)
    return first


def test_verify(few, monkeypatch):
    done = bench("--verify", "--json", "-")
    assert done.exit_code == 0, done.output
    outcomes = checked(json.loads(done.stdout), "verify")["outcomes"]
    assert [(o["model"], o["verdict"]) for o in outcomes] == [
        ("demo", "same"),
        ("diarization-demo", "same"),
    ]
    wrong = replace(few, tokens={3: [1, 2, 3]})
    monkeypatch.setattr(verifying, "load_demo_reference", lambda: wrong)
    done = bench("--verify")
    assert done.exit_code == 1 and "1 of 3 tokens, differs" in done.stdout


@pytest.mark.slow  # seconds of processor time, as the one below
def test_ctrl_c_leaves_nothing(tmp_path):
    command = [*NEMOCLI, "bench", *DEMO, "--json", tmp_path / "a.json"]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    for line in running.stderr:
        if "blocks (3 of" in line:
            break
    running.send_signal(signal.SIGINT)
    rest = running.stderr.read()
    assert running.wait(timeout=20) == 130
    assert "Traceback" not in rest and not os.listdir(tmp_path)


@pytest.mark.slow
def test_silence_has_no_first_token(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(16000), 16000)
    done = bench(tmp_path / "a.wav", *DEMO, "--repeat", 1, "-q")
    assert done.exit_code == 0
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("first token,")]
    assert line.split()[-2:] == ["-", "-"]
