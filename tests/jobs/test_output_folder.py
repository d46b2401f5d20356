"""Files that a run never replaces, and names of any kind."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from nemocli.errors import UsageError
from nemocli.jobs.plan import refuse_foreign
from nemocli.jobs.run import Run
from tests.jobs.fake import FakeTranscriber
from tests.jobs.runs import OPTIONS, jobs_of, say, states, transcribe, written


def test_a_foreign_file_in_the_way_is_refused_before_any_work(here):
    say("a.wav", "one")
    Path("out").mkdir()
    Path("out/a.txt").write_text("mine")
    with pytest.raises(UsageError, match="nemocli has not written it: add --force"):
        transcribe()
    assert written() == {"a.txt": "mine"}
    transcribe(replace(OPTIONS, force=True))
    assert written() == {"a.txt": "one\n"}


def test_an_input_is_never_replaced_by_its_output(here):
    say("a.txt", "one")
    jobs = jobs_of("in/a.txt", output_dir=None)
    with pytest.raises(UsageError, match="is an input itself"):
        refuse_foreign(jobs, ("txt",), True, [Path("in/a.txt").absolute()])


def test_a_file_that_appears_during_the_run_is_not_replaced(here):
    say("a.wav", "one")
    say("b.wav", "two")
    transcriber = FakeTranscriber(at_once=1)

    def schedule(paths):
        for outcome in transcriber.transcribe_many(paths):
            Path("out/b.txt").write_text("mine")
            yield outcome

    jobs = jobs_of()
    jobs[0].output_folder.prepare()
    results = {f.path.name: f for f in Run(jobs, OPTIONS).do_jobs(schedule)}
    assert states(results) == {"a.wav": "done", "b.wav": "failed"}
    assert "--force" in results["b.wav"].error
    assert written()["b.txt"] == "mine"


def test_a_link_out_of_the_output_folder_is_not_followed(here):
    say("sub/a.wav", "one")
    say("b.wav", "two")
    Path("elsewhere").mkdir()
    Path("out").mkdir()
    os.symlink("../elsewhere", "out/sub")
    _, results = transcribe()
    assert states(results) == {"a.wav": "failed", "b.wav": "done"}
    assert "leads out of" in results["a.wav"].error
    assert os.listdir("elsewhere") == []


@pytest.mark.parametrize(
    "name",
    [b"line\nbreak.wav", b"-rf.wav", b"\x1b[31mred.wav", b"caf\xe9.wav", b"..wav", b"a b.wav"],
)
def test_names_of_any_kind(here, name):
    if os.path.exists(b"in/" + name):
        pytest.skip("this file system knows no such name")
    try:
        with open(b"in/" + name, "w") as file:
            file.write("one")
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    if name == b"..wav":  # hidden
        with pytest.raises(UsageError):
            transcribe()
        return
    assert transcribe(replace(OPTIONS, formats=("txt", "json")))[0] == [os.fsdecode(name)]
    stem = os.fsdecode(name).removesuffix(".wav")
    assert Path("out", stem + ".txt").read_text() == "one\n"
    json.loads(Path("out", stem + ".json").read_text("utf-8"))
    assert transcribe()[0] == []
