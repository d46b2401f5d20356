"""One run over the folder `in` into the folder `out`, with a fake transcriber."""

from pathlib import Path

from nemocli.jobs.inputs import list_inputs
from nemocli.jobs.plan import RunOptions, judge, judge_content, make_jobs, refuse_foreign
from nemocli.jobs.run import Run
from tests.jobs.fake import SETTINGS, FakeTranscriber

WANTED = RunOptions(SETTINGS, ("txt",))


def say(name, text):
    """A sound, for the fake transcriber, in which this is said."""
    path = Path("in", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def jobs_of(*names, output_dir="out"):
    names = names or ("in",)
    return make_jobs(list_inputs(names, recursive=True).sources, output_dir)


def verdicts(wanted=WANTED):
    return {
        job.source.path.name: (judge(job, wanted) or judge_content(job)).value for job in jobs_of()
    }


def transcribe(wanted=WANTED, names=(), transcriber=None, **options):
    """One run, as the command does it; what was heard, and the ends by file name."""
    transcriber = transcriber or FakeTranscriber()
    jobs = jobs_of(*names)
    refuse_foreign(jobs, wanted.formats, wanted.force, [job.source.path for job in jobs])
    for place in {job.place for job in jobs}:
        place.prepare()
        place.remove_abandoned(job.name for job in jobs)
    results = Run(jobs, wanted, **options).results(transcriber.transcribe_many)
    ends = {finished.path.name: finished for finished in results}
    return sorted(transcriber.heard), ends


def written():
    return {
        str(path.relative_to("out")): path.read_text()
        for path in sorted(Path("out").rglob("*"))
        if path.is_file() and ".nemocli" not in path.parts
    }


def states(ends):
    return {name: finished.state for name, finished in ends.items()}
