"""Transcripts that somebody corrected are kept; replaced ones keep their permissions."""

import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from nemocli.jobs.plan import RunOptions
from nemocli.jobs.run import Run
from nemocli.jobs.run_log import RunLog
from nemocli.transcript.provenance import SpeakerProvenance
from tests.jobs.fake import SETTINGS, FakeTranscriber
from tests.jobs.runs import OPTIONS, jobs_of, say, states, transcribe, written

OTHER = replace(
    OPTIONS, settings=replace(SETTINGS, provenance=replace(SETTINGS.provenance, lookahead=13))
)
LOG = Path("out/.nemocli/manifest.jsonl")


def correct(name="a.txt", text="corrected\n"):
    Path("out", name).write_text(text)


@pytest.fixture
def done(here):
    """Two files that are done."""
    say("a.wav", "one")
    say("b.wav", "two")
    transcribe()


def changed_input():
    say("a.wav", "one more")
    return OPTIONS


def failed_input():
    say("a.wav", "broken")
    transcribe()
    say("a.wav", "one more")
    return OPTIONS


@pytest.mark.parametrize("again", [changed_input, failed_input, lambda: OTHER])
def test_a_corrected_transcript_is_kept_and_reported(done, again):
    correct()
    wanted = again()
    for _ in range(2):  # the second run does the same
        transcribed, results = transcribe(wanted)
        assert "a.wav" not in transcribed
        assert results["a.wav"].kept == ("out/a.txt",)
        assert states(results)["a.wav"] == "skipped"
        assert written()["a.txt"] == "corrected\n"
    transcribed, results = transcribe(replace(wanted, force=True))
    assert "a.wav" in transcribed and results["a.wav"].kept == ()
    assert written()["a.txt"] != "corrected\n"


def test_an_unchanged_transcript_is_replaced(done):
    say("a.wav", "one more")
    transcribed, results = transcribe()
    assert transcribed == ["a.wav"] and results["a.wav"].kept == ()
    assert written()["a.txt"] == "one more\n"


def test_other_formats_are_written_beside_a_corrected_transcript(done):
    correct()
    both = replace(OPTIONS, formats=("txt", "srt"))
    transcribed, results = transcribe(both)
    assert transcribed == ["a.wav", "b.wav"]
    assert (results["a.wav"].outputs, results["a.wav"].kept) == (("out/a.srt",), ("out/a.txt",))
    assert written()["a.txt"] == "corrected\n"
    assert transcribe(both)[0] == []  # all is there now
    say("a.wav", "one more")
    assert transcribe(both)[1]["a.wav"].kept == ("out/a.txt",)
    assert "one more" in written()["a.srt"]
    say("a.wav", "and more")
    transcribe(replace(both, force=True))
    assert written()["a.txt"] == "and more\n"
    say("a.wav", "the end")
    transcribe(both)  # what was written by force is nemocli's again
    assert written()["a.txt"] == "the end\n"


def test_a_transcript_that_was_removed_is_made_again(done):
    os.unlink("out/a.txt")
    assert transcribe()[0] == ["a.wav"]
    assert written()["a.txt"] == "one\n"


@pytest.mark.parametrize("is_corrected", [False, True])
def test_turns_of_a_run_with_speakers_do_not_stay_beside_a_text_without(here, is_corrected):
    about = SpeakerProvenance("demo", "f00d" * 16, "fp32", "fake", "offline", None)
    speaking = replace(SETTINGS, provenance=replace(SETTINGS.provenance, speakers=about))
    say("a.wav", "one")
    say("b.wav", "two")
    transcribe(RunOptions(speaking, ("rttm", "json")))
    assert set(written()) == {"a.json", "a.rttm", "b.json", "b.rttm"}
    assert "offline" in written()["a.json"]
    if is_corrected:
        correct("a.rttm")
    _, results = transcribe()
    # The other format is written again, as with any settings.
    assert set(written()) - {"a.rttm"} == {"a.json", "a.txt", "b.json", "b.txt"}
    assert "offline" not in written()["a.json"]
    assert ("a.rttm" in written()) == is_corrected
    assert results["a.wav"].kept == (("out/a.rttm",) if is_corrected else ())
    assert results["a.wav"].removed == (() if is_corrected else ("out/a.rttm",))
    assert results["b.wav"].removed == ("out/b.rttm",)
    assert transcribe()[0] == []
    transcribe(RunOptions(speaking, ("rttm",)))
    assert "b.rttm" in written()


