"""SIGTERM, SIGINT and SIGHUP at every stage: an exit code, no traceback, nothing lost or stray."""

import fcntl
import json
import random
import shutil
import signal
import struct
import subprocess
import termios
import time

import pytest
import soundfile

from nemocli.batch.many import FileResult
from nemocli.cli import file_model
from nemocli.cli.signals import Ended
from nemocli.models.folder import read_manifest
from nemocli.runtimes.kinds import KINDS
from tests.faults.program import (
    files,
    in_place_of,
    run,
    run_here,
    start,
    struck_importing,
    struck_in,
)
from tests.jobs.fake import SETTINGS, FakeTranscriber, transcript_of
from tests.repeats import repeats
from tests.schemas import checked
from tests.typed import nemocli

INT, TERM, HUP = signal.SIGINT, signal.SIGTERM, signal.SIGHUP

#: What a run into a folder has of its own there.
OWN = [".nemocli/claims", ".nemocli/manifest.jsonl"]


def ended_by(code, number):
    """Whether a program was ended by a signal, or ended itself after one."""
    return code in (128 + number, -number)


def is_silent(err):
    """Whether stderr has only progress and remarks."""
    return not any(words in err for words in ("Traceback", "Exception ignored", "Error", "wrong"))


@pytest.mark.parametrize(
    ("code", "number"),
    [
        (struck_importing("typer", INT), INT),
        (struck_importing("typer", TERM), TERM),
        (struck_in("nemocli.cli.app:prepare_streams", TERM), TERM),
        (struck_in("nemocli.cli.app:_Group.parse_args", HUP), HUP),
        (struck_importing("numpy.linalg", INT), INT),
        (struck_importing("onnxruntime", TERM), TERM),
        (struck_in("nemocli.models.resolve:load_model", HUP), HUP),
        (struck_in("nemocli.batch.many:advance", TERM), TERM),
        (struck_in("nemocli.cli.file_stdout:render_whole", INT), INT),
    ],
    ids=[
        "imports",
        "imports-term",
        "begin",
        "arguments",
        "numpy",
        "onnxruntime",
        "load",
        "transcribe",
        "print",
    ],
)
def test_file_to_stdout(clip, code, number):
    done, out, err = run("file", clip.path, "--model", "demo", code=code)
    assert ended_by(done, number)
    assert (out, is_silent(err)) == ("", True), err


def test_a_signal_that_python_ignores_comes_again(clip):
    """What is raised in a `__del__` is printed, and goes no further."""
    code = in_place_of(
        "nemocli.models.resolve:load_model",
        f"""class Dying:
    def __del__(self):
        os.kill(os.getpid(), {int(TERM)})
        for _ in range(1000):
            pass
Dying()
time.sleep(10)""",
    )
    done, out, err = run("file", clip.path, "--model", "demo", code=code)
    assert done == 128 + TERM
    assert (out, is_silent(err)) == ("", True), err


@pytest.mark.parametrize("failure", [Ended(TERM), RuntimeError("broken")])
def test_what_is_done_is_told_also_if_it_waits_for_a_file_that_is_not(
    monkeypatch, tmp_path, failure
):
    class Ending(FakeTranscriber):
        def transcribe_many(self, paths, lang, **options):
            (_, second, third) = map(type(paths[0]), paths)
            yield FileResult(third, transcript_of("three"))
            yield FileResult(second, transcript_of("two"))
            raise failure

    monkeypatch.setattr(file_model.ModelChoice, "load", lambda *_: (Ending(), SETTINGS))
    path = tmp_path / "report.json"
    done = nemocli("file", "a.wav", "b.wav", "c.wav", "--report", path)
    assert done.stdout == "b.wav:\ntwo\n\nc.wav:\nthree\n\n"
    is_signal = isinstance(failure, Ended)
    assert done.exit_code == (128 + TERM if is_signal else 1)
    report = checked(json.loads(path.read_text()), "report")
    assert [each["state"] for each in report["files"]] == ["left", "done", "done"]
    assert report["stopped"] == (f"signal {int(TERM)}" if is_signal else "broken")


@pytest.mark.parametrize(
    ("place", "number"),
    [
        ("nemocli.batch.many:advance", TERM),
        ("nemocli.jobs.output_folder:write_synced", INT),
        ("nemocli.jobs.run_log:RunLog.sync", HUP),
    ],
)
def test_file_into_a_folder_finishes_what_is_at_work(clip, tmp_path, place, number):
    out, report = tmp_path / "out", tmp_path / "report.json"
    command = ["file", clip.path, "--model", "demo", "-o", out, "--report", report]
    done, _, err = run(*command, code=struck_in(place, number))
    if place.endswith("sync"):  # before anything was begun
        assert (ended_by(done, number), files(out)) == (True, OWN)
        assert checked(json.loads(report.read_text()), "report")["totals"]["left"] == 1
    else:
        assert (done, files(out)) == (0, [*OWN, f"{clip.path.stem}.txt"])
        assert (out / f"{clip.path.stem}.txt").read_text() == clip.text + "\n"
    assert is_silent(err), err


