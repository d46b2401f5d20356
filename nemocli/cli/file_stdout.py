"""`nemocli file` with its results on stdout, in the order of the files."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from nemocli.batch.many import FileResult
from nemocli.cli.file_cluster import TranscribesMany
from nemocli.cli.file_progress import ProgressDisplay, tell_note
from nemocli.cli.printable import blank_controls, printable_lines
from nemocli.cli.screen import Screen
from nemocli.errors import NemocliError, UsageError
from nemocli.jobs.inputs import Source
from nemocli.jobs.report import Finished, RunReport, strict_error
from nemocli.jobs.settings import Settings
from nemocli.transcript.formats import FORMATS, WholeTranscript, json_line, write_whole
from nemocli.transcript.growing_file import check_target
from nemocli.whole_file import write_whole_file

#: What several files can be told apart in.
SHARED_FORMATS = ("txt", "json")


def check_shared(sources: list[Source], output_format: str) -> None:
    """UsageError if the files cannot share stdout."""
    if len(sources) > 1 and output_format not in SHARED_FORMATS:
        raise UsageError(
            f"Several files cannot share stdout as {output_format}; give {sources[0].path} alone,"
            " or an --output-dir."
        )


def find_target(
    output_dir: str | None, formats: tuple[str, ...] | None, force: bool
) -> Path | None:
    """Return the one file that an --output-dir such as `talk.srt` means; None for a folder.

    `formats` are those asked for besides. Raises UsageError if they are others, or the file may not
    be written.
    """
    if output_dir is None or output_dir.endswith("/") or Path(output_dir).is_dir():
        return None
    path = Path(output_dir)
    if path.suffix[1:] not in FORMATS:
        return None
    if formats not in (None, (path.suffix[1:],)):
        raise UsageError(
            f"{path} names one file, in {path.suffix[1:]}: leave out --output-format, or choose a"
            " folder."
        )
    if not path.parent.is_dir():
        raise UsageError(f"{path} is in no folder that exists: make it, or choose another.")
    check_target(path, force)
    return path


def check_alone(sources: list[Source], target: Path) -> None:
    """UsageError if more than one transcript would go into the file, or it is the sound itself."""
    if len(sources) > 1:
        raise UsageError(
            f"{target} names one file, but there are {len(sources)} to transcribe: choose a folder"
            f" for --output-dir, and --output-format {target.suffix[1:]}."
        )
    for source in sources:
        if target.exists() and source.path.exists() and target.samefile(source.path):
            raise UsageError(f"{target} is the input itself: choose another name.")


class StdoutResults:
    """Prints each transcript when those of the files before it are printed."""

    def __init__(
        self,
        sources: list[Source],
        settings: Settings,
        output_format: str,
        target: Path | None = None,
        strict: bool = False,
    ) -> None:
        """`target`: the file that takes the only transcript instead of stdout.

        `strict`: a file with warnings fails.
        """
        self._strict = strict
        self._target = target
        self._sources = sources
        self._settings = settings
        self._format = output_format
        self._names = {source.path: source.name for source in sources}
        # What is to be printed, of files that were quicker than those before them.
        self._ready: dict[Path, str] = {}
        self._next = 0

    def run(
        self,
        transcriber: TranscribesMany,
        screen: Screen,
        max_memory: int | None,
        report: RunReport,
    ) -> None:
        """Transcribe them all. Failures are told at once, and are in the report."""
        paths = [source.path for source in self._sources]
        with ProgressDisplay(self._names, draws=screen.draws, lines=False) as board:
            outcomes = transcriber.transcribe_many(
                paths,
                self._settings.language,
                max_memory=max_memory,
                progress=board.heard,
                sound=self._settings.sound,
            )
            try:
                for outcome in outcomes:
                    finished = self._finished(outcome)
                    report.add(finished)
                    board.finished(finished)
                    tell_note(board, finished, self._names, screen)
                    self._print(board, self._take_in_order())
            except (KeyboardInterrupt, Exception) as error:
                if not isinstance(error, BrokenPipeError):
                    # What is done and waits for a file before it, which will not be done.
                    self._print(board, [self._ready[path] for path in paths if path in self._ready])
                raise

    def _finished(self, outcome: FileResult) -> Finished:
        path = outcome.path
        if outcome.transcript is None:
            assert outcome.error is not None
            self._ready[path] = ""
            return Finished(path, "failed", error=str(outcome.error.named(self._names[path])))
        seconds, warnings = round(outcome.transcript.duration, 3), outcome.warnings
        if warnings and self._strict:
            self._ready[path] = ""
            error = f"{self._names[path]}: {strict_error(warnings)}"
            return Finished(path, "failed", seconds=seconds, error=error, warnings=warnings)
        about = self._settings.about_file(self._names[path], outcome.decoded)
        result = WholeTranscript(about, outcome.transcript, warnings)
        document = self._document(result)
        if self._target is None:
            self._ready[path] = document
            outputs: tuple[str, ...] = ()
        else:
            self._ready[path] = ""
            _write(self._target, document)
            outputs = (str(self._target),)
        return Finished(
            path, "done", outputs, seconds, note=outcome.note, warnings=outcome.warnings
        )

    def _document(self, result: WholeTranscript) -> str:
        if len(self._sources) > 1 and self._format == "json":
            return json_line(result)
        document = write_whole(result, self._format, self._settings.layout)
        return (
            document
            if len(self._sources) == 1
            else f"{blank_controls(result.about.file)}:\n{document}\n"
        )

    def _take_in_order(self) -> Iterator[str]:
        """What is ready, up to the first file that is not."""
        while self._next < len(self._sources):
            document = self._ready.pop(self._sources[self._next].path, None)
            if document is None:
                return
            self._next += 1
            yield document

    def _print(self, board: ProgressDisplay, documents: Iterable[str]) -> None:
        if ready := "".join(documents):
            with board.results():
                sys.stdout.write(printable_lines(ready) if sys.stdout.isatty() else ready)
                sys.stdout.flush()


def _write(target: Path, document: str) -> None:
    """Write a document whole, or not at all; of a name that is no UTF-8, what can be read."""
    try:
        write_whole_file(target, document.encode("utf-8", "replace"))
    except OSError as error:
        raise NemocliError(f"{target} cannot be written: {error.strerror}.") from None
