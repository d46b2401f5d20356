"""`nemocli file`: transcribe sound files, to stdout or into files."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nemocli.cli.options import (
    ComputeUnits,
    Language,
    Lookahead,
    MinCue,
    Model,
    Quiet,
    Runtime,
    parse_lookahead,
)
from nemocli.cli.signals import SIGNALLED, exit_code
from nemocli.cli.streams import say
from nemocli.errors import NemocliError
from nemocli.transcript.cue_layout import MAX_LINE_COUNT, MAX_LINE_WIDTH, MIN_CUE, CueLayout

if TYPE_CHECKING:
    from nemocli.cli.file_cluster import ClusterChoice
    from nemocli.cli.file_model import ModelChoice
    from nemocli.cli.screen import Screen
    from nemocli.jobs.inputs import Listing
    from nemocli.jobs.report import RunReport


def file(
    audio: Annotated[
        list[str] | None,
        typer.Argument(
            help="Sound or video files (wav, flac, mp3, ogg, opus, m4a, mp4, mkv, webm, …), folders"
            " of them, patterns in quotes, or - for a file on stdin."
        ),
    ] = None,
    model: Model = None,
    lang: Language = "auto",
    lookahead: Lookahead = None,
    stdout_format: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            envvar="NEMOCLI_FORMAT",
            help="On stdout: txt, json, jsonl, tsv, srt or vtt.",
        ),
    ] = "txt",
    output_dir: Annotated[
        str | None,
        typer.Option(
            "--output-dir",
            "-o",
            envvar="NEMOCLI_OUTPUT_DIR",
            help="Write files into this folder, with the folders' own paths below it. The same"
            " command again goes on with what is not done. Or one file, such as talk.srt.",
        ),
    ] = None,
    output_format: Annotated[
        str | None,
        typer.Option(
            envvar="NEMOCLI_OUTPUT_FORMAT",
            help="Write files in these formats, such as txt,srt, or all; beside the sound without"
            " --output-dir.",
        ),
    ] = None,
    word_timestamps: Annotated[
        bool,
        typer.Option(
            "--word-timestamps",
            envvar="NEMOCLI_WORD_TIMESTAMPS",
            help="Each word by itself in tsv, and in srt if it stands for --min-cue, and with its"
            " time in vtt.",
        ),
    ] = False,
    max_line_width: Annotated[
        int,
        typer.Option(
            envvar="NEMOCLI_MAX_LINE_WIDTH",
            min=0,
            help="Cells of a line of srt and vtt; 0: a cue is one line.",
        ),
    ] = MAX_LINE_WIDTH,
    max_line_count: Annotated[
        int,
        typer.Option(
            envvar="NEMOCLI_MAX_LINE_COUNT",
            min=0,
            help="Lines of a cue of srt and vtt; 0: as many as it needs.",
        ),
    ] = MAX_LINE_COUNT,
    min_cue: MinCue = MIN_CUE,
    recursive: Annotated[
        bool,
        typer.Option(
            "--recursive", "-r", envvar="NEMOCLI_RECURSIVE", help="Folders with their subfolders."
        ),
    ] = False,
    from_file: Annotated[
        str | None,
        typer.Option(
            envvar="NEMOCLI_FROM_FILE",
            help="A list of files and folders, one a line or with NUL between them; - for stdin.",
        ),
    ] = None,
    extensions: Annotated[
        str | None,
        typer.Option(
            envvar="NEMOCLI_EXTENSIONS",
            help="What folders are searched for, such as wav,mp3, or '*'. By default those of"
            " sound and video.",
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            envvar="NEMOCLI_DRY_RUN",
            help="Only list what would be done, and what is done already.",
        ),
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            envvar="NEMOCLI_FORCE",
            help="Transcribe also what is done already, and replace files of others.",
        ),
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            envvar="NEMOCLI_REPORT", help="Write what became of each file, as JSON, to this file."
        ),
    ] = None,
    max_memory: Annotated[
        str | None,
        typer.Option(
            envvar="NEMOCLI_MAX_MEMORY",
            help="Memory for files at work, beside the model's: such as 2G or 500M.",
        ),
    ] = None,
    runtime: Runtime = "auto",
    compute_units: ComputeUnits = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            envvar="NEMOCLI_CLUSTER",
            metavar="ADDRESS",
            help="Transcribe on a Ray cluster: auto, host:port, ray://host:port, or local to start"
            " one here. Its machines need nemocli, the model, and the files at the same paths.",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            envvar="NEMOCLI_WORKERS",
            help="Copies of the model on the cluster; by default one for four CPUs.",
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Transcribe files: results to stdout, or into files; everything else to stderr.

    On stdout they come in the order of the files. With several, txt has the file's name in a line
    before each transcript, and json is one object a line. A file that fails is reported, the others
    go on, and the exit code is 1.
    """
    from nemocli.cli.file_cluster import ClusterChoice
    from nemocli.cli.file_inputs import listing, parse_bytes, passed_over_sentence, sound_from_stdin
    from nemocli.cli.file_model import ModelChoice
    from nemocli.cli.file_stdout import one_output
    from nemocli.cli.screen import Screen
    from nemocli.jobs.documents import parse_format, parse_formats
    from nemocli.jobs.inputs import STDIN
    from nemocli.jobs.report import check_report

    layout = CueLayout(max_line_width or None, max_line_count or None, word_timestamps, min_cue)
    choice = ModelChoice(model, runtime, parse_lookahead(lookahead), compute_units, lang, layout)
    formats: tuple[str, ...] = (parse_format(stdout_format),)
    if output_format is not None:
        formats = parse_formats(output_format)
    target = one_output(output_dir, formats if output_format is not None else None, force)
    if target is not None:
        formats = (target.suffix[1:],)
    to_stdout = target is not None or (output_dir is None and output_format is None)
    if report is not None:
        check_report(report)
    where = ClusterChoice(cluster, workers)
    where.check()
    memory = parse_bytes(max_memory)
    how = _How(choice, where, formats, Screen(quiet), memory, report, dry_run, target)
    with sound_from_stdin(STDIN in (audio or [])) as stdin:
        found = listing(audio or [], from_file, recursive, extensions, stdin)
        for sentence in [*found.unreadable, *found.empty]:
            say(sentence)
        if passed_over := passed_over_sentence(found):
            how.screen.note(passed_over)
        code = _to_stdout(found, how) if to_stdout else _to_files(found, how, output_dir, force)
    if code:
        raise typer.Exit(code)


