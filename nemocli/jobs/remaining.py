"""What is left to do of the jobs of a run, and the folders that are made ready for it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from nemocli.errors import NemocliError
from nemocli.jobs.output_folder import OutputFolder
from nemocli.jobs.plan import Job, RunOptions, Verdict, judge, name_too_long
from nemocli.jobs.report import Finished
from nemocli.jobs.run import skipped


@dataclass
class Remaining:
    """The jobs to be done, in their order, and the ends of the others."""

    jobs: list[Job] = field(default_factory=list)
    #: Jobs that are on record as done.
    skipped: list[Finished] = field(default_factory=list)
    #: Jobs whose own folder takes no outputs, or none of such a name.
    failed: list[Finished] = field(default_factory=list)
    #: Why, in a sentence for each folder and each name.
    reasons: list[str] = field(default_factory=list)

    def give_up(self, jobs: Sequence[Job], reason: str) -> None:
        """Fail jobs before they are begun."""
        self.reasons.append(reason)
        self.failed += [Finished(job.source.path, "failed", error=reason) for job in jobs]


def find_remaining(jobs: Sequence[Job], wanted: RunOptions) -> Remaining:
    """Decide what is left to do by what is on record, and make the folders of that ready.

    A folder beside others that takes no outputs fails its own jobs only; of an --output-dir it is
    raised as NemocliError. What killed runs left where outputs go is removed.
    """
    remaining = Remaining()
    by_folder: dict[OutputFolder, list[Job]] = {}
    for job in jobs:
        if judge(job, wanted) is Verdict.DONE:
            remaining.skipped.append(skipped(job))
        else:
            by_folder.setdefault(job.place, []).append(job)
    for folder, its_jobs in by_folder.items():
        try:
            folder.prepare()
        except NemocliError as error:
            if not folder.is_home:
                raise
            remaining.give_up(its_jobs, str(error))  # there are other folders
        else:
            folder.remove_abandoned(job.name for job in its_jobs)
            for job in its_jobs:
                if too_long := name_too_long(job, wanted.formats):
                    remaining.give_up([job], too_long)
    ended = {finished.path for finished in (*remaining.skipped, *remaining.failed)}
    remaining.jobs = [job for job in jobs if job.source.path not in ended]
    return remaining
