"""Standard streams that are closed, fail, or come in pieces, and calls that are interrupted."""

import contextlib
import os
import pty
import subprocess
import sys

import pytest

from tests.faults.program import in_place_of, run, sentence, start
from tests.repeats import repeats

#: A storm of signals with handlers: every call that waits is interrupted, again and again.
STORM = """
import atexit, signal
signal.signal(signal.SIGALRM, lambda *_: None)
signal.signal(signal.SIGWINCH, lambda *_: None)
signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
atexit.register(signal.setitimer, signal.ITIMER_REAL, 0)
"""


def write_slowly(file, data, sizes):
    """Write bytes in pieces of these sizes, repeatedly, so that reads are short and odd."""
    try:
        while data:
            for size in sizes:
                file.write(data[:size])
                file.flush()
                data = data[size:]
    finally:
        file.close()


@pytest.mark.parametrize("code", repeats(["", STORM], 1), ids=["calm", "storm"])
def test_live_from_a_pipe_in_odd_pieces(clip, spoken, tmp_path, code):
    command = ["live", "--model", "demo", "--input", "-", "-o", tmp_path / "a.txt", "-q"]
    with start(*command, code=code, stdin=subprocess.PIPE) as running:
        write_slowly(running.stdin, spoken, (1, 3, 501, 4097))
        out, err = running.stdout.read().decode(), running.stderr.read().decode()
        assert (running.wait(30), out, err) == (0, clip.text + "\n", "")
    assert (tmp_path / "a.txt").read_text() == out


def test_file_in_a_storm_of_signals(clip, tmp_path):
    out = tmp_path / "out"
    command = ["file", "-", clip.path, "--model", "demo", "-q", "-o", out]
    with start(*command, code=STORM, stdin=subprocess.PIPE) as running:
        write_slowly(running.stdin, clip.path.read_bytes(), (1, 4097, 3))
        assert (running.wait(30), running.stderr.read()) == (0, b"")
    texts = [path.read_text() for path in out.glob("*.txt")]
    assert texts == 2 * [clip.text + "\n"]


def test_convert_and_pull_in_a_storm_of_signals(hub, tmp_path):
    model = tmp_path / "model"
    command = ["convert", "someone/demo", "-q", "-o", model, "--lookahead", "3", "--no-verify"]
    assert run(*command, code=STORM, env=hub[1]) == (0, f"{model}\n", "")


@pytest.mark.parametrize(
    ("arguments", "closed", "code", "words"),
    repeats(
        [
            (
                ["live", "--input", "-"],
                "0>/dev/null",
                1,
                "stdin cannot be read: Bad file descriptor.",
            ),
            (["live", "--input", "-"], "<&-", 2, "There is no stdin to read sound from."),
            (["file", "-"], "0>/dev/null", 1, "stdin cannot be read: Bad file descriptor."),
            (["file", "-"], "<&-", 2, "There is nothing on stdin: pipe a sound file into it."),
            (
                ["file", "--from-file", "-"],
                "0>/dev/null",
                2,
                "The list on stdin cannot be read: Bad",
            ),
            (
                ["file", "--from-file", "-"],
                "<&-",
                2,
                "There is nothing on stdin: pipe a list of files",
            ),
        ],
        4,
    ),
)
def test_a_stdin_that_cannot_be_read(arguments, closed, code, words):
    done, err = shell(*arguments, closed)
    assert (done.returncode, done.stdout) == (code, b"")
    assert words in sentence(err)


def shell(*arguments):
    """Run a shell's command line with redirections."""
    line = f"{sys.executable} -m nemocli {' '.join(map(str, arguments))}"
    environment = os.environ | {"NEMOCLI_MODEL": "demo", "NEMOCLI_QUIET": "1"}
    done = subprocess.run(
        ["sh", "-c", line], capture_output=True, env=environment, check=False, timeout=120
    )
    return done, done.stderr.decode()


@pytest.mark.slow
def test_bench_without_a_stdin(clip):
    done, err = shell("bench", clip.path, "--repeat 1 <&-")
    assert (done.returncode, err) == (0, "")
    assert b"RTF" in done.stdout


