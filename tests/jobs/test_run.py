"""Which files a run transcribes, transcribes again, and skips."""

import json
import os
from dataclasses import replace

from nemocli.jobs.inputs import list_inputs
from nemocli.jobs.plan import make_jobs
from nemocli.jobs.run import Run
from tests.jobs.fake import SETTINGS, FakeTranscriber
from tests.jobs.runs import OPTIONS, jobs_of, say, states, transcribe, verdicts, written


def test_each_file_is_written_below_the_output_folder_and_done_once(here):
    say("a.wav", "one")
    say("sub/b.wav", "two")
    transcribed, results = transcribe(replace(OPTIONS, formats=("txt", "srt")))
    assert transcribed == ["a.wav", "b.wav"]
    assert results["a.wav"].outputs == ("out/a.txt", "out/a.srt")
    assert set(written()) == {"a.txt", "a.srt", "sub/b.txt", "sub/b.srt"}
    assert (written()["a.txt"], written()["sub/b.txt"]) == ("one\n", "two\n")
    transcribed, results = transcribe()
    assert transcribed == []
    assert states(results) == {"a.wav": "skipped", "b.wav": "skipped"}


def test_changed_files_are_done_again_but_not_those_with_a_new_time(here):
    for name in ("same.wav", "touched.wav", "longer.wav", "other.wav", "lost.wav"):
        say(name, "one two")
    transcribe()
    os.utime("in/touched.wav", (1, 1))
    say("longer.wav", "one two three")
    stamp = os.stat("in/other.wav").st_mtime_ns
    say("other.wav", "six ten")
    os.utime("in/other.wav", ns=(stamp + 10**9, stamp + 10**9))
    os.unlink("out/lost.txt")
    say("new.wav", "hello")
    assert verdicts() == {
        "same.wav": "done",
        "touched.wav": "done",
        "longer.wav": "changed",
        "other.wav": "changed",
        "lost.wav": "output missing",
        "new.wav": "new",
    }
    transcribed, results = transcribe()
    assert transcribed == ["longer.wav", "lost.wav", "new.wav", "other.wav"]
    assert written()["other.txt"] == "six ten\n" and written()["longer.txt"] == "one two three\n"
    assert results["touched.wav"].state == "skipped"
    assert set(verdicts().values()) == {"done"}


def test_other_settings_do_it_again_and_bring_earlier_formats_up_to_date(here):
    say("a.wav", "one")
    transcribe(replace(OPTIONS, formats=("txt", "json")))
    assert transcribe(replace(OPTIONS, formats=("json",)))[0] == []  # is there already
    other = replace(
        OPTIONS, settings=replace(SETTINGS, provenance=replace(SETTINGS.provenance, lookahead=13))
    )
    assert verdicts(other) == {"a.wav": "other settings"}
    assert transcribe(other)[0] == ["a.wav"]
    assert json.loads(written()["a.json"])["lookahead"] == 13
    assert transcribe(replace(other, formats=("json", "txt")))[0] == []
    assert transcribe(replace(other, formats=("vtt",)))[0] == ["a.wav"]


def test_force_does_all_again(here):
    say("a.wav", "one")
    transcribe()
    assert verdicts(replace(OPTIONS, force=True)) == {"a.wav": "forced"}
    assert transcribe(replace(OPTIONS, force=True))[0] == ["a.wav"]


def test_failed_files_are_tried_again(here):
    say("a.wav", "broken")
    say("b.wav", "one")
    _, results = transcribe()
    assert states(results) == {"a.wav": "failed", "b.wav": "done"}
    assert results["a.wav"].error == "in/a.wav is damaged: copy it again."
    assert verdicts() == {"a.wav": "failed before", "b.wav": "done"}
    say("a.wav", "mended")
    assert transcribe()[0] == ["a.wav"]
    assert written()["a.txt"] == "mended\n"


def test_a_missing_file_fails_alone(here):
    say("b.wav", "one")
    _, results = transcribe(names=("in/a.wav", "in/b.wav"))
    assert states(results) == {"a.wav": "failed", "b.wav": "done"}


def test_beside_the_sound_without_an_output_folder(here):
    say("a.wav", "one")
    say("sub/b.wav", "two")
    jobs = jobs_of(output_dir=None)
    assert [job.list_paths(["srt"]) for job in jobs] == [("in/a.srt",), ("in/sub/b.srt",)]
    assert jobs_of("in/sub/b.wav", output_dir=None)[0].list_paths(["srt"]) == ("in/sub/b.srt",)


def test_outputs_are_no_inputs(here):
    say("a.wav", "one")
    jobs = jobs_of(output_dir=None)
    jobs[0].output_folder.prepare()
    list(Run(jobs, OPTIONS).do_jobs(FakeTranscriber().transcribe_many))
    found = list_inputs(["in"], extensions=("*",)).sources
    assert sorted(source.path.name for source in found) == ["a.txt", "a.wav"]
    assert [job.source.path.name for job in make_jobs(found, None)] == ["a.wav"]
