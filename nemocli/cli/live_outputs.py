"""Where the events of `nemocli live` go besides the screen: lines on stdout, and the file."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from nemocli.cli.printable import blank_controls, printable
from nemocli.errors import NemocliError, UsageError
from nemocli.transcript.cue_layout import CueLayout
from nemocli.transcript.event_lines import event_line
from nemocli.transcript.events import Event, Final, Status
from nemocli.transcript.formats import FORMATS
from nemocli.transcript.growing_file import GrowingFile, check_target
from nemocli.transcript.provenance import Provenance
from nemocli.transcript.subtitles import format_timestamp

#: What `--format` takes.
STDOUT_FORMATS = ("txt", "jsonl")

#: Seconds of sound between two status lines while nothing happens.
STATUS_INTERVAL_S = 1.0


class Output(Protocol):
    """Takes every event in its order."""

    def take(self, event: Event) -> None: ...


class TextLines:
    """Each final segment as a line on stdout, flushed at once."""

    def __init__(self, timestamps: bool) -> None:
        self._timestamps = timestamps

    def take(self, event: Event) -> None:
        if isinstance(event, Final):
            start = (
                f"[{format_timestamp(round(1000 * event.segment.start))}] "
                if self._timestamps
                else ""
            )
            text = blank_controls(event.segment.text)
            _print_line(start + (printable(text) if sys.stdout.isatty() else text))


class JsonLines:
    """Every event as a line of JSON on stdout; the regular status once in a while."""

    def __init__(self) -> None:
        self._next_status = 0.0

    def take(self, event: Event) -> None:
        if isinstance(event, Status) and event.kind == "listening":
            if event.heard < self._next_status:
                return
            self._next_status = event.heard + STATUS_INTERVAL_S
        _print_line(event_line(event))


class FileOutput:
    """The finals in a file, whole after each.

    A failure is told once, and does not end the stream: what could not be written is tried again
    with the next final.
    """

    def __init__(self, growing: GrowingFile, tell: Callable[[str], None]) -> None:
        self._growing = growing
        self._tell = tell
        self._language: str | None = None
        self._heard = 0.0
        #: Why the file lacks something; None if it is complete.
        self.failure: NemocliError | None = None

    def take(self, event: Event) -> None:
        try:
            if isinstance(event, Final):
                self._language = event.language
                self._growing.add(event.segment, event.language, self._heard)
                self.failure = None
            elif isinstance(event, Status):
                self._heard = event.heard
                if event.kind == "ended":
                    self._growing.finish(self._language, self._heard)
                    self.failure = None
        except NemocliError as error:
            if self.failure is None:
                self._tell(f"{error} The transcription goes on.")
            self.failure = error


def check_stdout(output_format: str) -> None:
    """Raise UsageError for a format that stdout does not take."""
    if output_format not in STDOUT_FORMATS:
        raise UsageError(
            f"There is no format {output_format!r} for stdout; choose one of"
            f" {', '.join(STDOUT_FORMATS)}. The others are for --output."
        )


def open_lines(output_format: str, timestamps: bool) -> Output:
    """Return what writes a checked format to stdout."""
    return TextLines(timestamps) if output_format == "txt" else JsonLines()


def check_output(path: Path, force: bool) -> None:
    """Raise UsageError for a file of another kind, or one that may not be replaced."""
    if path.suffix[1:] not in FORMATS:
        known = ", ".join(f".{name}" for name in FORMATS)
        raise UsageError(f"--output writes files that end in {known}, not {path.name!r}.")
    check_target(path, force)


@contextmanager
def open_output(
    path: Path, about: Provenance, layout: CueLayout, force: bool, tell: Callable[[str], None]
) -> Iterator[FileOutput]:
    """Begin a checked file; in the end, what lies beside it while it grows is removed."""
    with GrowingFile(path, FORMATS[path.suffix[1:]](about, layout), force) as growing:
        yield FileOutput(growing, tell)


def _print_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
