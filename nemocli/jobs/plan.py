"""Plan a run: a job for each input, with its outputs, and whether it must be done."""

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
from nemocli.jobs.run_log import InputHistory, format_output_path
from nemocli.jobs.settings import Settings


class Verdict(Enum):
    """Whether an input must be transcribed, and why."""

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
class FileStamp:
    """Size and time of a file, to notice that it changed."""

    size: int
    mtime_ns: int


@dataclass(slots=True)
class Job:
    """An input, and where its outputs go."""

    source: Source
    output_folder: OutputFolder
    #: The input's key in the folder's log.
    key: str
    #: The path of its outputs below the folder, without their extension.
    name: str = ""

    @property
    def own_name(self) -> str:
        """Path of the input itself below the output folder."""
        is_beside_inputs = self.output_folder.is_beside_inputs
        return self.source.in_home if is_beside_inputs else self.source.relative

    def list_outputs(self, formats: Iterable[str]) -> dict[str, str]:
        """Return the outputs' paths below the folder, by format."""
        return {form: format_output_path(self.name, form) for form in formats}

    def list_paths(self, formats: Iterable[str]) -> tuple[str, ...]:
        """Return the outputs' paths, as they are used from the current folder."""
        return self.output_folder.list_paths(self.list_outputs(formats).values())

    @property
    def history(self) -> InputHistory:
        """Everything that the log has about the input."""
        return self.output_folder.run_log.inputs.get(self.key) or InputHistory()


@dataclass(frozen=True)
class RunOptions:
    """Options of a run, the same for all inputs."""

    settings: Settings
    formats: tuple[str, ...]
    force: bool = False
    #: Whether a file with warnings fails.
    strict: bool = False


def plan_jobs(
    sources: Sequence[Source], output_dir: str | None, formats: Iterable[str], force: bool
) -> list[Job]:
    """Make a job for each input; UsageError if it would replace a file that is not nemocli's."""
    jobs = make_jobs(sources, output_dir)
    refuse_foreign(jobs, formats, force, [source.path for source in sources])
    return jobs


def make_jobs(sources: Sequence[Source], output_dir: str | None) -> list[Job]:
    """Make a job for each input, with outputs in `output_dir`, or beside the input if it is None.

    Files that were found, not named, are left out if the log says that they are outputs.
    """
    given = OutputFolder(output_dir, is_beside_inputs=False) if output_dir is not None else None
    homes: dict[str, OutputFolder] = {}
    by_folder: dict[OutputFolder, dict[str, Job]] = {}
    jobs: list[Job] = []
    for source in sources:
        folder = given or _open_home(source, homes)
        key = folder.make_key(source)
        if source.is_named or not folder.run_log.is_output(key):
            job = Job(source, folder, key)
            jobs.append(job)
            by_folder.setdefault(folder, {})[key] = job
    for folder, its_jobs in by_folder.items():
        names = choose_names({k: job.own_name for k, job in its_jobs.items()}, folder.run_log)
        for key, job in its_jobs.items():
            job.name = names[key]
    return jobs


def _open_home(source: Source, homes: dict[str, OutputFolder]) -> OutputFolder:
    real = os.path.realpath(source.home)
    if real not in homes:
        homes[real] = OutputFolder(source.home, is_beside_inputs=True)
    return homes[real]


def decide(job: Job, options: RunOptions) -> Verdict:
    """Decide whether a job must be done, reading its input if that is necessary."""
    return decide_by_log(job, options) or decide_by_content(job)


def decide_by_log(job: Job, options: RunOptions) -> Verdict | None:
    """Decide by the log, and by size and time of the input; None if it must be read to decide."""
    history = job.history
    record = history.last
    if record is None:
        return Verdict.INTERRUPTED if history.name else Verdict.NEW
    if options.force and not history.is_from_other_run:
        return Verdict.FORCED
    if record.state == "failed":
        return Verdict.RETRIED
    if record.settings != options.settings.id:
        return Verdict.OTHER_SETTINGS
    if not set(options.formats) <= set(record.formats) or not all(
        job.output_folder.exists(format_output_path(record.name, form)) for form in options.formats
    ):
        return Verdict.OUTPUTS_MISSING
    if options.strict and record.warnings:
        return Verdict.WARNED
    content = read_stamp(job.source.path)
    if content is None or record.sha256 is None or content.size != record.size:
        return Verdict.CHANGED
    return Verdict.DONE if content.mtime_ns == record.mtime_ns else None


def decide_by_content(job: Job) -> Verdict:
    """Decide by the hash of the input, for a job that `decide_by_log` could not decide."""
    record = job.history.last
    is_same = record is not None and hash_content(job.source.path) == record.sha256
    return Verdict.DONE if is_same else Verdict.CHANGED


def explain_long_name(job: Job, formats: Iterable[str]) -> str | None:
    """Return a sentence if an output's name is too long for the disk; its folder must exist."""
    for output in job.list_outputs(formats).values():
        for name in output.split(os.sep):
            try:
                os.lstat(os.path.join(job.output_folder.folder, name))
            except OSError as error:
                if error.errno == errno.ENAMETOOLONG:
                    length = len(os.fsencode(name))
                    return (
                        f"{job.source.name} is too long a name: that of its output would have"
                        f" {length} bytes, which this disk does not take; rename it, or link to it"
                        " by a shorter name."
                    )
    return None


def read_stamp(path: Path) -> FileStamp | None:
    """Return size and time of a plain file; None for anything else, or if it does not exist."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return FileStamp(found.st_size, found.st_mtime_ns)


def hash_content(path: Path) -> str | None:
    """Return the SHA-256 of a file in hexadecimal; None if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def find_changed_outputs(job: Job, formats: Iterable[str]) -> list[str]:
    """Return the formats whose outputs somebody changed since nemocli wrote them.

    Logs of older versions have no hashes; there, an output is changed if its time is later than
    that of the log's entry.
    """
    return [
        form
        for form, output in job.list_outputs(formats).items()
        if job.history.owns(output)
        and job.output_folder.exists(output)
        and _is_changed(job, output)
    ]


def _is_changed(job: Job, output: str) -> bool:
    path = Path(job.output_folder.folder, output)
    history = job.history
    try:
        found = os.lstat(path)
        if stat.S_ISDIR(found.st_mode):
            return False  # not a transcript; writing fails, with its own message
        if not stat.S_ISREG(found.st_mode):
            return True
        if output in history.hashes:
            return hash_content(path) not in history.hashes[output]
        recorded = datetime.fromisoformat(history.done_at).timestamp()
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True
    return found.st_mtime >= recorded + 1  # the log has whole seconds


def refuse_foreign(
    jobs: Sequence[Job], formats: Iterable[str], force: bool, inputs: Iterable[Path]
) -> None:
    """Raise UsageError if a file would be replaced that nemocli did not write.

    With `force` that is allowed, except for the inputs themselves.
    """
    own = {os.path.abspath(path) for path in inputs}
    foreign = []
    for job in jobs:
        for output in job.list_outputs(formats).values():
            folder = job.output_folder
            if job.history.owns(output) or not folder.exists(output):
                continue
            folder.run_log.refresh()  # another run may have written it by now
            if job.history.owns(output):
                continue
            path = os.path.join(folder.folder, output)
            if path in own:
                raise UsageError(f"{path} is an input itself: choose an --output-dir.")
            foreign.append(path)
    if foreign and not force:
        others = f" (and {len(foreign) - 1} more)" if len(foreign) > 1 else ""
        raise UsageError(
            f"{foreign[0]} is there already and nemocli has not written it{others}: add --force to"
            " replace it, or choose another --output-dir."
        )
