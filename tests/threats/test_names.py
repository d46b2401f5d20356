"""A folder whose files have hostile names, in every use of `nemocli file`."""

import json
import os
import re
from pathlib import Path

import pytest

from tests.repeats import repeats
from tests.threats import terminals
from tests.threats.terminals import assert_harmless

#: nemocli with a transcriber that needs no model: it hears a file's own text.
COMMAND = "tests.cli.fake_command"

NAMES = [
    b"new\nline.wav",
    b"\x1b]0;owned\x07\x1b[2J.wav",
    b"\xc2\x9b31mred.wav",  # the same order in one character
    b"\xe2\x80\xaevaw.txt",  # shown from right to left
    b"\xe2\x80\xaevaw.wav",
    b"\xe2\x80\xa8apart.wav",
    b"tab\there\r.wav",
    b"-rf.wav",
    b"--output-dir=owned.wav",
    b"caf\xe9.wav",
    b"a.wav.txt",
    b"a.wav",
    b"a.mp3",
    b"%s%n{0}.wav",
    b"[red]markup[bold].wav",
    b":skull:.wav",
    b"$(touch owned);`touch owned`.wav",
    b"n" * 240 + b".wav",
]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder, with the files in `in`."""
    monkeypatch.chdir(tmp_path)
    os.mkdir("in")
    for name in NAMES:
        try:
            Path(os.fsdecode(b"in/" + name)).write_text("one two")
        except OSError:
            pytest.skip("this file system does not take all these names")
    Path(os.fsdecode(b"in/broken\x1b[31m\n.wav")).write_text("broken")
    return tmp_path


def on_a_terminal(*arguments):
    return terminals.on_a_terminal(COMMAND, *arguments)


def into_pipes(*arguments, stdin=b""):
    return terminals.into_pipes(COMMAND, *arguments, stdin=stdin)


COMMANDS = {
    "stdout": ["in"],
    "all files": ["in", "-o", "out", "--output-format", "all"],
    "dry run": ["in", "-o", "out", "--dry-run"],
    "dry run to stdout": ["in", "--dry-run"],
    "a report": ["in", "-o", "out", "--report", "report.json"],
    "json": ["in", "--format", "json"],
    "a pattern": ["in/*.wav", "-o", "out"],
}


@pytest.mark.parametrize(
    "arguments", repeats(map(pytest.param, COMMANDS.values()), 3), ids=COMMANDS
)
def test_no_order_of_theirs_comes_to_a_terminal(here, arguments):
    drawn, code = on_a_terminal("file", *arguments)
    assert_harmless(drawn)
    assert code == (0 if "--dry-run" in arguments else 1)
    assert not Path("owned").exists()
    assert sorted(os.listdir(".")) == sorted({"in"} | {"out", "report.json"} & set(os.listdir(".")))


@pytest.mark.parametrize(
    "arguments", repeats(map(pytest.param, COMMANDS.values()), 3), ids=COMMANDS
)
def test_nor_into_messages_in_a_pipe(here, arguments):
    _, said, _ = into_pipes("file", *arguments)
    assert_harmless(said)
    assert "\r" not in said


def test_every_file_is_done_once_and_has_its_own_outputs(here):
    _, _, code = into_pipes("file", "in", "-o", "out", "--output-format", "all")
    assert code == 1  # of the broken one
    wavs = [name for name in NAMES if not name.endswith(b".txt")]
    texts = [path for path in Path("out").iterdir() if path.suffix == ".txt"]
    assert len(texts) == len(wavs)
    assert {path.read_text() for path in texts} == {"one two\n"}
    _, said, _ = into_pipes("file", "in", "-o", "out", "--output-format", "all")
    assert f"{len(wavs)} done already" in said


def test_a_report_and_json_have_the_names_as_they_are(here):
    out, _, _ = into_pipes("file", "in", "--format", "json", "--report", "report.json")
    wanted = {f"in/{os.fsdecode(n)}" for n in NAMES if not n.endswith(b".txt")}
    wanted.add("in/broken\x1b[31m\n.wav")
    report = json.loads(Path("report.json").read_text())
    assert {each["file"] for each in report["files"]} == wanted
    assert all(line.isascii() or "\x9b" not in line for line in out.decode().splitlines())
    names = {json.loads(line)["file"] for line in out.decode("utf-8").split("\n") if line}
    assert names == wanted - {"in/broken\x1b[31m\n.wav"}


def test_names_from_a_list(here):
    paths = [b"in/" + name for name in NAMES if not name.endswith(b".txt")]
    out, said, code = into_pipes(
        "file", "--from-file", "-", "-o", "out", stdin=b"\0".join([*paths, b""])
    )
    assert code == 0 and out == b""
    assert_harmless(said)
    assert len(list(Path("out").glob("*.txt"))) == len(paths)


def test_a_name_cannot_make_itself_a_transcript(here):
    """On stdout, the line before each text is one line."""
    Path("in/x.wav:\nnot said by anybody\n\ny.wav").write_text("three")
    out, _, _ = into_pipes("file", "in")
    lines = out.decode("utf-8", "surrogateescape").splitlines()
    assert "not said by anybody" not in lines
    assert sum(line.endswith(":") for line in lines) == lines.count("one two") + 1
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f]", out.decode("utf-8", "surrogateescape"))


@pytest.mark.slow
def test_names_as_arguments(here):
    """Names that a shell puts in place of a pattern may look like options."""
    for name in ("-\x1b]0;owned\x07.wav", "--\x1b[2J", "--lookahead=\x1b[31m", "--lang=\x1b[31m"):
        drawn, code = on_a_terminal("file", name, "--model", "demo")
        assert_harmless(drawn)
        assert code == 2
    drawn, code = on_a_terminal("\x1b]0;owned\x07")
    assert_harmless(drawn)
    assert code == 2
    os.chdir("in")
    _, _, code = into_pipes("file", "--", "-rf.wav", "--output-dir=owned.wav")
    assert code == 0 and not Path("owned.wav").exists()


@pytest.mark.slow
def test_names_that_are_not_there(here):
    name = "gone\x1b]0;owned\x07\n.wav"
    for command in (
        ["file", name, "--model", "demo"],
        ["file", "in/a.wav", "--from-file", name],
        ["file", "in/a.wav", "--report", f"{name}/x"],
        ["live", "--input", name, "--model", "demo"],
        ["models", "path", name],
        ["models", "remove", name],
        ["models", "pull", name],
        ["convert", name],
        ["convert", "demo", "--to", name],
        ["bench", "--model", name],
    ):
        drawn, code = on_a_terminal(*command)
        assert_harmless(drawn)
        assert code in (1, 2, 3), (command, drawn)