def test_a_process_of_bench_without_a_stdin():
    """Its descriptor is free: the pipe between the process and its parent could get it."""
    code = "from nemocli.cli.streams import prepare_streams; prepare_streams();"
    code += "from nemocli.bench.subprocess_run import run_in_subprocess;"
    code += "print(run_in_subprocess(len, 'abc'))"
    line = f'{sys.executable} -c "{code}" <&-'
    done = subprocess.run(["sh", "-c", line], capture_output=True, check=False, timeout=120)
    assert (done.stdout, done.stderr) == (b"3\n", b"")


@pytest.mark.parametrize("closed", repeats(["<&- 2>&-", "2>&-"], 1))
@pytest.mark.parametrize(
    "command", repeats(["live --input {}", "convert demo --no-verify -o {}"], 1)
)
def test_without_a_stderr(clip, tmp_path, command, closed):
    is_live = command.startswith("live")
    done, _ = shell(command.format(clip.path if is_live else tmp_path / "m"), closed)
    assert done.returncode == 0
    assert done.stdout.decode() == (f"{clip.text}\n" if is_live else f"{tmp_path / 'm'}\n")


@pytest.mark.parametrize(
    "command", ["live --input {}", "convert demo -o out", "bench {}", "models pull a/b"]
)
def test_without_a_stdout_nothing_is_begun(clip, tmp_path, command, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done, err = shell(command.format(clip.path), ">&-")
    assert (done.returncode, os.listdir(tmp_path)) == (1, [])
    assert sentence(err).startswith("nemocli: There is no stdout to write results to")


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("bench {} --repeat 1", marks=pytest.mark.slow),
        "convert demo -o m --lookahead 3 --no-verify",
    ],
)
def test_a_reader_of_one_line(clip, tmp_path, command, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done, err = shell(command.format(clip.path), "| head -n 0")
    assert (done.stdout, err) == (b"", "")


def test_a_terminal_that_is_gone(clip, spoken, tmp_path):
    """Writing to the stream gives an input/output error."""
    ours, theirs = pty.openpty()
    command = ["live", "--model", "demo", "--input", "-", "-o", tmp_path / "a.txt"]
    streams = {"stdin": subprocess.PIPE, "stdout": theirs, "stderr": subprocess.PIPE}
    with start(*command, env={"TERM": "xterm"}, **streams) as running:
        os.close(theirs)
        running.stdin.write(spoken[:3200])  # it waits for the first sound before all else
        running.stdin.flush()
        os.read(ours, 1)
        os.close(ours)
        with contextlib.suppress(BrokenPipeError):
            write_slowly(running.stdin, 2 * spoken, (3200,))
        err = running.stderr.read().decode()
        assert running.wait(30) == 1
    assert "The results cannot be written to stdout: Input/output error." in err
    assert "Traceback" not in err
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_pipe_that_fails_in_the_middle_keeps_what_was_said(clip, spoken, tmp_path):
    code = f"""
import os
read, given = os.read, []
def fail(file, count):
    if file == 0 and sum(given) > {len(spoken)}:
        raise OSError(5, "Input/output error")
    data = read(file, count)
    given.append(len(data) if file == 0 else 0)
    return data
os.read = fail
"""
    command = ["live", "--model", "demo", "--input", "-", "-o", tmp_path / "a.txt", "-q"]
    done, out, err = run(*command, data=3 * spoken, code=code)
    assert (done, out) == (1, clip.text + "\n")
    assert sentence(err) == "nemocli: stdin cannot be read any further: Input/output error."
    assert (tmp_path / "a.txt").read_text() == out


@pytest.mark.parametrize(
    ("arguments", "place"),
    repeats(
        [
            (["live", "--input", "-"], "nemocli.audio.pcm:PipedSound._move"),
            (["live", "--input", "{clip}"], "nemocli.audio.sound:Sound._decode"),
            (["file", "{clip}"], "nemocli.audio.sound:Sound._decode"),
        ],
        1,
    ),
)
def test_a_reading_thread_that_breaks_ends_the_program(clip, spoken, arguments, place):
    """After any error in the thread, nothing waits for its sound."""
    arguments = [argument.format(clip=clip.path) for argument in arguments]
    code = in_place_of(place, "raise LookupError('x1')")
    done, out, err = run(*arguments, "--model", "demo", "-q", data=spoken, code=code)
    assert (done, out) == (1, "")
    assert "LookupError" in err and err.count("\n") == 1