def test_sound_from_stdin_is_not_left_in_the_temporary_folder(clip, tmp_path):
    code = struck_in("nemocli.cli.file_inputs:_read", TERM)
    with clip.path.open("rb") as sound:
        done, _, err = run(
            "file", "-", "--model", "demo", code=code, stdin=sound, env={"TMPDIR": tmp_path}
        )
    assert ended_by(done, TERM) and is_silent(err)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("place", "number"),
    repeats(
        [
            ("nemocli.models.convert:write_manifest", TERM),
            ("nemocli.whole_file:_take_place", HUP),
            ("nemocli.bench.conversion:verify_folder", INT),
        ],
        1,
    ),
)
def test_convert(tmp_path, place, number, demo_reference):
    """No folder is left that was not verified, and the same command makes it."""
    out = tmp_path / "model"
    command = ["convert", "demo", "-o", out, "--lookahead", "3"]
    done, said, err = run(*command, code=struck_in(place, number))
    assert ended_by(done, number) and is_silent(err) and said == ""
    assert list(tmp_path.iterdir()) == []
    assert run_here(*command)[0] == 0
    read_manifest(out)


def test_convert_that_is_to_replace_a_model_leaves_the_old_one(tmp_path):
    out = tmp_path / "model"
    assert run_here("convert", "demo", "-o", out, "--lookahead", "3", "--no-verify")[0] == 0
    old = read_manifest(out)
    code = """
import os, signal
replace = os.replace
def strike(source, target):
    replace(source, target)
    if str(target).endswith(".old.part"):
        os.kill(os.getpid(), signal.SIGTERM)
os.replace = strike
"""
    command = ["convert", "demo", "-o", out, "--lookahead", "0", "--no-verify", "--force"]
    done, _, err = run(*command, code=code)
    assert ended_by(done, TERM) and is_silent(err)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert read_manifest(out) == old


@pytest.mark.parametrize(
    ("place", "number"),
    repeats(
        [
            ("nemocli.models.pull:pull", TERM),
            ("nemocli.models.fetch:hash_file", INT),
            ("nemocli.models.downloads:CachedCommit.add", TERM),
            ("nemocli.models.pull:_choose_weights", HUP),
            ("nemocli.models.downloads:CachedCommit.remember", TERM),
        ],
        2,
    ),
)
def test_pull_keeps_what_has_come(hub, tmp_path, place, number):
    server, env = hub
    command = ["models", "pull", "someone/demo", "--quiet"]
    done, out, err = run(*command, code=struck_in(place, number), env=env)
    assert ended_by(done, number) and (out, is_silent(err)) == ("", True), err
    assert run(*command, env=env)[0] == 0
    fetched = server.fetched()
    assert sorted(fetched) == sorted(set(fetched)) and "model.safetensors" in fetched
    assert not list(tmp_path.rglob("*.incomplete"))


#: Signals in all, for a pull, and a conversion to each kind.
STRIKES = 100


@pytest.mark.slow
@pytest.mark.parametrize("work", ["pull", "onnx", "coreml", "mlx", "coreai"])
def test_signals_at_random_moments(hub, tmp_path, work):
    """Each ends it with its own code, or comes too late, and the same command completes."""
    _, env = hub
    out = tmp_path / "model"
    command = ["models", "pull", "someone/demo", "-q"]
    if work != "pull":
        pytest.importorskip(KINDS[work].library.module, reason=f"{work} is not installed")
        command = ["convert", "demo", "--to", work, "-o", out, "--lookahead", "3", "-q"]
    made = out if work != "pull" else tmp_path / "hf"
    begun = time.monotonic()
    assert run(*command, env=env)[0] == 0
    whole, moments = time.monotonic() - begun, random.Random(11)
    for number in moments.choices((INT, TERM, HUP), k=STRIKES // 4):
        shutil.rmtree(made, ignore_errors=True)
        with start(*command, env=env) as running:
            time.sleep(moments.uniform(0, whole))
            running.send_signal(number)
            out_text, err = running.communicate(timeout=120)
        assert running.returncode == 0 or ended_by(running.returncode, number), err
        assert is_silent(err.decode()), err
        assert out_text or running.returncode != 0
        assert run(*command, env=env)[0] == 0
        assert not list(tmp_path.rglob("*.part")) and not list(tmp_path.rglob("*.incomplete"))


@pytest.mark.parametrize(
    "place", ["nemocli.bench.speed:run_in_subprocess", "nemocli.whole_file:os.fsync"]
)
def test_bench(clip, tmp_path, place):
    command = ["bench", clip.path, "--model", "demo", "--repeat", 1, "--json", tmp_path / "a.json"]
    done, out, err = run(*command, code=struck_in(place, TERM))
    assert ended_by(done, TERM) and (out, is_silent(err)) == ("", True), err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("place", "number"),
    [
        ("nemocli.transcript.growing_file:GrowingFile._write", TERM),
        ("nemocli.audio.recorder:_FlacFile.close", INT),
    ],
)
def test_live_ends_normally_also_while_it_writes(clip, spoken, tmp_path, place, number):
    text, sound = tmp_path / "a.txt", tmp_path / "a.flac"
    command = ["live", "--model", "demo", "--input", "-", "-o", text, "--save-audio", sound]
    # So long a pause that it is not over when the text of what comes before it is written.
    data = spoken if number == INT else spoken + bytes(2 * 16000 * 120)
    done, out, err = run(*command, data=data, code=struck_in(place, number))
    assert (done, out, is_silent(err)) == (0, clip.text + "\n", True), err
    assert text.read_text() == out
    frames, all_of_them = soundfile.info(sound).frames, len(data) // 2
    assert frames == all_of_them if number == INT else 0 < frames < all_of_them
    assert files(tmp_path) == ["a.flac", "a.txt"]


