"""What a person sees on the terminal while files are transcribed. All of it goes to stderr."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.cells import cell_len
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column
from rich.text import Text

from nemocli.transcript.types import Transcript, join_words

#: Seconds between redraws: at most ten a second.
REDRAW = 0.1

#: Lines of the growing transcript that stay in view.
LINES = 4

#: Words that fill them, on any terminal.
WORDS = 200


class Screen:
    """Draws only on a terminal that can move its cursor, and nothing at all when quiet."""

    def __init__(self, quiet: bool) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._quiet = quiet
        #: Whether there is a terminal to draw on.
        self.draws = self._console.is_terminal and not self._console.is_dumb_terminal and not quiet

    def note(self, sentence: str) -> None:
        """A remark that stays."""
        if not self._quiet:
            self._console.print(f"nemocli: {sentence}", markup=False, soft_wrap=True)

    @contextmanager
    def waiting(self, what: str) -> Iterator[Callable[[str], None]]:
        """Show what takes time: in place with the seconds it takes, or a line for each step.

        Call the result with each step. What follows a colon in it is a detail, which is left out of
        the lines.
        """
        if not self.draws:
            yield self._line_printer()
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task(escape(what), total=None)

            def show(step: str) -> None:
                progress.reset(task, description=escape(f"{what}: {step}"))

            yield show

    @contextmanager
    def bar(self, what: str) -> Iterator[Callable[[str, int, int], None]]:
        """A bar over numbered steps, or a line for each; call with step, number from 1, total."""
        if not self.draws:
            yield lambda step, number, total: self._print_line(f"{step} ({number} of {total})")
            return
        columns = (
            # Wrapped where there is no room, rather than the numbers left out.
            TextColumn("{task.description}", table_column=Column()),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task(escape(what), total=None)

            def show(step: str, number: int, total: int) -> None:
                progress.update(task, description=escape(step), completed=number - 1, total=total)

            yield show

    def _line_printer(self) -> Callable[[str], None]:
        last = ""

        def show(step: str) -> None:
            nonlocal last
            line = step.partition(":")[0]
            if line != last:
                self._print_line(line)
                last = line

        return show

    def _print_line(self, line: str) -> None:
        if not self._quiet:
            self._console.print(line, markup=False, soft_wrap=True)

    @contextmanager
    def file(self, name: str, duration: float | None) -> Iterator[Callable[[Transcript], None]]:
        """Show one file's transcript as it grows; it vanishes when the file is done."""
        if not self.draws:
            yield lambda transcript: None
            return
        began = time.monotonic()
        drawn = 0.0
        with Live(console=self._console, auto_refresh=False, transient=True) as live:

            def show(transcript: Transcript) -> None:
                nonlocal drawn
                now = time.monotonic()
                if now - drawn >= REDRAW:
                    drawn = now
                    status = progress_line(name, transcript.duration, duration, now - began)
                    text = join_words(transcript.words[-WORDS:])
                    live.update(self._view(text, status), refresh=True)

            yield show

    def _view(self, text: str, status: str) -> Group:
        width = self._console.width
        return Group(
            Text(last_lines(text, width, LINES), overflow="fold"),
            Text(status, style="dim", overflow="ellipsis", no_wrap=True),
        )


def last_lines(text: str, width: int, lines: int) -> str:
    """The end of a text that fits into so many lines of so many cells, wide characters counted."""
    room = max(width, 1) * lines - width // 2  # words are not broken, which costs room
    kept = text[-room:]
    while kept and cell_len(kept) > room:
        kept = kept[1:]
    if len(kept) < len(text):
        kept = "…" + kept[1:]
    return kept


def progress_line(name: str, done: float, duration: float | None, elapsed: float) -> str:
    """Seconds of sound done, of how many, and the speed as a multiple of real time."""
    whole = f" / {_clock(duration)}" if duration else ""
    speed = f"  {done / elapsed:.1f}x" if elapsed > 0 else ""
    return f"{_clock(done)}{whole}{speed}  {name}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
