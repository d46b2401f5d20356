"""`nemocli file` with results in files: shows the plan, does the jobs, and prints the summary."""

from collections.abc import Iterator
from pathlib import Path

from nemocli.audio.decode import probe_tracks
from nemocli.batch.many import FileProgress, FileResult
from nemocli.cli.file_backend import TranscribesMany
from nemocli.cli.file_lines import format_duration
from nemocli.cli.file_progress import ProgressDisplay, show_note
from nemocli.cli.printable import make_path_printable, make_printable
from nemocli.cli.screen import Screen
from nemocli.cli.signals import SIGNALLED, EndRequests
from nemocli.cli.streams import say
from nemocli.counting import count_things
from nemocli.errors import NemocliError
from nemocli.jobs.plan import Job, RunOptions, Verdict, decide, find_changed_outputs
from nemocli.jobs.remaining import find_remaining
from nemocli.jobs.report import RunReport
from nemocli.jobs.run import Run

#: Limit on failed files that are listed at the end; the report lists all.
MAX_LISTED_FILES = 20


def show_plan(jobs: list[Job], options: RunOptions) -> None:
    """Print what would be done with each file; write nothing."""
    done = 0
    for job in jobs:
        verdict = decide(job, options)
        done += verdict is Verdict.DONE
        outputs = ", ".join(map(make_path_printable, job.list_paths(options.formats)))
        target = "" if verdict is Verdict.DONE else f" -> {outputs}"
        if verdict is not Verdict.DONE and not options.force:
            kept = ", ".join(
                map(make_path_printable, job.list_paths(find_changed_outputs(job, options.formats)))
            )
            target += f" (kept, since it was changed: {kept})" if kept else ""
        target += describe_several_tracks(job.source.path)
        print(f"{verdict.value:14}  {make_path_printable(job.source.name)}{target}")
    say(f"{count_things(len(jobs) - done, 'file')} would be transcribed, {done} done already.")


def describe_several_tracks(path: Path) -> str:
    """Return a text that lists the sound tracks of a file with several; empty for other files."""
    try:
        tracks = probe_tracks(path) if path.is_file() else ()
    except NemocliError:  # reported when the file is transcribed
        return ""
    listed = "; ".join(track.describe() for track in tracks)
    return f"  ({make_printable(listed)})" if len(tracks) > 1 else ""


class FileResults:
    """Does the jobs, and finally prints how many were done."""

    def __init__(
        self, jobs: list[Job], options: RunOptions, screen: Screen, report: RunReport
    ) -> None:
        self._jobs = jobs
        self._options = options
        self._screen = screen
        self._report = report
        self._failure: NemocliError | None = None
        self._requests = EndRequests()
        self._is_noted = False

    def run(self, transcriber: TranscribesMany, max_memory: int | None) -> int:
        """Transcribe, write and record all jobs that are not done yet; return the exit code."""
        language = self._options.settings.language
        todo = self._find_remaining()
        names = {job.source.path: job.source.name for job in todo}
        display = ProgressDisplay(names, draws=self._screen.draws, lines=not self._screen.is_quiet)

        def report_progress(progress: FileProgress) -> None:
            display.update(progress)
            self._is_ending(display)

        def schedule(claimed: Iterator[Path]) -> Iterator[FileResult]:
            return transcriber.transcribe_many(
                claimed,
                language,
                max_memory=max_memory,
                progress=report_progress,
                sound=self._options.settings.sound,
                align=self._options.settings.align,
                phrases=self._options.settings.phrases,
                speakers=self._options.settings.speakers,
            )

        with display, self._requests:
            run = Run(
                todo, self._options, is_ending=lambda: self._is_ending(display), note=display.say
            )
            try:
                for result in run.do_jobs(schedule):
                    self._report.add(result)
                    display.finish(result)
                    show_note(display, result, names, self._screen)
            except NemocliError as error:
                self._failure = error
            except KeyboardInterrupt:
                pass  # Ctrl-C for the second time: unfinished files are given up
        return self._end()

    def _find_remaining(self) -> list[Job]:
        """Return the jobs that are left, and report those that are done or cannot be done."""
        remaining = find_remaining(self._jobs, self._options)
        for result in (*remaining.skipped, *remaining.failed):
            self._report.add(result)
        if remaining.skipped:
            files = count_things(len(self._jobs), "file")
            self._screen.note(f"{len(remaining.skipped)} of {files} done already.")
        for sentence in remaining.reasons:
            say(sentence)
        return remaining.jobs

    def _is_ending(self, display: ProgressDisplay) -> bool:
        """Return whether the user ended the run; the first time, say which files are finished."""
        if self._requests.wanted and not self._is_noted:
            self._is_noted = True
            at_work = count_things(display.at_work, "file")
            display.say(f"finishing {at_work} at work; Ctrl-C once more gives them up")
        return self._requests.wanted

    def _end(self) -> int:
        """Print the summary; return the exit code."""
        report = self._report
        signal = self._requests.signal if report.left else None
        if signal is not None:
            report.stopped = f"signal {signal}"
        if self._failure is not None:
            report.stopped = str(self._failure)
            say(str(self._failure))
        if not self._screen.is_quiet:
            say(summarize(report))
        list_failed(report)
        if report.left and self._failure is None:
            left = count_things(report.left, "file")
            say(f"Stopped with {left} left; the same command goes on from here.")
        if signal is not None:
            return SIGNALLED + signal
        if self._failure is not None:
            return self._failure.exit_code
        return NemocliError.exit_code if report.has_failures else 0


def summarize(report: RunReport) -> str:
    """Return the numbers of files and the length of the sound, in one line."""
    parts = [f"{count_things(report.count('done'), 'file')} transcribed"]
    for count, what in (
        (report.count("skipped") - report.only_kept, "done already"),
        (report.count("failed"), "failed"),
        (report.left, "left"),
        (report.kept, "kept as corrected"),
        (report.with_warnings, "with warnings"),
    ):
        parts += [f"{count} {what}"] if count else []
    sound = ""
    if report.seconds:
        speed = report.seconds / report.elapsed
        seconds, elapsed = format_duration(report.seconds), format_duration(report.elapsed)
        sound = f": {seconds} of sound in {elapsed}, {speed:.1f}x"
    return ", ".join(parts) + sound


def list_failed(report: RunReport) -> None:
    """Print the names of the files that failed."""
    failed = report.failed
    if failed:
        names = ", ".join(map(make_path_printable, failed[:MAX_LISTED_FILES]))
        more = len(failed) - MAX_LISTED_FILES
        others = f" and {more} more (--report lists all)" if more > 0 else ""
        say(f"{len(failed)} of {count_things(report.files, 'file')} failed: {names}{others}")
