"""Where the events of `nemocli live` go besides the screen: lines on stdout, and the file."""

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from nemocli.cli.live_options import LiveOptions
from nemocli.cli.printable import blank_controls, make_printable
from nemocli.cli.stdout_delivery import Delivery
from nemocli.errors import NemocliError, UsageError
from nemocli.transcript.cue_layout import CueLayout
from nemocli.transcript.event_lines import format_event
from nemocli.transcript.events import Event, Final, Partial, Status
from nemocli.transcript.formats import FORMATS
from nemocli.transcript.growing_file import GrowingFile
from nemocli.transcript.provenance import Provenance
from nemocli.transcript.subtitles import format_timestamp
from nemocli.whole_file import check_target

#: What `--format` takes.
STDOUT_FORMATS = ("txt", "jsonl")

#: Seconds of sound between two status lines while nothing happens.
STATUS_INTERVAL_S = 1.0

#: Seconds between two lines about what still changes, and what they begin with.
PARTIAL_INTERVAL_S = 1.0
PARTIAL_MARK = "… "


class Output(Protocol):
    """Where events go, in their order."""

    def take(self, event: Event) -> None: ...


class TextLines:
    """Writes each final segment as a line to stdout; with `partials`, also what still changes."""

    def __init__(self, delivery: Delivery | None, timestamps: bool, partials: bool) -> None:
        self._delivery = delivery
        self._timestamps = timestamps
        self._partials = partials
        # What the last line about a partial said, and when it was written.
        self._partial, self._written_at = "", -math.inf

    def take(self, event: Event) -> None:
        if isinstance(event, Final):
            start = (
                f"[{format_timestamp(round(1000 * event.segment.start))}] "
                if self._timestamps
                else ""
            )
            self._print(start, event.segment.labelled_text)
            self._partial = ""
        elif isinstance(event, Partial) and self._partials:
            now, text = time.monotonic(), event.segment.labelled_text
            is_early = now - self._written_at < PARTIAL_INTERVAL_S
            if text != self._partial and not is_early and not self._is_behind():
                self._print(PARTIAL_MARK, text)
                self._partial, self._written_at = text, now

    def _is_behind(self) -> bool:
        return self._delivery is not None and self._delivery.is_behind

    def _print(self, before: str, text: str) -> None:
        text = blank_controls(text)
        text = make_printable(text) if sys.stdout.isatty() else text
        _print_line(self._delivery, before + text)


class JsonLines:
    """Writes every event as a line of JSON to stdout; the regular status once a second of sound.

    While stdout's reader is far behind, partials and regular statuses are left out.
    """

    def __init__(self, delivery: Delivery | None) -> None:
        self._delivery = delivery
        self._next_status = 0.0

    def take(self, event: Event) -> None:
        is_regular = isinstance(event, Status) and event.kind == "listening"
        is_behind = self._delivery is not None and self._delivery.is_behind
        if is_behind and (is_regular or isinstance(event, Partial)):
            return
        if isinstance(event, Status) and is_regular:
            if event.heard < self._next_status:
                return
            self._next_status = event.heard + STATUS_INTERVAL_S
        _print_line(self._delivery, format_event(event))


class FileOutput:
    """Writes the finals into a file, which is whole after each.

    A failure is reported once, by a call of `notify`, and does not end the stream: what could not
    be written is tried again with the next final.
    """

    def __init__(self, growing: GrowingFile, notify: Callable[[str], None]) -> None:
        self._growing = growing
        self._notify = notify
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
                self._notify(f"{error} The transcription goes on.")
            self.failure = error


def check_stdout(output_format: str) -> None:
    """Raise UsageError for a format that stdout does not take."""
    if output_format not in STDOUT_FORMATS:
        raise UsageError(
            f"There is no format {output_format!r} for stdout; choose one of"
            f" {', '.join(STDOUT_FORMATS)}. The others are for --output."
        )


def open_lines(delivery: Delivery | None, options: LiveOptions) -> Output:
    """Return what writes a checked format to stdout."""
    if options.stdout_format == "txt":
        return TextLines(delivery, options.timestamps, options.plain and options.partials)
    return JsonLines(delivery)


def check_output(path: Path, force: bool, has_speakers: bool) -> None:
    """Raise UsageError for a file of another kind, or one that may not be replaced.

    Without `has_speakers`, no segment has a speaker, and a file of turns would be empty.
    """
    if path.suffix[1:] not in FORMATS:
        known = ", ".join(f".{name}" for name in FORMATS)
        raise UsageError(f"--output writes files that end in {known}, not {path.name!r}.")
    if FORMATS[path.suffix[1:]].has_only_turns and not has_speakers:
        raise UsageError(
            f"{path.suffix} only says who speaks when: add --speakers, or --mic and --system, which"
            " are two, or choose another format in --output."
        )
    check_target(path, force)


@contextmanager
def open_output(
    path: Path, about: Provenance, layout: CueLayout, force: bool, notify: Callable[[str], None]
) -> Iterator[FileOutput]:
    """Begin a checked file; in the end, what lies beside it while it grows is removed."""
    writer = FORMATS[path.suffix[1:]](about, layout)
    with GrowingFile(path, writer, force, notify) as growing:
        yield FileOutput(growing, notify)


def _print_line(delivery: Delivery | None, line: str) -> None:
    if delivery is not None:
        delivery.write(line + "\n")
    else:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
