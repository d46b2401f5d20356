"""Drawing on a terminal by Rich: what takes long, with bars and seconds.

It is imported when something is drawn.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Column

#: Variables by which others say what a terminal is, instead of the terminal itself.
_MISLEADING = ("COLUMNS", "LINES", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")


def open_console(*, stderr: bool, **options: Any) -> Console:
    """Return a console to draw on: a terminal if it is one, and as large as that is now.

    Variables such as COLUMNS, which docker and others export, do not change that.
    """
    stream = sys.stderr if stderr else sys.stdout
    environment = {name: value for name, value in os.environ.items() if name not in _MISLEADING}
    return Console(
        stderr=stderr,
        highlight=False,
        force_terminal=stream.isatty(),
        _environ=environment,
        **options,
    )


@contextmanager
def draw_wait(console: Console, what: str) -> Iterator[Callable[[str], None]]:
    """Draw what takes time, with its seconds; call the result with a text for another step."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda text: progress.reset(task, description=text)


@contextmanager
def draw_steps(console: Console, what: str) -> Iterator[Callable[[str, int, int], None]]:
    """Draw a bar; call the result with each step, its number from 1, and the number of all."""
    columns = (
        # Wrapped where there is no room, rather than the numbers left out.
        TextColumn("{task.description}", markup=False, table_column=Column()),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=None)

        def show(step: str, number: int, total: int) -> None:
            progress.update(task, description=step, completed=number - 1, total=total)

        yield show


@contextmanager
def draw_downloads(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Draw a bar for each file; call the result with its name, its bytes here, and its size."""
    columns = (
        TextColumn("{task.description}", markup=False, table_column=Column()),
        BarColumn(bar_width=20),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console, transient=True) as progress:

        def show(name: str, here: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=total, completed=here)
            progress.update(tasks[name], completed=here)

        yield show
