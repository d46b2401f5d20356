"""Decide which jobs of a run are left to do, and prepare their folders."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from nemocli.errors import NemocliError
from nemocli.jobs.output_folder import OutputFolder
from nemocli.jobs.plan import Job, RunOptions, Verdict, decide_by_log, explain_long_name
from nemocli.jobs.report import JobResult
from nemocli.jobs.run import make_skipped_result


@dataclass
class Remaining:
    """The jobs that are left to do, in their order, and the results of the others."""

    jobs: list[Job] = field(default_factory=list)
    #: Jobs that are done already.
    skipped: list[JobResult] = field(default_factory=list)
    #: Jobs whose outputs cannot be written, because of their folder or their name.
    failed: list[JobResult] = field(default_factory=list)
    #: The reasons: a sentence for each folder and each name.
    reasons: list[str] = field(default_factory=list)

    def fail(self, jobs: Sequence[Job], reason: str) -> None:
        """Let jobs fail before they are begun."""
        self.reasons.append(reason)
        self.failed += [JobResult(job.source.path, "failed", error=reason) for job in jobs]


def find_remaining(jobs: Sequence[Job], options: RunOptions) -> Remaining:
    """Decide by the logs which jobs are left to do, and prepare their folders.

    Unfinished documents of killed runs are removed. If a folder of inputs cannot be written to,
    only its jobs fail; for an --output-dir, NemocliError is raised.
    """
    remaining = Remaining()
    by_folder: dict[OutputFolder, list[Job]] = {}
    for job in jobs:
        if decide_by_log(job, options) is Verdict.DONE:
            remaining.skipped.append(make_skipped_result(job))
        else:
            by_folder.setdefault(job.output_folder, []).append(job)
    for folder, its_jobs in by_folder.items():
        try:
            folder.prepare()
        except NemocliError as error:
            if not folder.is_beside_inputs:
                raise
            remaining.fail(its_jobs, str(error))
        else:
            folder.remove_abandoned(job.name for job in its_jobs)
            for job in its_jobs:
                if too_long := explain_long_name(job, options.formats):
                    remaining.fail([job], too_long)
    finished = {result.path for result in (*remaining.skipped, *remaining.failed)}
    remaining.jobs = [job for job in jobs if job.source.path not in finished]
    return remaining
