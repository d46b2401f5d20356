"""Show remarks, and progress of what takes long, on stderr."""

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

from nemocli.cli.printable import make_printable
from nemocli.remark import Remark

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


class Screen:
    """Draws only on a terminal that can move its cursor, and nothing at all when quiet."""

    def __init__(self, quiet: bool) -> None:
        self._console = open_console(stderr=True, emoji=False)
        #: Whether only results and errors are wanted.
        self.is_quiet = quiet
        #: Whether there is a terminal to draw on.
        self.draws = self._console.is_terminal and not self._console.is_dumb_terminal and not quiet

    def note(self, sentence: str) -> None:
        """Print a remark, which stays on the screen."""
        if not self.is_quiet:
            self._console.print(
                f"nemocli: {make_printable(sentence)}", markup=False, soft_wrap=True
            )

    @contextmanager
    def show_wait(self, what: str) -> Iterator[Callable[[str], None]]:
        """Show what takes time: in place with the seconds it takes, or a line for each step.

        Call the result with each step. What follows a colon in it is a detail, which is left out of
        the lines. A Remark stays.
        """
        if not self.draws:
            yield self._make_line_printer()
            return
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task(make_printable(what), total=None)

            def show(step: str) -> None:
                if isinstance(step, Remark):
                    self.note(step)
                else:
                    progress.reset(task, description=make_printable(f"{what}: {step}"))

            yield show

    @contextmanager
    def show_bar(self, what: str) -> Iterator[Callable[[str, int, int], None]]:
        """Show a bar over numbered steps, or a line for each.

        Call the result with the step, its number from 1, and the number of all steps.
        """
        if not self.draws:
            yield lambda step, number, total: self._print_line(f"{step} ({number} of {total})")
            return
        columns = (
            # Wrapped where there is no room, rather than the numbers left out.
            TextColumn("{task.description}", markup=False, table_column=Column()),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task(make_printable(what), total=None)

            def show(step: str, number: int, total: int) -> None:
                progress.update(
                    task, description=make_printable(step), completed=number - 1, total=total
                )

            yield show

    @contextmanager
    def show_downloads(self) -> Iterator[Callable[[str, int, int], None]]:
        """Show a bar over the bytes of each file, or a line for each file.

        Call the result with a file's name, its bytes that are here, and its size; bytes of an
        earlier download count too.
        """
        if not self.draws:
            yield self._make_download_printer()
            return
        columns = (
            TextColumn("{task.description}", markup=False, table_column=Column()),
            BarColumn(bar_width=20),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        tasks: dict[str, TaskID] = {}
        with Progress(*columns, console=self._console, transient=True) as progress:

            def show(name: str, here: int, total: int) -> None:
                if name not in tasks:
                    tasks[name] = progress.add_task(
                        make_printable(name), total=total, completed=here
                    )
                progress.update(tasks[name], completed=here)

            yield show

    def _make_download_printer(self) -> Callable[[str, int, int], None]:
        begun: set[str] = set()

        def show(name: str, here: int, total: int) -> None:
            if name not in begun:
                begun.add(name)
                kept = f", {here / 1e9:.2f} of {total / 1e9:.2f} GB are here" if here else ""
                self._print_line(f"downloading {name}{kept}")

        return show

    def _make_line_printer(self) -> Callable[[str], None]:
        last = ""

        def show(step: str) -> None:
            nonlocal last
            line = step.partition(":")[0]
            if isinstance(step, Remark):
                self.note(step)
            elif line != last:
                self._print_line(line)
                last = line

        return show

    def _print_line(self, line: str) -> None:
        if not self.is_quiet:
            self._console.print(make_printable(line), markup=False, soft_wrap=True)