@dataclass(frozen=True)
class _How:
    """What the options say of both ways to give results."""

    choice: "ModelChoice"
    where: "ClusterChoice"
    formats: tuple[str, ...]
    screen: "Screen"
    max_memory: int | None
    report: Path | None
    dry_run: bool
    #: The one file that the transcript goes into, instead of stdout.
    target: Path | None


def _to_stdout(found: "Listing", how: _How) -> int:
    """Print each transcript, or write the only one into its file; the exit code."""
    from nemocli.cli.file_outputs import tell_failed
    from nemocli.cli.file_stdout import StdoutResults, check_alone, check_shared
    from nemocli.cli.printable import printable_path
    from nemocli.jobs.report import RunReport

    (output_format,) = how.formats
    if how.target is not None:
        check_alone(found.sources, how.target)
    check_shared(found.sources, output_format)
    if how.dry_run:
        where = f"to {how.target or 'stdout'}"
        for source in found.sources:
            print(f"{printable_path(where):14}  {printable_path(source.name)}")
        return NemocliError.exit_code if found.unreadable else 0
    with how.where.opened(how.choice, how.screen, how.max_memory) as (transcriber, settings):
        report = RunReport(settings, found)
        with _written(report, how.report):
            StdoutResults(found.sources, settings, output_format, how.target).run(
                transcriber, how.screen, how.max_memory, report
            )
    if report.files > 1:
        tell_failed(report)
    return NemocliError.exit_code if report.has_failures else 0


def _to_files(found: "Listing", how: _How, output_dir: str | None, force: bool) -> int:
    """Write each transcript into its files; the exit code."""
    from nemocli.cli.file_outputs import FileResults, prepare, show_plan
    from nemocli.jobs.plan import RunOptions
    from nemocli.jobs.report import RunReport

    jobs = prepare(found, output_dir, how.formats, force)
    if how.dry_run:
        show_plan(jobs, RunOptions(how.choice.describe(), how.formats, force))
        return NemocliError.exit_code if found.unreadable else 0
    with how.where.opened(how.choice, how.screen, how.max_memory) as (transcriber, settings):
        report = RunReport(settings, found)
        with _written(report, how.report):
            wanted = RunOptions(settings, how.formats, force)
            return FileResults(jobs, wanted, how.screen, report).run(transcriber, how.max_memory)


@contextmanager
def _written(report: "RunReport", path: Path | None) -> Iterator[None]:
    """Write the report to the path at the end, also of a run that does not come to its end."""
    try:
        yield
    except BrokenPipeError:
        report.stopped = "Whoever read the results went away."
        raise
    except KeyboardInterrupt as error:
        report.stopped = f"signal {exit_code(error) - SIGNALLED}"
        raise
    except Exception as error:
        report.stopped = str(error) or type(error).__name__
        raise
    finally:
        if path is not None:
            report.write(path)
