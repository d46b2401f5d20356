"""A folder of sound from a stranger, with a forged log of an earlier run.

Transcripts written beside the sound go into that folder and nowhere else.
"""

import json
import os
from pathlib import Path

import pytest

from nemocli.jobs.output_folder import OWN_FOLDER
from tests.cli import fake_command
from tests.jobs.fake import SETTINGS
from tests.typed import nemocli


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder, with a stranger's folder `in` beside the user's own files."""
    monkeypatch.chdir(tmp_path)
    fake_command.use(monkeypatch.setattr)
    Path("in", "sub").mkdir(parents=True)
    Path("in/a.wav").write_text("one two")
    Path("mine").mkdir()
    Path("mine/package.json").write_text("precious")
    Path("mine/rc").write_text("precious")
    return tmp_path


def beside(*arguments):
    command = ["file", "in", "-r", "--output-format", "json,txt", *arguments]
    done = nemocli(*command)
    assert done.exit_code in (0, 1, 2) and "unexpected" not in done.stderr
    return done


def records(name, folder="in", **changed):
    """Write a log as of a run that wrote outputs of another name for in/a.wav."""
    own = Path(folder, OWN_FOLDER)
    own.mkdir(exist_ok=True)
    record = {"input": "a.wav", "state": "done", "name": name, "formats": ["json", "txt"]}
    record |= {"settings": SETTINGS.id, **changed}
    lines = [{"manifest": 1}, {"settings": SETTINGS.to_json()}, {"file": record}]
    (own / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def untouched():
    assert Path("mine/package.json").read_text() == "precious"
    assert Path("mine/rc").read_text() == "precious"
    assert sorted(os.listdir("mine")) == ["package.json", "rc"]


@pytest.mark.parametrize("state", ["done", "begun", "failed"])
def test_recorded_names_that_climb_out(here, state):
    for name in ("../mine/package", str(here / "mine" / "package"), "sub/../../mine/package", ""):
        records(name, state=state)
        for options in ((), ("--force",)):
            done = beside(*options)
            untouched()
            assert done.exit_code == 0
            assert Path("in/a.txt").read_text() == "one two\n"
            Path("in/a.txt").unlink()
            Path("in/a.json").unlink()


@pytest.mark.parametrize("state", ["done", "begun", "failed"])
def test_recorded_names_that_lead_through_a_link(here, state):
    Path("in/out").symlink_to("../mine")
    records("out/package", state=state)
    for options in ((), ("--force",)):
        assert beside(*options).exit_code in (1, 2)
        untouched()


def test_a_folder_of_records_that_is_a_link(here):
    Path("in", OWN_FOLDER).symlink_to("../mine")
    done = beside()
    untouched()
    assert done.exit_code == 1 and "is a link" in done.stderr


@pytest.mark.parametrize("name", ["manifest.jsonl", "claims"])
def test_records_that_are_links(here, name):
    """A shell's start file could contain `$(...)`, the name of a sound."""
    Path("in", "$(touch ran).wav").write_text("three")
    Path("in", OWN_FOLDER).mkdir()
    for target in ("../../mine/rc", "../../mine/new", "/dev/full"):
        Path("in", OWN_FOLDER, name).symlink_to(target)
        done = beside()
        untouched()
        assert done.exit_code == 1
        Path("in", OWN_FOLDER, name).unlink()


def test_records_that_are_a_pipe(here):
    Path("in", OWN_FOLDER).mkdir()
    os.mkfifo(Path("in", OWN_FOLDER, "manifest.jsonl"))
    done = beside()
    assert done.exit_code == 1 and "not a plain file" in done.stderr


def test_outputs_that_are_links_already(here):
    """Links are not nemocli's files; with --force the link is replaced, and not its target."""
    Path("in/a.txt").symlink_to("../mine/rc")
    assert beside().exit_code == 2
    assert beside("--force").exit_code == 0
    untouched()
    assert not Path("in/a.txt").is_symlink()
    assert Path("in/a.txt").read_text() == "one two\n"


def test_parts_that_are_links_already(here):
    from nemocli.jobs.claims import compute_claim_number

    number = compute_claim_number("input a.wav")
    Path(f"in/.nemocli-{number:016x}.txt.part").symlink_to("../mine/rc")
    beside()
    untouched()


def test_a_folder_for_outputs_with_links_in_it(here):
    Path("in/sub/b.wav").write_text("three")
    Path("out").mkdir()
    Path("out/sub").symlink_to("../mine")
    done = nemocli("file", "in", "-r", "-o", "out")
    assert done.exit_code == 1 and "leads out of the folder" in done.stderr
    untouched()


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000 + b"\n",
        b'{"manifest": {"a": 1e999}}\n',
        b'{"manifest": "\\u001b]0;owned\\u0007"}\n',
        b'{"file": {"input": [], "formats": 5}}\n',
        b'{"file": {"input": "a.wav", "state": 1, "name": 7, "formats": ["x"], "settings": []}}\n',
        b'{"settings": {"id": {}}}\n',
        b"\x00" * 1_000_000 + b"\n",
    ],
)
def test_records_that_are_none(here, content):
    Path("in", OWN_FOLDER).mkdir()
    Path("in", OWN_FOLDER, "manifest.jsonl").write_bytes(content)
    done = beside()
    assert done.exit_code in (0, 1)
    assert "\x1b" not in done.stderr
    untouched()
