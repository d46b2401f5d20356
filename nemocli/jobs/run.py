"""One run over many files: each is claimed, transcribed, written and recorded.

The caller's Schedule transcribes: by the model on this machine, or on others.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TypeAlias

from nemocli.batch.many import FileResult
from nemocli.errors import NemocliError
from nemocli.jobs.begun_job import BegunJob
from nemocli.jobs.names import find_free_name
from nemocli.jobs.plan import (
    Job,
    RunOptions,
    Verdict,
    decide_by_content,
    decide_by_log,
    find_changed_outputs,
    read_stamp,
)
from nemocli.jobs.report import JobResult
from nemocli.jobs.run_log import Record
from nemocli.transcript.formats import FORMATS

#: Takes paths when it has room for more files, and yields their results in any order.
Schedule: TypeAlias = Callable[[Iterator[Path]], Iterator[FileResult]]

#: Limit on threads that write: they mostly wait for the disk.
MAX_WRITERS = 4

#: Limit on transcripts that wait to be written.
MAX_WAITING = 32

#: Seconds before a file that another run has claimed is tried again.
CLAIM_RETRY_S = 0.5


class Run:
    """One run over jobs. Other runs over the same files may take place at the same time."""

    def __init__(
        self,
        jobs: Sequence[Job],
        options: RunOptions,
        *,
        is_ending: Callable[[], bool] = lambda: False,
        note: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        """Make a run; `do_jobs` does the work.

        `is_ending` is called before each new file, and ends the run if it returns True. `note` is
        called with messages for the user.
        """
        self._jobs = jobs
        self._options = options
        self._is_ending = is_ending
        self._note = note
        self._begun: dict[Path, BegunJob] = {}
        # Set while claiming: results of files that need no work, jobs that other runs have claimed,
        # and the error that ended the claiming.
        self._early_results: deque[JobResult] = deque()
        self._taken: list[Job] = []
        self._failure: NemocliError | None = None

    def do_jobs(self, schedule: Schedule) -> Iterator[JobResult]:
        """Do the jobs, and yield the result of each when it is known.

        At the end, wait for jobs of other runs, and do those that they did not finish. Raises
        OutputError if nothing can be written any more; what was recorded before stays.
        """
        pending = self._jobs
        is_noted = False
        try:
            while pending and not self._is_ending():
                self._taken = []
                yield from self._try_each(pending, schedule)
                if self._taken and not is_noted:
                    is_noted = True
                    self._note(
                        f"Waiting for another run: it is at {len(self._taken)} of the files."
                    )
                if len(pending) == len(self._taken):  # all are still claimed
                    time.sleep(CLAIM_RETRY_S)
                pending = self._taken
        finally:
            for folder in {job.output_folder for job in self._jobs}:
                folder.claims.release_all()

    def _try_each(self, pending: Sequence[Job], schedule: Schedule) -> Iterator[JobResult]:
        """Try to claim each job once, and do those that were claimed."""
        claimed = self._claim_paths(pending)
        first = next(claimed, None)
        file_results = iter(()) if first is None else schedule(chain([first], claimed))
        writing: deque[Future[JobResult]] = deque()
        pool = ThreadPoolExecutor(MAX_WRITERS, "nemocli-writer")
        try:
            for file_result in file_results:
                writing.append(pool.submit(self._finish, file_result))
                yield from self._take_results(writing, MAX_WAITING)
            yield from self._take_results(writing, 0)
        finally:
            if isinstance(file_results, Generator):
                file_results.close()
            pool.shutdown(cancel_futures=True)
        if self._failure is not None:
            raise self._failure

    def _take_results(
        self, writing: deque[Future[JobResult]], max_waiting: int
    ) -> Iterator[JobResult]:
        """Yield the known results; wait while more than `max_waiting` files are being written."""
        while writing and (writing[0].done() or len(writing) > max_waiting):
            yield writing.popleft().result()
        while self._early_results:
            yield self._early_results.popleft()

    # ------------------------------------------------------------------------------------ claiming

    def _claim_paths(self, jobs: Iterable[Job]) -> Iterator[Path]:
        """Yield the paths of jobs to transcribe; each is claimed just before."""
        for job in jobs:
            if self._is_ending() or self._failure is not None:
                return
            try:
                is_claimed = self._claim(job)
            except NemocliError as error:  # raised by `do_jobs`, not within the schedule
                self._failure = error
                return
            if is_claimed:
                yield job.source.path

    def _claim(self, job: Job) -> bool:
        """Claim a job; return whether it must be transcribed.

        A job that another run has claimed is added to `_taken`; one that needs no work has its
        result in `_early_results`.
        """
        folder = job.output_folder
        if not folder.claim(job.key, job.name):
            self._taken.append(job)
            return False
        folder.run_log.refresh()
        name = self._choose_name(job)
        if name != job.name:  # another run has used the name, or has named this input
            folder.release(job.key, job.name)
            job.name = name
            return self._claim(job)
        if (result := self._find_result(job)) is not None:
            folder.release(job.key, job.name)
            self._early_results.append(result)
            return False
        self._begin(job)
        return True

    def _choose_name(self, job: Job) -> str:
        run_log = job.output_folder.run_log
        if job.history.name:
            return job.history.name
        if run_log.names.get(job.name.casefold(), job.key) == job.key:
            return job.name
        return find_free_name(job.key, job.own_name, run_log, set(), True)

    def _find_result(self, job: Job) -> JobResult | None:
        """Return the result of a job that needs no work, or must not be done; None for others."""
        history, folder, options = job.history, job.output_folder, self._options
        last = history.last
        if history.is_from_other_run and last is not None and last.state == "failed":
            return JobResult(job.source.path, "failed", error=last.error)
        verdict = decide_by_log(job, options)
        if verdict is None:
            verdict = decide_by_content(job)
            content = read_stamp(job.source.path)
            if verdict is Verdict.DONE and last is not None and content is not None:
                record = replace(last, mtime_ns=content.mtime_ns)
                folder.run_log.append(record, options.settings)
        if verdict is Verdict.DONE:
            return make_skipped_result(job)
        if not options.force:
            for output in job.list_outputs(options.formats).values():
                if not history.owns(output) and folder.exists(output):
                    path = os.path.join(folder.folder, output)
                    return JobResult(
                        job.source.path, "failed", error=f"{path} is there already; use --force."
                    )
            changed = find_changed_outputs(job, options.formats)
            if len(changed) == len(options.formats):  # nothing would be written
                return JobResult(job.source.path, "skipped", kept=job.list_paths(changed))
        return None

    def _begin(self, job: Job) -> None:
        """Record the formats that will be written.

        Existing formats of earlier runs are written again too, so that all agree. Those that would
        be empty, as turns without speakers, are removed instead.
        """
        settings = self._options.settings
        earlier = [
            form
            for form, output in job.list_outputs(FORMATS).items()
            if job.history.owns(output) and job.output_folder.exists(output)
        ]
        unfit = tuple(
            form
            for form in earlier
            if FORMATS[form].has_only_turns and not settings.has_speakers
            if form not in self._options.formats
        )
        formats = tuple(
            form for form in dict.fromkeys([*self._options.formats, *earlier]) if form not in unfit
        )
        begun = BegunJob(job, read_stamp(job.source.path), formats, unfit)
        record = Record(job.key, "begun", job.name, formats, settings.id)
        job.output_folder.run_log.append(record, settings, sync=False)
        self._begun[job.source.path] = begun

    # ----------------------------------------------------------------------------------- finishing

    def _finish(self, file_result: FileResult) -> JobResult:
        """Write the documents of a file, record its result, and release its claims."""
        begun = self._begun.pop(file_result.path)
        try:
            return begun.finish(file_result, self._options)
        finally:
            begun.job.output_folder.release(begun.job.key, begun.job.name)


def make_skipped_result(job: Job) -> JobResult:
    """Return the result of a job that the log has as done."""
    record = job.history.last
    outputs = record.outputs.values() if record else ()
    seconds = record.seconds if record else None
    return JobResult(job.source.path, "skipped", job.output_folder.list_paths(outputs), seconds)
