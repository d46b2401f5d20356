"""Full and broken disks, inputs that change or vanish, and runs that are ended."""

import errno
import os
import threading
from pathlib import Path

import pytest

from nemocli.errors import OutputError
from nemocli.jobs import output_folder
from nemocli.jobs.claims import compute_claim_number
from nemocli.jobs.plan import Verdict
from nemocli.jobs.run import Run
from nemocli.jobs.run_log import Record
from tests.jobs.fake import SETTINGS, FakeTranscriber
from tests.jobs.runs import OPTIONS, jobs_of, say, states, transcribe, verdicts, written


def test_a_stray_part_is_removed_but_not_one_of_another_run(here):
    say("a.wav", "one")
    (job,) = jobs_of()
    job.output_folder.prepare()
    number = compute_claim_number(f"input {job.key}")
    stray = Path(f"out/.nemocli-{number:016x}.txt.part")
    stray.write_text("half")
    others = Path("out/.nemocli-00000000000000ff.txt.part")  # as of a run into a folder above
    others.write_text("half")
    job.output_folder.run_log.append(
        Record(job.key, "begun", job.name, ("txt",), SETTINGS.id), SETTINGS
    )
    job.output_folder.claim(job.key, job.name)
    job.output_folder.remove_abandoned([job.name])
    assert stray.exists()  # its input is claimed
    job.output_folder.release(job.key, job.name)
    job.output_folder.remove_abandoned([job.name])
    assert (stray.exists(), others.exists()) == (False, True)


def test_a_kill_between_the_name_and_the_record_is_no_foreign_file(here, monkeypatch):
    say("a.wav", "one")

    class Killed(BaseException):
        pass

    replace = os.replace

    def kill(part, target):
        replace(part, target)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", kill)
        with pytest.raises(Killed):
            transcribe()
    assert written() == {"a.txt": "one\n"}
    assert verdicts() == {"a.wav": Verdict.INTERRUPTED.value}
    assert transcribe()[0] == ["a.wav"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_full_disk_ends_the_run_and_the_next_one_continues(here, monkeypatch, number):
    for n in range(9):
        say(f"{n}.wav", f"text {n}")
    real, count = output_folder.write_synced, iter(range(100))

    def fail(path, content):
        if next(count) >= 4:
            Path(path).write_bytes(content[:2])
            raise OSError(number, os.strerror(number), path)
        real(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(output_folder, "write_synced", fail)
        with pytest.raises(OutputError, match=os.strerror(number)) as caught:
            transcribe()
    assert "the same command goes on" in str(caught.value)
    assert len(written()) <= 4  # and no part of a fifth
    before = len(written())
    transcribed, _ = transcribe()
    assert len(transcribed) == 9 - before
    assert written() == {f"{n}.txt": f"text {n}\n" for n in range(9)}


def test_one_output_that_cannot_be_written_fails_alone(here):
    say("a.wav", "one")
    say("b.wav", "two")
    Path("out").mkdir()
    transcriber = FakeTranscriber(at_once=2)

    def schedule(paths):
        outcomes = list(transcriber.transcribe_many(paths))
        Path("out/a.txt").mkdir()
        yield from outcomes

    jobs = jobs_of()
    jobs[0].output_folder.prepare()
    results = {f.path.name: f for f in Run(jobs, OPTIONS).do_jobs(schedule)}
    assert states(results) == {"a.wav": "failed", "b.wav": "done"}
    assert "cannot be written" in results["a.wav"].error


def test_an_input_that_changes_or_vanishes_in_the_middle_fails(here):
    for name in ("a.wav", "b.wav", "c.wav"):
        say(name, "one")
    transcriber = FakeTranscriber(at_once=3)

    def schedule(paths):
        outcomes = list(transcriber.transcribe_many(paths))
        os.unlink("in/a.wav")
        say("b.wav", "one two")
        yield from outcomes

    jobs = jobs_of()
    jobs[0].output_folder.prepare()
    results = {f.path.name: f for f in Run(jobs, OPTIONS).do_jobs(schedule)}
    assert states(results) == {"a.wav": "failed", "b.wav": "failed", "c.wav": "done"}
    assert "vanished" in results["a.wav"].error and "changed" in results["b.wav"].error
    assert transcribe()[0] == ["b.wav"]


def test_no_new_file_is_begun_once_the_end_is_wanted(here):
    for n in range(20):
        say(f"{n:02}.wav", "one")
    ended = threading.Event()
    transcriber = FakeTranscriber(at_once=4)
    jobs = jobs_of()
    jobs[0].output_folder.prepare()

    def schedule(paths):
        for outcome in transcriber.transcribe_many(paths):
            ended.set()
            yield outcome

    results = list(Run(jobs, OPTIONS, is_ending=ended.is_set).do_jobs(schedule))
    assert len(results) == 4  # those that were at work
    assert len(transcribe()[0]) == 16
