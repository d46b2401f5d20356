"""Progress of files on a terminal: one file's growing text, or bars for many."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from nemocli.cli.drawing import open_console
from nemocli.cli.file_lines import format_duration
from nemocli.cli.printable import make_printable
from nemocli.transcript.types import Transcript, join_words

#: Limit on the lines of the growing transcript that are shown.
MAX_LINES = 4

#: Words that are enough to fill these lines on any terminal.
MAX_WORDS = 200

#: Limit on the files with a bar; the others are counted.
MAX_BARS = 8

#: Width of a bar in cells.
BAR_CELLS = 24

#: Width in cells for the seconds of a file: transcribed, and in all.
TIME_CELLS = 20


def open_display() -> Live:
    """Return a display on stderr, which is drawn when it is given a view."""
    console = open_console(stderr=True, emoji=False)
    return Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False)


def make_growing_view(transcript: Transcript, status: str, width: int) -> Group:
    """Return a view of the end of a transcript, with a status line below it."""
    text = make_printable(join_words(transcript.words[-MAX_WORDS:]))
    return Group(
        Text(cut_last_lines(text, width, MAX_LINES), overflow="fold"),
        Text(status, style="dim", overflow="ellipsis", no_wrap=True),
    )


def make_bars_view(
    at_work: Sequence[tuple[str, float, float | None]],
    done: float,
    total: float | None,
    status: str,
    width: int,
) -> Group:
    """Return a view with a bar for each file (name, seconds done, seconds in all), and a total."""
    rows = Table.grid(padding=(0, 1))
    for name, seconds, promised in at_work[:MAX_BARS]:
        whole = f" / {format_duration(promised)}" if promised else ""
        shown = Text(name, no_wrap=True)
        shown.truncate(max(8, width - BAR_CELLS - TIME_CELLS), overflow="ellipsis")
        rows.add_row(_make_bar(seconds, promised), Text(format_duration(seconds) + whole), shown)
    more = len(at_work) - MAX_BARS
    hidden = [Text(f"and {more} more at work", style="dim")] if more > 0 else []
    whole_row = Table.grid(padding=(0, 1))
    whole_row.add_row(_make_bar(done, total), Text(status, no_wrap=True, overflow="ellipsis"))
    return Group(rows, *hidden, whole_row)


def cut_last_lines(text: str, width: int, lines: int) -> str:
    """Return the end of a text that fits into some lines, each `width` cells wide."""
    room = max(width, 1) * lines - width // 2  # words are not broken, which takes more room
    kept = text[-room:]
    while kept and cell_len(kept) > room:
        kept = kept[1:]
    if len(kept) < len(text):
        kept = "…" + kept[1:]
    return kept


def _make_bar(done: float, total: float | None) -> ProgressBar:
    whole = max(total or 0.0, done, 1e-9)
    return ProgressBar(total=whole, completed=done if total else 0.0, width=BAR_CELLS)
