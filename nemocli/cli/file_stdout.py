"""`nemocli file` with its results on stdout, in the order of the files."""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from nemocli.batch.many import FileResult
from nemocli.cli.file_backend import TranscribesMany
from nemocli.cli.file_progress import ProgressDisplay, show_note
from nemocli.cli.printable import blank_controls, make_lines_printable
from nemocli.cli.screen import Screen
from nemocli.errors import NemocliError, UsageError
from nemocli.jobs.inputs import Source
from nemocli.jobs.report import JobResult, RunReport, explain_strict
from nemocli.jobs.settings import Settings
from nemocli.transcript.formats import FORMATS, WholeTranscript, render_json_line, render_whole
from nemocli.whole_file import check_target, write_whole_file

#: Formats in which several files can share stdout.
SHARED_FORMATS = ("txt", "json")


def check_shared(sources: list[Source], output_format: str) -> None:
    """Raise UsageError if the files cannot share stdout in this format."""
    if len(sources) > 1 and output_format not in SHARED_FORMATS:
        raise UsageError(
            f"Several files cannot share stdout as {output_format}; give {sources[0].path} alone,"
            " or an --output-dir."
        )


#: An ending by which a name is taken for that of a file.
_FILE_ENDING = r"\.[A-Za-z]{1,5}"


def format_of(path: Path) -> str:
    """Return the format that a file's name ends with, in lower case; empty if it has no ending."""
    return path.suffix[1:].lower()


def find_target(
    output_dir: str | None, formats: tuple[str, ...] | None, force: bool
) -> Path | None:
    """Return the file that an --output-dir such as `talk.srt` names; None if it names a folder.

    Raises UsageError if `formats`, those of --output-format, differ from the file's own, if the
    file may not be written, or if the name is `-` or looks like a file in an unknown format.
    """
    if output_dir == "-":
        raise UsageError(
            "The transcript goes to stdout without --output-dir: leave it out, and choose the"
            " format with --format. A folder with this name is ./-"
        )
    if output_dir is None or output_dir.endswith("/") or Path(output_dir).is_dir():
        return None
    path = Path(output_dir)
    form = format_of(path)
    if form not in FORMATS:
        if re.fullmatch(_FILE_ENDING, path.suffix) and not path.exists():
            known = ", ".join(FORMATS)
            raise UsageError(
                f"{path} looks like a file, but there is no format {path.suffix[1:]!r}: choose one"
                f" of {known}, or write {output_dir}/ if it is a folder."
            )
        return None
    if formats not in (None, (form,)):
        raise UsageError(
            f"{path} names one file, in {form}: leave out --output-format, or choose a folder."
        )
    if not path.parent.is_dir():
        raise UsageError(f"{path} is in no folder that exists: make it, or choose another.")
    check_target(path, force)
    return path


def check_alone(sources: list[Source], target: Path) -> None:
    """Raise UsageError if several transcripts would go into the file, or it is the sound itself."""
    if len(sources) > 1:
        raise UsageError(
            f"{target} names one file, but there are {len(sources)} to transcribe: choose a folder"
            f" for --output-dir, and --output-format {format_of(target)}."
        )
    for source in sources:
        if target.exists() and source.path.exists() and target.samefile(source.path):
            raise UsageError(f"{target} is the input itself: choose another name.")


class StdoutResults:
    """Prints the transcripts in the order of the files, each as early as possible."""

    def __init__(
        self,
        sources: list[Source],
        settings: Settings,
        output_format: str,
        target: Path | None = None,
        strict: bool = False,
    ) -> None:
        """Prepare to print; with `target`, write the only transcript into that file instead.

        With `strict`, a file with warnings fails.
        """
        self._strict = strict
        self._target = target
        self._sources = sources
        self._settings = settings
        self._format = output_format
        self._names = {source.path: source.name for source in sources}
        # Transcripts that wait for those of files before them.
        self._ready: dict[Path, str] = {}
        self._next = 0

    def run(
        self,
        transcriber: TranscribesMany,
        screen: Screen,
        max_memory: int | None,
        report: RunReport,
    ) -> None:
        """Transcribe all files. Failures are printed at once, and added to the report."""
        paths = [source.path for source in self._sources]
        with ProgressDisplay(self._names, draws=screen.draws, lines=False) as display:
            file_results = transcriber.transcribe_many(
                paths,
                self._settings.language,
                max_memory=max_memory,
                progress=display.update,
                sound=self._settings.sound,
                align=self._settings.align,
                phrases=self._settings.phrases,
                speakers=self._settings.speakers,
            )
            try:
                for file_result in file_results:
                    result = self._take(file_result)
                    report.add(result)
                    display.finish(result)
                    show_note(display, result, self._names, screen)
                    self._print(display, self._take_in_order())
            except (KeyboardInterrupt, Exception) as error:
                if not isinstance(error, BrokenPipeError):
                    # These wait for a file before them, which will not be done.
                    self._print(
                        display, [self._ready[path] for path in paths if path in self._ready]
                    )
                raise

    def _take(self, file_result: FileResult) -> JobResult:
        """Make the document of a file ready to be printed, or write it; return the result."""
        path = file_result.path
        if file_result.transcript is None:
            assert file_result.error is not None
            self._ready[path] = ""
            return JobResult(path, "failed", error=str(file_result.error.rename(self._names[path])))
        seconds, warnings = round(file_result.transcript.duration, 3), file_result.warnings
        if warnings and self._strict:
            self._ready[path] = ""
            error = f"{self._names[path]}: {explain_strict(warnings)}"
            return JobResult(path, "failed", seconds=seconds, error=error, warnings=warnings)
        about = self._settings.describe_file(self._names[path], file_result.decoded)
        all_warnings = (*self._settings.warnings, *warnings)
        whole = WholeTranscript(about, file_result.transcript, all_warnings)
        document = self._format_document(whole)
        if self._target is None:
            self._ready[path] = document
            outputs: tuple[str, ...] = ()
        else:
            self._ready[path] = ""
            _write(self._target, document)
            outputs = (str(self._target),)
        return JobResult(path, "done", outputs, seconds, note=file_result.note, warnings=warnings)

    def _format_document(self, result: WholeTranscript) -> str:
        if len(self._sources) > 1 and self._format == "json":
            return render_json_line(result)
        document = render_whole(result, self._format, self._settings.layout)
        return (
            document
            if len(self._sources) == 1
            else f"{blank_controls(result.about.file)}:\n{document}\n"
        )

    def _take_in_order(self) -> Iterator[str]:
        """Yield the documents that are ready, up to the first file that is not."""
        while self._next < len(self._sources):
            document = self._ready.pop(self._sources[self._next].path, None)
            if document is None:
                return
            self._next += 1
            yield document

    def _print(self, display: ProgressDisplay, documents: Iterable[str]) -> None:
        if ready := "".join(documents):
            with display.pause():
                sys.stdout.write(make_lines_printable(ready) if sys.stdout.isatty() else ready)
                sys.stdout.flush()


def _write(target: Path, document: str) -> None:
    """Write a document whole or not at all; bytes of file names that are not UTF-8 are replaced."""
    try:
        write_whole_file(target, document.encode("utf-8", "replace"))
    except OSError as error:
        raise NemocliError(f"{target} cannot be written: {error.strerror}.") from None
