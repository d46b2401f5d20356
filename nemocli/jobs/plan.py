"""What is to be done with each input: its outputs, and whether they are there already."""

import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path

from nemocli.errors import UsageError
from nemocli.jobs.inputs import Source
from nemocli.jobs.names import choose_names
from nemocli.jobs.output_folder import OutputFolder
from nemocli.jobs.run_log import InputHistory, output_of
from nemocli.jobs.settings import Settings


class Verdict(Enum):
    """Whether an input is to be transcribed, and why."""

    DONE = "done"
    NEW = "new"
    INTERRUPTED = "interrupted"
    RETRIED = "failed before"
    CHANGED = "changed"
    OTHER_SETTINGS = "other settings"
    OUTPUTS_MISSING = "output missing"
    WARNED = "had warnings"
    FORCED = "forced"


@dataclass(frozen=True, slots=True)
class Content:
    """What an input was like at one moment."""

    size: int
    mtime_ns: int


@dataclass(slots=True)
class Job:
    """An input, and where its outputs go."""

    source: Source
    place: OutputFolder
    #: What the place's manifest calls the input.
    key: str
    #: The path of its outputs below the place, without their extension.
    name: str = ""

    @property
    def own_name(self) -> str:
        """Its own path below the place."""
        return self.source.in_home if self.place.is_home else self.source.relative

    def outputs(self, formats: Iterable[str]) -> dict[str, str]:
        """By format: the output's path below the place."""
        return {form: output_of(self.name, form) for form in formats}

    def paths(self, formats: Iterable[str]) -> tuple[str, ...]:
        """The paths of the outputs, as they are used from the current folder."""
        return self.place.paths(self.outputs(formats).values())

    @property
    def known(self) -> InputHistory:
        return self.place.manifest.inputs.get(self.key) or InputHistory()


@dataclass(frozen=True)
class RunOptions:
    """What is asked for, for every input alike."""

    settings: Settings
    formats: tuple[str, ...]
    force: bool = False
    #: Whether a file with warnings fails.
    strict: bool = False


def plan_jobs(
    sources: Sequence[Source], output_dir: str | None, formats: Iterable[str], force: bool
) -> list[Job]:
    """Make a job for each input; UsageError, before any work, if a file is in its way."""
    jobs = make_jobs(sources, output_dir)
    refuse_foreign(jobs, formats, force, [source.path for source in sources])
    return jobs


def make_jobs(sources: Sequence[Source], output_dir: str | None) -> list[Job]:
    """A job for each input, in one place for all, or in the place where the input is.

    Files that were found, not named, and are outputs on record themselves are left out.
    """
    given = OutputFolder(output_dir, is_home=False) if output_dir is not None else None
    homes: dict[str, OutputFolder] = {}
    by_place: dict[OutputFolder, dict[str, Job]] = {}
    jobs: list[Job] = []
    for source in sources:
        place = given or _home(source, homes)
        key = place.key(source)
        if source.is_named or not place.manifest.is_output(key):
            job = Job(source, place, key)
            jobs.append(job)
            by_place.setdefault(place, {})[key] = job
    for place, its_jobs in by_place.items():
        names = choose_names({k: job.own_name for k, job in its_jobs.items()}, place.manifest)
        for key, job in its_jobs.items():
            job.name = names[key]
    return jobs


def _home(source: Source, homes: dict[str, OutputFolder]) -> OutputFolder:
    real = os.path.realpath(source.home)
    if real not in homes:
        homes[real] = OutputFolder(source.home, is_home=True)
    return homes[real]


def decide(job: Job, wanted: RunOptions) -> Verdict:
    """Say whether the job is to be done, reading its input if nothing else can tell."""
    return judge(job, wanted) or judge_content(job)