def test_a_transcript_corrected_while_its_file_is_transcribed_is_kept(done):
    say("a.wav", "one more")

    def schedule(paths):
        for outcome in FakeTranscriber().transcribe_many(paths):
            correct()
            yield outcome

    jobs = jobs_of()
    jobs[0].output_folder.prepare()
    results = {f.path.name: f for f in Run(jobs, OPTIONS).do_jobs(schedule)}
    assert results["a.wav"].kept == ("out/a.txt",)
    assert written()["a.txt"] == "corrected\n"


def test_a_link_put_in_its_place_is_kept(done):
    Path("mine.txt").write_text("one\n")
    os.unlink("out/a.txt")
    os.symlink("../mine.txt", "out/a.txt")
    assert transcribe(OTHER)[1]["a.wav"].kept == ("out/a.txt",)
    assert os.path.islink("out/a.txt")


class KilledError(BaseException):
    """Ends a run as a kill does, without nemocli's cleaning up."""


@pytest.mark.parametrize("is_corrected", [True, False])
def test_killed_between_writing_and_recording(here, monkeypatch, is_corrected):
    say("a.wav", "one")
    append = RunLog.append

    def killed(log, record, *rest, **options):
        if record.state == "done":
            raise KilledError
        append(log, record, *rest, **options)

    with monkeypatch.context() as patch:
        patch.setattr(RunLog, "append", killed)
        with pytest.raises(KilledError):
            transcribe()
    assert written() == {"a.txt": "one\n"}
    say("a.wav", "one more")
    if is_corrected:
        correct()
    _, results = transcribe()
    assert written() == {"a.txt": "corrected\n" if is_corrected else "one more\n"}
    assert results["a.wav"].kept == (("out/a.txt",) if is_corrected else ())


def test_the_hash_is_on_the_disk_before_the_document_has_its_name(here, monkeypatch):
    say("a.wav", "one")
    replaced, synced = [], []
    rename, fsync = os.replace, os.fsync

    def sync(file):
        fsync(file)
        synced[:] = [LOG.read_text()] if LOG.exists() else []

    def look(part, target):
        replaced.append((os.path.basename(target), synced[0]))
        rename(part, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", look)
    transcribe()
    ((name, log),) = replaced
    assert name == "a.txt"
    (documents,) = [e["documents"] for e in map(json.loads, log.splitlines()) if "documents" in e]
    assert documents["input"] == "../in/a.wav" and len(documents["sha256"]["a.txt"]) == 64


def forget_hashes():
    """Make the log as older versions wrote it."""
    lines = [line for line in LOG.read_text().splitlines(True) if "documents" not in line]
    LOG.write_text("".join(lines))


def test_without_hashes_the_time_of_the_file_decides(done):
    forget_hashes()
    later = os.stat("out/a.txt").st_mtime + 10
    os.utime("out/a.txt", (later, later))
    _, results = transcribe(OTHER)
    assert (results["a.wav"].kept, results["b.wav"].kept) == (("out/a.txt",), ())
    assert states(results) == {"a.wav": "skipped", "b.wav": "done"}


def test_a_transcript_kept_by_its_time_is_kept_again(done):
    forget_hashes()
    correct()
    later = os.stat("out/a.txt").st_mtime + 10
    os.utime("out/a.txt", (later, later))
    transcribe(replace(OTHER, formats=("txt", "srt")))
    os.utime("out/a.txt", (1, 1))  # the record is the newer one now
    assert transcribe(OPTIONS)[1]["a.wav"].kept == ("out/a.txt",)
    assert written()["a.txt"] == "corrected\n"


def test_permissions_of_what_is_replaced_are_kept(done):
    os.chmod("out/a.txt", 0o640)
    say("a.wav", "one more")
    say("b.wav", "two more")
    transcribe()
    assert written()["a.txt"] == "one more\n"
    mask = os.umask(0)
    os.umask(mask)
    modes = [stat.S_IMODE(os.stat(f"out/{name}.txt").st_mode) for name in "ab"]
    assert modes == [0o640, 0o666 & ~mask]