def test_live_before_it_listens(tmp_path):
    code = struck_in("nemocli.live.listener:Listener.start", HUP)
    command = ["live", "--model", "demo", "--input", "-", "-o", tmp_path / "a.txt"]
    done, out, err = run(*command, data=bytes(32000), code=code)
    assert (done, out, is_silent(err)) == (0, "", True), err
    assert files(tmp_path) == ["a.txt"]


@pytest.mark.skipif(not hasattr(fcntl, "F_SETPIPE_SZ"), reason="needs a pipe that is soon full")
@pytest.mark.parametrize("number", repeats([INT, TERM], 1))
def test_a_reader_that_does_not_read_keeps_nothing_back(spoken, tmp_path, number):
    """It holds back neither the file nor the end; a message says what it did not take."""
    text = tmp_path / "a.txt"
    command = ["live", "--model", "demo", "--input", "-", "-f", "jsonl", "-o", text]
    with start(*command, stdin=subprocess.PIPE) as running:
        fcntl.fcntl(running.stdout, fcntl.F_SETPIPE_SZ, 4096)
        running.stdin.write(4 * spoken)
        running.stdin.close()
        seen = [waiting_in(running.stdout)]
        while len(seen) < 20 or seen[-1] < 2048 or seen[-1] != seen[-20]:  # for a second
            time.sleep(0.05)
            seen.append(waiting_in(running.stdout))
        while text.read_text().count("\n") < 4:
            time.sleep(0.05)
        running.send_signal(number)
        assert running.wait(60) == 1
        err = running.stderr.read().decode()
    assert is_silent(err)
    assert "stdout's reader did not take the last " in err
    assert err.endswith(f" lines; all that was said is in {text}.\n")
    assert files(tmp_path) == ["a.txt"]
    assert len(text.read_text().splitlines()) == 4


def test_a_reader_that_is_slow_is_waited_for(spoken):
    command = ["live", "--model", "demo", "--input", "-", "-f", "jsonl"]
    with start(*command, stdin=subprocess.PIPE) as running:
        fcntl.fcntl(running.stdout, fcntl.F_SETPIPE_SZ, 4096)
        running.stdin.write(4 * spoken)
        running.stdin.close()
        while waiting_in(running.stdout) < 2048:
            time.sleep(0.05)
        events = []
        for line in running.stdout:
            time.sleep(0.02)
            events.append(json.loads(line))
        assert running.wait(60) == 0
    assert [event["id"] for event in events if event["type"] == "final"] == [0, 1, 2, 3]
    assert events[-1]["kind"] == "ended"


def waiting_in(pipe):
    """Bytes in a pipe that nobody has read."""
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]


def struck_while_core_ai_runs(call):
    """Code that sends SIGTERM while a call of Core AI is under way, the last of so many."""
    return f"""
import asyncio, os, signal
begin, calls = asyncio.run_coroutine_threadsafe, []
def strike(coroutine, loop):
    begun = begin(coroutine, loop)
    calls.append(1)
    if len(calls) == {call}:
        os.kill(os.getpid(), signal.SIGTERM)
    return begun
asyncio.run_coroutine_threadsafe = strike
"""


@pytest.mark.parametrize("call", repeats([3, 20], 1), ids=["load", "compute"])
def test_core_ai_ends_its_call_before_python_ends(tmp_path, call):
    """Native code that came back to a Python that is gone would abort the process."""
    pytest.importorskip("coreai", reason="coreai-core has no wheel for this system")
    command = ["convert", "demo", "--to", "coreai", "-o", tmp_path / "model", "--lookahead", "3"]
    done, said, err = run(*command, code=struck_while_core_ai_runs(call))
    assert (done, said, is_silent(err)) == (128 + TERM, "", True), err
    assert list(tmp_path.iterdir()) == []
