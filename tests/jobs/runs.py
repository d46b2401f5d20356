"""One run over the folder `in` into the folder `out`, with a fake transcriber."""

from pathlib import Path

from nemocli.jobs.inputs import list_inputs
from nemocli.jobs.plan import (
    RunOptions,
    decide_by_content,
    decide_by_log,
    make_jobs,
    refuse_foreign,
)
from nemocli.jobs.run import Run
from tests.jobs.fake import SETTINGS, FakeTranscriber

OPTIONS = RunOptions(SETTINGS, ("txt",))


def say(name, text):
    """Write a file whose text is what the fake transcriber returns."""
    path = Path("in", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def jobs_of(*names, output_dir="out"):
    names = names or ("in",)
    return make_jobs(list_inputs(names, recursive=True).sources, output_dir)


def verdicts(wanted=OPTIONS):
    return {
        job.source.path.name: (decide_by_log(job, wanted) or decide_by_content(job)).value
        for job in jobs_of()
    }


def transcribe(wanted=OPTIONS, names=(), transcriber=None, **options):
    """Make one run as the command does; return the names of transcribed files, and all results."""
    transcriber = transcriber or FakeTranscriber()
    jobs = jobs_of(*names)
    refuse_foreign(jobs, wanted.formats, wanted.force, [job.source.path for job in jobs])
    for folder in {job.output_folder for job in jobs}:
        folder.prepare()
        folder.remove_abandoned(job.name for job in jobs)
    results = Run(jobs, wanted, **options).do_jobs(transcriber.transcribe_many)
    by_name = {result.path.name: result for result in results}
    return sorted(transcriber.transcribed), by_name


def written():
    return {
        str(path.relative_to("out")): path.read_text()
        for path in sorted(Path("out").rglob("*"))
        if path.is_file() and ".nemocli" not in path.parts
    }


def states(results):
    return {name: result.state for name, result in results.items()}
