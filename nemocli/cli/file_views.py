"""How the progress of files looks on a terminal: one file's growing text, or bars for many."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from nemocli.cli.printable import printable
from nemocli.transcript.types import Transcript, join_words

#: Lines of the growing transcript that stay in view.
MAX_LINES = 4

#: Words that fill them, on any terminal.
MAX_WORDS = 200

#: Files at work that get a bar of their own; the others are counted.
MAX_BARS = 8

BAR_CELLS = 24

#: Cells for the seconds of a file, done and promised.
TIME_CELLS = 20


def growing_view(transcript: Transcript, status: str, width: int) -> Group:
    """The end of a transcript, and a line below it."""
    text = printable(join_words(transcript.words[-MAX_WORDS:]))
    return Group(
        Text(last_lines(text, width, MAX_LINES), overflow="fold"),
        Text(status, style="dim", overflow="ellipsis", no_wrap=True),
    )


def bars_view(
    at_work: Sequence[tuple[str, float, float | None]],
    done: float,
    total: float | None,
    status: str,
    width: int,
) -> Group:
    """A bar for each file at work (name, seconds done, seconds promised), and one for the whole."""
    rows = Table.grid(padding=(0, 1))
    for name, seconds, promised in at_work[:MAX_BARS]:
        whole = f" / {format_duration(promised)}" if promised else ""
        shown = Text(name, no_wrap=True)
        shown.truncate(max(8, width - BAR_CELLS - TIME_CELLS), overflow="ellipsis")
        rows.add_row(_bar(seconds, promised), Text(format_duration(seconds) + whole), shown)
    more = len(at_work) - MAX_BARS
    hidden = [Text(f"and {more} more at work", style="dim")] if more > 0 else []
    whole_row = Table.grid(padding=(0, 1))
    whole_row.add_row(_bar(done, total), Text(status, no_wrap=True, overflow="ellipsis"))
    return Group(rows, *hidden, whole_row)


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
    whole = f" / {format_duration(duration)}" if duration else ""
    speed = f"  {done / elapsed:.1f}x" if elapsed > 0 else ""
    return f"{format_duration(done)}{whole}{speed}  {name}"


def format_duration(seconds: float) -> str:
    """Write seconds as a person reads them: `1:05`, `2:00:00`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def whole_line(done: float, total: float | None, elapsed: float, ended: int, count: int) -> str:
    """Sound done, of how much, the speed as a multiple of real time, the time left, files."""
    speed = done / elapsed if elapsed > 0 else 0.0
    parts = [format_duration(done) + (f" / {format_duration(total)}" if total else "")]
    if speed:
        parts.append(f"{speed:.1f}x")
    if speed and total:
        parts.append(f"{format_duration(max(0.0, total - done) / speed)} left")
    return "  ".join([*parts, f"{ended} of {count} files"])


def _bar(done: float, total: float | None) -> ProgressBar:
    whole = max(total or 0.0, done, 1e-9)
    return ProgressBar(total=whole, completed=done if total else 0.0, width=BAR_CELLS)
