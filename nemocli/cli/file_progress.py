"""Display while files are transcribed: drawn on a terminal, elsewhere a line for each file."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from nemocli.batch.many import FileProgress
from nemocli.cli.file_lines import format_progress, format_total
from nemocli.cli.printable import make_path_printable, make_printable
from nemocli.cli.screen import Screen
from nemocli.closing import Closing
from nemocli.counting import count_things
from nemocli.jobs.estimate import Estimate
from nemocli.jobs.report import JobResult
from nemocli.sound_warning import SoundWarning

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live

#: Seconds between redraws: at most ten a second.
REDRAW_INTERVAL_S = 0.1


def show_note(
    display: "ProgressDisplay", result: JobResult, names: Mapping[Path, str], screen: Screen
) -> None:
    """Print which of several sound tracks was transcribed."""
    if result.note is not None and not screen.is_quiet:
        display.say(f"{make_path_printable(names[result.path])}: {result.note}")


class ProgressDisplay(Closing):
    """The display of one run; a context manager that leaves only messages on a terminal.

    One file is shown with its growing text, several files with bars.
    """

    def __init__(self, names: Mapping[Path, str], *, draws: bool, lines: bool) -> None:
        """Make a display of files, given with their names.

        With `draws` it draws on the terminal. Otherwise, with `lines`, it prints a line for each
        file that is done.
        """
        self._names = {path: make_path_printable(name) for path, name in names.items()}
        self._count = len(names)
        self._lines = lines and not draws
        self._estimate = Estimate(names if draws else ())
        self._at_work: dict[Path, FileProgress] = {}
        self._finished = 0
        self._seconds = 0.0
        self._began, self._drawn = time.monotonic(), 0.0
        self._live: Live | None = None
        if draws:
            from nemocli.cli.file_views import open_display

            self._live = open_display()

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def close(self) -> None:
        """Remove what is drawn."""
        if self._live is not None:
            self._live.stop()

    @property
    def at_work(self) -> int:
        """Number of files that are being transcribed."""
        return len(self._at_work)

    def update(self, progress: FileProgress) -> None:
        """Show how far a file is transcribed."""
        self._at_work[progress.path] = progress
        if progress.promised:
            seconds = max(progress.transcript.duration, progress.promised)
            self._estimate.set_length(progress.path, seconds)
        promised, done = progress.promised, progress.transcript.duration
        self._draw(at_once=self._count == 1 and promised is not None and done >= promised)

    def finish(self, result: JobResult) -> None:
        """Show that a file is finished; an error is printed at once."""
        self._at_work.pop(result.path, None)
        self._finished += 1
        seconds = (result.seconds or 0.0) if result.state == "done" else 0.0
        self._seconds += seconds
        self._estimate.set_length(result.path, seconds)
        if result.kept:
            self.say(describe_kept(result.kept))
        if result.removed:
            self.say(describe_removed(result.removed))
        if result.error is not None:
            self.say(result.error)
        elif result.warnings:
            self.say(f"{self._names[result.path]}: {describe_warnings(result.warnings)}")
        if result.error is not None or (result.kept and result.state == "skipped"):
            pass  # the sentence above is enough
        elif self._lines:
            length = "" if result.seconds is None else f" ({result.seconds:.1f} s of sound)"
            state = "" if result.state == "done" else ", done already"
            self._print(
                f"{self._finished} of {self._count}: {self._names[result.path]}{length}{state}"
            )
        self._draw()

    def say(self, sentence: str) -> None:
        """Print a sentence above the bars."""
        self._print(f"nemocli: {make_printable(sentence)}")

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Remove what is drawn while results are printed on the same terminal."""
        shared = self._live if sys.stdout.isatty() else None
        if shared is not None:
            shared.stop()
        yield
        if shared is not None:
            shared.start()

    def _print(self, line: str) -> None:
        if self._live is None:
            print(line, file=sys.stderr, flush=True)
        else:  # above what is drawn
            self._live.console.print(line, markup=False, soft_wrap=True)

    def _draw(self, at_once: bool = False) -> None:
        now = time.monotonic()
        if self._live is not None and (at_once or now - self._drawn >= REDRAW_INTERVAL_S):
            self._drawn = now
            view = self._make_view(now - self._began, self._live.console.width)
            self._live.update(view, refresh=True)

    def _make_view(self, elapsed: float, width: int) -> "Group":
        from nemocli.cli.file_views import make_bars_view, make_growing_view

        at_work = [
            (self._names[path].rpartition("/")[2], file.transcript.duration, file.promised)
            for path, file in self._at_work.items()
        ]
        if self._count == 1 and self._at_work:
            (file,) = self._at_work.values()
            status = format_progress(*at_work[0], elapsed)
            return make_growing_view(file.transcript, status, width)
        done = self._seconds + sum(seconds for _, seconds, _ in at_work)
        total = self._estimate.total
        status = format_total(done, total, elapsed, self._finished, self._count)
        return make_bars_view(at_work, done, total, status, width)


def describe_warnings(warnings: Sequence[SoundWarning]) -> str:
    """Return a sentence about a sound's faults: the first warning, and how many more there are."""
    more = len(warnings) - 1
    if not more:
        return warnings[0].message
    others = count_things(more, "more warning")
    return f"{warnings[0].message.removesuffix('.')} (and {others}; --report lists all)."


def describe_kept(paths: Sequence[str]) -> str:
    """Return a sentence about outputs that were not replaced, since somebody changed them."""
    verb, pronoun, end = ("was", "it", "is") if len(paths) == 1 else ("were", "them", "are")
    return (
        f"{', '.join(paths)} {verb} changed since nemocli wrote {pronoun}, and {end} kept; add"
        f" --force to replace {pronoun}."
    )


def describe_removed(paths: Sequence[str]) -> str:
    """Return a sentence about turns of an earlier run, where this one knows no speakers."""
    verb = "was" if len(paths) == 1 else "were"
    return (
        f"{', '.join(paths)} of an earlier run {verb} removed: without --speakers, nothing says who"
        " speaks."
    )
