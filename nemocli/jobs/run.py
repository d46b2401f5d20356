"""The work on many files: each is claimed, transcribed, written and recorded, one by one.

Who transcribes is up to the caller (a Schedule): this machine's engine, or others.
"""

import hashlib
import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TypeAlias

from nemocli.batch.many import FileResult
from nemocli.errors import NemocliError, OutputError
from nemocli.jobs.documents import render
from nemocli.jobs.names import free_name
from nemocli.jobs.plan import (
    Content,
    Job,
    RunOptions,
    Verdict,
    changed_outputs,
    content_hash,
    judge,
    judge_content,
    look_at,
)
from nemocli.jobs.report import Finished, strict_error
from nemocli.jobs.run_log import Record
from nemocli.transcript.formats import FORMATS

#: Takes paths when there is room for them, and gives what became of each, in any order.
Schedule: TypeAlias = Callable[[Iterator[Path]], Iterator[FileResult]]

#: Threads that write, since most of that is waiting for the disk; and outcomes that may wait.
WRITERS, MAX_WAITING = 4, 32

#: Seconds between two looks at whether another run has let go of a file.
CLAIM_RETRY_S = 0.5


@dataclass(frozen=True)
class _JobAtWork:
    job: Job
    #: What the input was like when it was begun.
    content: Content | None
    formats: tuple[str, ...]


