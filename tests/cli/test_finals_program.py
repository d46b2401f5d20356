"""`nemocli live --on-final`: a program for each final, which never holds the stream back."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time

import pytest

from nemocli.cli import finals_program
from nemocli.cli.finals_program import FinalsProgram, parse_command
from nemocli.errors import UsageError
from nemocli.transcript.events import Final, Partial
from nemocli.transcript.segments import Segment
from nemocli.transcript.types import Word
from tests.schemas import checked
from tests.typed import nemocli


def final(number, text="word"):
    return Final(Segment(number, (Word(text, number, number + 0.5, 0.9),)), "en-US")


def open_program(script, time_limit=60.0):
    """A program in sh, and the sentences about it."""
    said = []
    command = ["sh", "-c", script]
    return FinalsProgram(command, time_limit, subprocess.DEVNULL, said.append), said


def test_every_final_comes_as_in_jsonl_and_in_order(clips, tmp_path):
    sound, seen = clips[0].path, tmp_path / "seen"
    command = f"sh -c 'cat >> {shlex.quote(str(seen))}; echo on stdout'"
    done = nemocli(
        *("live", "--input", sound, "--model", "demo", "--format", "jsonl", "--on-final", command)
    )
    assert done.exit_code == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]  # nothing of the program's
    finals = [event for event in events if event["type"] == "final"]
    got = [checked(json.loads(line), "event") for line in seen.read_text().splitlines()]
    assert got == finals and len(got) == 1


def test_what_was_said_is_never_read_by_a_shell(tmp_path):
    text = f"'; touch {tmp_path}/bad; $(touch {tmp_path}/bad) `touch {tmp_path}/bad` \n \udcff"
    program, said = open_program(f"cat > {tmp_path}/seen")
    program.take(final(0, text))
    program.finish(said.append)
    assert json.loads((tmp_path / "seen").read_bytes())["text"].startswith("'; touch")
    assert [path.name for path in tmp_path.iterdir()] == ["seen"]
    assert (program.runs, program.failure, said) == (1, None, [])


def test_partials_are_not_for_it(tmp_path):
    program, said = open_program(f"cat >> {tmp_path}/seen")
    program.take(Partial(final(0).segment, None))
    program.finish(said.append)
    assert program.runs == 0 and not (tmp_path / "seen").exists()


def test_a_failure_is_reported_once_with_its_exit_code(tmp_path):
    program, said = open_program("exit 7")  # which does not read either
    for number in range(3):
        program.take(final(number, "word" * 50_000))
    program.finish(said.append)
    assert said == ["--on-final's sh ended with exit code 7; the transcription goes on."]
    assert str(program.failure) == ("--on-final's sh failed for 3 of 3 finals, and 0 were dropped.")


def test_a_run_that_takes_too_long_is_ended_with_what_it_started(tmp_path):
    program, said = open_program(f"sleep 100 & echo $! > {tmp_path}/pid; wait", time_limit=1.0)
    program.take(final(0))
    while not program.runs:
        time.sleep(0.02)
    program.close()
    assert said == ["--on-final's sh was ended after 1 s; the transcription goes on."]
    assert_is_gone(int((tmp_path / "pid").read_text()))


def test_one_that_takes_no_notice_of_sigterm_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(finals_program, "KILL_AFTER_S", 0.2)
    script = f"trap '' TERM; echo $$ > {tmp_path}/pid; while :; do sleep 0.1; done"
    program, said = open_program(script)
    program.take(final(0))
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        time.sleep(0.02)
    program.close()  # as with a second Ctrl-C
    assert (program.runs, program.dropped, said) == (0, 1, [])
    assert_is_gone(int((tmp_path / "pid").read_text()))


def assert_is_gone(pid):
    with pytest.raises(ProcessLookupError):
        for _ in range(200):
            os.kill(pid, 0)
            with open(f"/proc/{pid}/stat") as file:  # nobody may have waited for it
                if file.read().rpartition(")")[2].split()[0] == "Z":
                    raise ProcessLookupError
            time.sleep(0.05)


def test_the_oldest_finals_are_dropped_and_counted_and_nothing_waits(tmp_path, monkeypatch):
    monkeypatch.setattr(finals_program, "MAX_WAITING_FINALS", 3)
    script = f"cat >> {tmp_path}/seen; until [ -e {tmp_path}/go ]; do sleep 0.02; done"
    program, said = open_program(script)
    program.take(final(0))
    while not (tmp_path / "seen").exists():
        time.sleep(0.02)
    for number in range(1, 10):
        program.take(final(number))  # returns, although the program does not
    (tmp_path / "go").touch()
    program.finish(said.append)
    seen = [json.loads(line)["id"] for line in (tmp_path / "seen").read_text().splitlines()]
    assert seen == [0, 7, 8, 9]
    assert (program.runs, program.failed, program.dropped) == (4, 0, 6)
    assert said[0] == "--on-final's sh is too slow: finals are dropped for it."
    assert "6 were dropped" in str(program.failure)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "needs a program"),
        ("sh -c 'x", "cannot be split into words"),
        ("no-such-program --x", "there is no program 'no-such-program'"),
    ],
)
def test_a_command_that_cannot_be_run_is_refused_at_once(text, words):
    with pytest.raises(UsageError, match=words):
        parse_command(text)


def test_the_exit_code_says_that_a_run_failed(clips, tmp_path):
    command = ["live", "--input", clips[0].path, "--model", "demo", "--on-final", "false"]
    done = nemocli(*command)
    assert (done.exit_code, done.stdout) == (1, clips[0].text + "\n")
    assert "--on-final's false ended with exit code 1; the transcription goes on." in done.stderr
    assert "failed for 1 of 1 final, and 0 were dropped." in done.stderr


def test_after_ctrl_c_the_program_still_gets_the_last_words(clips, tmp_path):
    script = f"sleep 1; cat >> {tmp_path}/seen"
    command = [sys.executable, "-m", "nemocli", "live", "--input", "-", "--model", "demo"]
    command += ["--on-final", f"sh -c {shlex.quote(script)}"]
    live = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=False)
    samples = (clips[0].samples * 32767).astype("<i2").tobytes()
    live.stdin.write(samples + bytes(2 * 16000 * 2))
    live.stdin.flush()
    assert live.stdout.readline().decode() == clips[0].text + "\n"
    live.send_signal(signal.SIGINT)
    assert live.wait(60) == 0
    assert json.loads((tmp_path / "seen").read_text())["text"] == clips[0].text
    live.stdin.close()
    live.stdout.close()
