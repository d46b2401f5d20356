"""Show remarks, and progress of what takes long, on stderr."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from nemocli.cli.printable import make_printable
from nemocli.remark import Remark

if TYPE_CHECKING:
    from rich.console import Console


def can_draw_on(stream: TextIO) -> bool:
    """Tell whether a stream is a terminal that can move its cursor."""
    return stream.isatty() and os.environ.get("TERM", "unknown").lower() not in ("dumb", "unknown")


class Screen:
    """Draws only on a terminal that can move its cursor, and nothing at all when quiet.

    When plain, it prints lines, as without a terminal. Rich, which draws, is imported when
    something is drawn.
    """

    def __init__(self, quiet: bool, plain: bool = False) -> None:
        self._console: Console | None = None
        #: Whether only results and errors are wanted.
        self.is_quiet = quiet
        #: Whether there is a terminal to draw on.
        self.draws = can_draw_on(sys.stderr) and not quiet and not plain

    def note(self, sentence: str) -> None:
        """Print a remark, which stays on the screen."""
        self._print_line(f"nemocli: {sentence}")

    @contextmanager
    def show_wait(self, what: str) -> Iterator[Callable[[str], None]]:
        """Show what takes time: in place with the seconds it takes, or a line for each step.

        Call the result with each step. What follows a colon in it is a detail, which is left out of
        the lines. A Remark stays.
        """
        if not self.draws:
            yield self._make_line_printer()
            return
        from nemocli.cli.drawing import draw_wait

        with draw_wait(self._open_console(), make_printable(what)) as draw:

            def show(step: str) -> None:
                if isinstance(step, Remark):
                    self.note(step)
                else:
                    draw(make_printable(f"{what}: {step}"))

            yield show

    @contextmanager
    def show_bar(self, what: str) -> Iterator[Callable[[str, int, int], None]]:
        """Show a bar over numbered steps, or a line for each.

        Call the result with the step, its number from 1, and the number of all steps.
        """
        if not self.draws:
            yield lambda step, number, total: self._print_line(f"{step} ({number} of {total})")
            return
        from nemocli.cli.drawing import draw_steps

        with draw_steps(self._open_console(), make_printable(what)) as draw:
            yield lambda step, number, total: draw(make_printable(step), number, total)

    @contextmanager
    def show_downloads(self) -> Iterator[Callable[[str, int, int], None]]:
        """Show a bar over the bytes of each file, or a line for each file.

        Call the result with a file's name, its bytes that are here, and its size; bytes of an
        earlier download count too.
        """
        if not self.draws:
            yield self._make_download_printer()
            return
        from nemocli.cli.drawing import draw_downloads

        with draw_downloads(self._open_console()) as draw:
            yield lambda name, here, total: draw(make_printable(name), here, total)

    def _open_console(self) -> "Console":
        from nemocli.cli.drawing import open_console

        if self._console is None:
            self._console = open_console(stderr=True, emoji=False)
        return self._console

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
        if self.is_quiet:
            return
        if self._console is None:
            print(make_printable(line), file=sys.stderr, flush=True)
        else:  # above what is drawn
            self._console.print(make_printable(line), markup=False, soft_wrap=True)