class Run:
    """One pass over jobs. Other runs over the same files may go on at the same time."""

    def __init__(
        self,
        jobs: Sequence[Job],
        wanted: RunOptions,
        *,
        is_ending: Callable[[], bool] = lambda: False,
        note: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        """`is_ending` is asked before each new file; `note` hears what a person should know."""
        self._jobs = jobs
        self._wanted = wanted
        self._is_ending = is_ending
        self._note = note
        self._at_work: dict[Path, _JobAtWork] = {}
        # Found out while claiming: files that need no work, files that other runs are at, and what
        # ended the claiming.
        self._found: deque[Finished] = deque()
        self._taken: list[Job] = []
        self._failure: NemocliError | None = None

    def results(self, schedule: Schedule) -> Iterator[Finished]:
        """Do the work; each job's end as it comes.

        What other runs are at is waited for at the end, and done if they did not. Raises
        OutputError if nothing can be written any more; what is on record then stays.
        """
        pending = self._jobs
        is_told = False
        try:
            while pending and not self._is_ending():
                self._taken = []
                yield from self._pass(pending, schedule)
                if self._taken and not is_told:
                    is_told = True
                    self._note(
                        f"Waiting for another run: it is at {len(self._taken)} of the files."
                    )
                if len(pending) == len(self._taken):  # nothing came of it
                    time.sleep(CLAIM_RETRY_S)
                pending = self._taken
        finally:
            for place in {job.place for job in self._jobs}:
                place.claims.release_all()

    def _pass(self, pending: Sequence[Job], schedule: Schedule) -> Iterator[Finished]:
        """Offer each of the jobs once."""
        claimed = self._claimed(pending)
        first = next(claimed, None)
        outcomes = iter(()) if first is None else schedule(chain([first], claimed))
        writing: deque[Future[Finished]] = deque()
        pool = ThreadPoolExecutor(WRITERS, "nemocli-writer")
        try:
            for outcome in outcomes:
                writing.append(pool.submit(self._finish, outcome))
                yield from self._ended(writing, MAX_WAITING)
            yield from self._ended(writing, 0)
        finally:
            if isinstance(outcomes, Generator):
                outcomes.close()
            pool.shutdown(cancel_futures=True)
        if self._failure is not None:
            raise self._failure

    def _ended(self, writing: deque[Future[Finished]], most: int) -> Iterator[Finished]:
        """Ends that are known by now; waits while more than `most` outcomes are being written."""
        while writing and (writing[0].done() or len(writing) > most):
            yield writing.popleft().result()
        while self._found:
            yield self._found.popleft()

    # ------------------------------------------------------------------------------------ claiming

    def _claimed(self, jobs: Iterable[Job]) -> Iterator[Path]:
        """The paths of jobs to be transcribed, each claimed when it is asked for."""
        for job in jobs:
            if self._is_ending() or self._failure is not None:
                return
            try:
                is_claimed = self._claim(job)
            except NemocliError as error:  # it is raised where results are, not in the schedule
                self._failure = error
                return
            if is_claimed:
                yield job.source.path

    def _claim(self, job: Job) -> bool:
        """Claim a job that is to be transcribed; others are found done, failed or taken."""
        place = job.place
        if not place.claim(job.key, job.name):
            self._taken.append(job)
            return False
        place.manifest.refresh()
        name = self._name(job)
        if name != job.name:  # another run took it for another input, or named this one
            place.release(job.key, job.name)
            job.name = name
            return self._claim(job)
        if (found := self._found_already(job)) is not None:
            place.release(job.key, job.name)
            self._found.append(found)
            return False
        self._begin(job)
        return True

    def _name(self, job: Job) -> str:
        manifest = job.place.manifest
        if job.known.name:
            return job.known.name
        if manifest.names.get(job.name.casefold(), job.key) == job.key:
            return job.name
        return free_name(job.key, job.own_name, manifest, set(), True)

    def _found_already(self, job: Job) -> Finished | None:
        """The end of a job that needs no work."""
        known = job.known
        if known.is_news and known.last is not None and known.last.state == "failed":
            return Finished(job.source.path, "failed", error=known.last.error)
        verdict = judge(job, self._wanted)
        if verdict is None:
            verdict = judge_content(job)
            content = look_at(job.source.path)
            if verdict is Verdict.DONE and known.last is not None and content is not None:
                seen = replace(known.last, mtime_ns=content.mtime_ns)
                job.place.manifest.append(seen, self._wanted.settings)
        if verdict is Verdict.DONE:
            return skipped(job)
        if not self._wanted.force:
            for output in job.outputs(self._wanted.formats).values():
                if not known.owns(output) and job.place.exists(output):
                    path = os.path.join(job.place.folder, output)
                    return Finished(
                        job.source.path, "failed", error=f"{path} is there already; use --force."
                    )
            changed = changed_outputs(job, self._wanted.formats)
            if len(changed) == len(self._wanted.formats):  # nothing would be written
                return Finished(job.source.path, "skipped", kept=job.paths(changed))
        return None

    def _begin(self, job: Job) -> None:
        """Record what is about to be written, also formats of earlier runs, lest they differ."""
        earlier = [
            form
            for form, output in job.outputs(FORMATS).items()
            if job.known.owns(output) and job.place.exists(output)
        ]
        formats = tuple(dict.fromkeys([*self._wanted.formats, *earlier]))
        work = _JobAtWork(job, look_at(job.source.path), formats)
        begun = Record(job.key, "begun", job.name, formats, self._wanted.settings.id)
        job.place.manifest.append(begun, self._wanted.settings, sync=False)
        self._at_work[job.source.path] = work

    # ----------------------------------------------------------------------------------- finishing

    def _finish(self, outcome: FileResult) -> Finished:
        """Write and record a job's end, and let go of it."""
        work = self._at_work.pop(outcome.path)
        try:
            return self._written(work, outcome)
        finally:
            work.job.place.release(work.job.key, work.job.name)

    def _written(self, work: _JobAtWork, outcome: FileResult) -> Finished:
        job, content = work.job, work.content
        record = Record(
            job.key,
            "failed",
            job.name,
            (),
            self._wanted.settings.id,
            size=content.size if content else None,
            mtime_ns=content.mtime_ns if content else None,
            seconds=round(outcome.transcript.duration, 3) if outcome.transcript else None,
        )
        try:
            if outcome.transcript is None:
                assert outcome.error is not None
                raise outcome.error.named(job.source.name)
            if outcome.warnings and self._wanted.strict:
                raise NemocliError(f"{job.source.name}: {strict_error(outcome.warnings)}")
            sha256 = self._unchanged_hash(work)
            kept = [] if self._wanted.force else changed_outputs(job, work.formats)
            formats = [form for form in work.formats if form not in kept]
            outputs = job.outputs(formats)
            documents = render(
                job.source.name,
                outcome.transcript,
                self._wanted.settings,
                formats,
                outcome.decoded,
                outcome.warnings,
            )
            hashes: dict[str, str | None] = dict.fromkeys(job.outputs(kept).values())
            hashes |= {
                outputs[form]: hashlib.sha256(document).hexdigest()
                for form, document in documents.items()
            }
            job.place.manifest.append_documents(job.key, hashes)
            job.place.write(job.key, outputs, documents)
        except OutputError:
            raise
        except NemocliError as error:
            record = replace(record, error=str(error))
            job.place.manifest.append(record, self._wanted.settings)
            return Finished(job.source.path, "failed", seconds=record.seconds, error=str(error))
        record = replace(
            record,
            state="done",
            sha256=sha256,
            formats=work.formats,
            warnings=len(outcome.warnings) or None,
        )
        job.place.manifest.append(record, self._wanted.settings)
        return Finished(
            job.source.path,
            "done",
            job.place.paths(outputs.values()),
            record.seconds,
            note=outcome.note,
            kept=job.paths(kept),
            warnings=outcome.warnings,
        )

    def _unchanged_hash(self, work: _JobAtWork) -> str | None:
        """The hash of the input that was transcribed; NemocliError if it is not the same now."""
        if work.content is None:
            return None
        source = work.job.source
        sha256 = content_hash(source.path)
        if sha256 is None:
            raise NemocliError(f"{source.name} vanished while it was transcribed: check the disk.")
        if look_at(source.path) != work.content:
            raise NemocliError(
                f"{source.name} changed while it was transcribed: run the command again."
            )
        return sha256


def skipped(job: Job) -> Finished:
    """The end of a job that is on record as done."""
    record = job.known.last
    outputs = record.outputs.values() if record else ()
    seconds = record.seconds if record else None
    return Finished(job.source.path, "skipped", job.place.paths(outputs), seconds)
