"""`nemocli file`: transcribe sound files, to stdout or into files."""

import typer

from nemocli.cli.file_backend import choose_place
from nemocli.cli.file_inputs import describe_passed_over, list_typed, parse_bytes, save_stdin_sound
from nemocli.cli.file_model import ModelChoice
from nemocli.cli.file_options import FileOptions
from nemocli.cli.file_outputs import FileResults, describe_several_tracks, list_failed, show_plan
from nemocli.cli.file_report import write_report_at_end
from nemocli.cli.file_stdout import StdoutResults, check_alone, check_shared, find_target, format_of
from nemocli.cli.options import parse_lookahead, parse_phrases, parse_sound
from nemocli.cli.printable import make_path_printable
from nemocli.cli.screen import Screen
from nemocli.cli.speaker_choice import choose_speakers
from nemocli.cli.streams import say
from nemocli.errors import NemocliError, UsageError
from nemocli.jobs.inputs import Listing
from nemocli.jobs.plan import RunOptions, plan_jobs
from nemocli.jobs.report import RunReport, check_report
from nemocli.jobs.settings import Settings
from nemocli.jobs.transcript_files import check_formats, parse_format, parse_formats
from nemocli.transcript.alignment import parse_align
from nemocli.transcript.cue_layout import CueLayout


def transcribe_files(options: FileOptions) -> None:
    """Check the options, list the files, transcribe them; typer.Exit with a code if one fails.

    All checks come before the model is loaded, which takes long.
    """
    request = _Request(options)
    with save_stdin_sound(options.audio) as stdin:
        found = list_typed(options, stdin)
        for sentence in [*found.unreadable, *found.empty]:
            say(sentence)
        if passed_over := describe_passed_over(found):
            request.screen.note(passed_over)
        code = request.write_files(found) if request.is_for_files else request.print_results(found)
    if code:
        raise typer.Exit(code)


class _Request:
    """The options, read and checked; UsageError for those that make no sense."""

    def __init__(self, options: FileOptions) -> None:
        self.options = options
        self.formats: tuple[str, ...] = (parse_format(options.stdout_format),)
        chosen_by = "--format"
        requested = (
            None
            if options.output_format is None
            else parse_formats(options.output_format, options.speakers)
        )
        #: The one file that gets the transcript instead of stdout.
        self.target = find_target(options.output_dir, requested, options.force)
        if self.target is not None:
            self.formats, chosen_by = (format_of(self.target),), "--output"
            if options.is_typed("stdout_format") and options.stdout_format not in self.formats:
                raise UsageError(
                    f"{self.target} and --format {options.stdout_format} contradict each other:"
                    " leave out one."
                )
        elif requested is not None:
            self.formats, chosen_by = requested, "--output-format"
        self.is_for_files = self.target is None and (
            options.output_dir is not None or requested is not None
        )
        sound = parse_sound(options.track, options.channels, options.gain)
        speakers = choose_speakers(options, sound.is_separate)
        self.model = ModelChoice(
            options.model,
            options.runtime,
            parse_lookahead(options.lookahead),
            options.compute_units,
            options.lang,
            CueLayout(
                options.max_line_width or None,
                options.max_line_count or None,
                options.word_timestamps,
                options.min_cue,
            ),
            sound,
            parse_align(options.align),
            parse_phrases(options.phrase, options.phrases, options.boost, options.boost_blank),
            options.untrained_lookahead,
            speakers,
        )
        check_formats(self.formats, sound.is_separate or speakers is not None, chosen_by)
        self.max_memory = parse_bytes(options.max_memory)
        self.place = choose_place(options)
        self.screen = Screen(options.quiet)
        if options.report is not None:
            check_report(options.report)

    def _describe(self) -> Settings:
        """Return the settings without loading a model; a server is asked for its own."""
        return self.place.describe(self.model, self.screen, self.max_memory)

    def print_results(self, found: Listing) -> int:
        """Print the transcripts in the order of the files, or write the only one into its file.

        Returns the exit code.
        """
        (output_format,) = self.formats
        if self.target is not None:
            check_alone(found.sources, self.target)
        check_shared(found.sources, output_format)
        if self.options.dry_run:
            self._describe()  # raises if the real run would for the model or language
            where = make_path_printable(f"to {self.target or 'stdout'}")
            for source in found.sources:
                tracks = describe_several_tracks(source.path)
                print(f"{where:14}  {make_path_printable(source.name)}{tracks}")
            return NemocliError.exit_code if found.unreadable else 0
        with self.place.open(self.model, self.screen, self.max_memory) as (transcriber, settings):
            report = RunReport(settings, found)
            with write_report_at_end(report, self.options.report):
                results = StdoutResults(
                    found.sources, settings, output_format, self.target, self.options.strict
                )
                results.run(transcriber, self.screen, self.max_memory, report)
        if report.files > 1:
            list_failed(report)
        return NemocliError.exit_code if report.has_failures else 0

    def write_files(self, found: Listing) -> int:
        """Write each transcript into its files; return the exit code."""
        force = self.options.force
        jobs = plan_jobs(found.sources, self.options.output_dir, self.formats, force)
        if self.options.dry_run:
            show_plan(jobs, RunOptions(self._describe(), self.formats, force))
            return NemocliError.exit_code if found.unreadable else 0
        with self.place.open(self.model, self.screen, self.max_memory) as (transcriber, settings):
            report = RunReport(settings, found)
            with write_report_at_end(report, self.options.report):
                run_options = RunOptions(settings, self.formats, force, self.options.strict)
                results = FileResults(jobs, run_options, self.screen, report)
                return results.run(transcriber, self.max_memory)