def judge(job: Job, wanted: RunOptions) -> Verdict | None:
    """Whether the job is to be done; None if only the content of its input can tell."""
    known = job.known
    record = known.last
    if record is None:
        return Verdict.INTERRUPTED if known.name else Verdict.NEW
    if wanted.force and not known.is_news:
        return Verdict.FORCED
    if record.state == "failed":
        return Verdict.RETRIED
    if record.settings != wanted.settings.id:
        return Verdict.OTHER_SETTINGS
    if not set(wanted.formats) <= set(record.formats) or not all(
        job.place.exists(output_of(record.name, form)) for form in wanted.formats
    ):
        return Verdict.OUTPUTS_MISSING
    if wanted.strict and record.warnings:
        return Verdict.WARNED
    content = look_at(job.source.path)
    if content is None or record.sha256 is None or content.size != record.size:
        return Verdict.CHANGED
    return Verdict.DONE if content.mtime_ns == record.mtime_ns else None


def judge_content(job: Job) -> Verdict:
    """What `judge` left open, by reading the input."""
    record = job.known.last
    is_same = record is not None and content_hash(job.source.path) == record.sha256
    return Verdict.DONE if is_same else Verdict.CHANGED


def name_too_long(job: Job, formats: Iterable[str]) -> str | None:
    """A sentence if the disk takes no name as long as an output's; its folder must be there."""
    for output in job.outputs(formats).values():
        for name in output.split(os.sep):
            try:
                os.lstat(os.path.join(job.place.folder, name))
            except OSError as error:
                if error.errno == errno.ENAMETOOLONG:
                    length = len(os.fsencode(name))
                    return (
                        f"{job.source.name} is too long a name: that of its output would have"
                        f" {length} bytes, which this disk does not take; rename it, or link to it"
                        " by a shorter name."
                    )
    return None


def look_at(path: Path) -> Content | None:
    """A plain file's size and time; None for what is none, or is not there."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return Content(found.st_size, found.st_mtime_ns)


def content_hash(path: Path) -> str | None:
    """SHA-256 of a file in hexadecimal; None if it cannot be read any more."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def changed_outputs(job: Job, formats: Iterable[str]) -> list[str]:
    """The formats whose outputs somebody changed since nemocli wrote them.

    Where a log of an older version has no hash, the file's time decides: it must not be later than
    the record of it.
    """
    return [
        form
        for form, output in job.outputs(formats).items()
        if job.known.owns(output) and job.place.exists(output) and _is_changed(job, output)
    ]


def _is_changed(job: Job, output: str) -> bool:
    path = Path(job.place.folder, output)
    known = job.known
    try:
        found = os.lstat(path)
        if stat.S_ISDIR(found.st_mode):
            return False  # no transcript, and not to be replaced
        if not stat.S_ISREG(found.st_mode):
            return True
        if output in known.hashes:
            return content_hash(path) not in known.hashes[output]
        recorded = datetime.fromisoformat(known.done_at).timestamp()
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True
    return found.st_mtime >= recorded + 1  # which is recorded in whole seconds


def refuse_foreign(
    jobs: Sequence[Job], formats: Iterable[str], force: bool, inputs: Iterable[Path]
) -> None:
    """UsageError if something would be replaced that no run has written there.

    With `force` that is allowed, but for the inputs themselves.
    """
    own = {os.path.abspath(path) for path in inputs}
    foreign = []
    for job in jobs:
        for output in job.outputs(formats).values():
            if job.known.owns(output) or not job.place.exists(output):
                continue
            job.place.manifest.refresh()  # it may be another run's, which records it before
            if job.known.owns(output):
                continue
            path = os.path.join(job.place.folder, output)
            if path in own:
                raise UsageError(f"{path} is an input itself: choose an --output-dir.")
            foreign.append(path)
    if foreign and not force:
        others = f" (and {len(foreign) - 1} more)" if len(foreign) > 1 else ""
        raise UsageError(
            f"{foreign[0]} is there already and nemocli has not written it{others}: add --force to"
            " replace it, or choose another --output-dir."
        )
