"""What a person sees while files are transcribed: drawn on a terminal, else a line for a file."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from rich.console import Console, Group
from rich.live import Live

from nemocli.batch.many import FileProgress
from nemocli.cli.file_views import bars_view, growing_view, progress_line, whole_line
from nemocli.cli.printable import printable, printable_path
from nemocli.cli.screen import Screen
from nemocli.closing import Closing
from nemocli.jobs.estimate import Estimate
from nemocli.jobs.report import Finished
from nemocli.sound_warning import SoundWarning

#: Seconds between redraws: at most ten a second.
REDRAW_INTERVAL_S = 0.1


def tell_note(
    board: "ProgressDisplay", finished: Finished, names: Mapping[Path, str], screen: Screen
) -> None:
    """Say which of several sound tracks was transcribed."""
    if finished.note is not None and not screen.is_quiet:
        board.say(f"{printable_path(names[finished.path])}: {finished.note}")


class ProgressDisplay(Closing):
    """The files of one run; a context manager that leaves nothing on a terminal but messages.

    One file's text is shown as it grows, of several how far they are. `names` has what
    each is called. `lines` prints a line for each file that is done where nothing can be drawn.
    """

    def __init__(self, names: Mapping[Path, str], *, draws: bool, lines: bool) -> None:
        self._console = Console(stderr=True, highlight=False, emoji=False)
        self._names = {path: printable_path(name) for path, name in names.items()}
        self._count = len(names)
        self._draws = draws
        self._lines = lines and not draws
        self._estimate = Estimate(names if draws else ())
        self._at_work: dict[Path, FileProgress] = {}
        self._ended = 0
        self._seconds = 0.0
        self._began, self._drawn = time.monotonic(), 0.0
        self._live = Live(
            console=self._console, auto_refresh=False, transient=True, redirect_stdout=False
        )

    def __enter__(self) -> Self:
        if self._draws:
            self._live.start()
        return self

    def close(self) -> None:
        """Take the bars away."""
        if self._draws:
            self._live.stop()

    @property
    def at_work(self) -> int:
        """Files that were heard and did not end yet."""
        return len(self._at_work)

    def heard(self, heard: FileProgress) -> None:
        """How far a file is."""
        self._at_work[heard.path] = heard
        if heard.promised:
            self._estimate.tell(heard.path, max(heard.transcript.duration, heard.promised))
        self._draw()

    def finished(self, finished: Finished) -> None:
        """A file ended; a failure is told at once."""
        self._at_work.pop(finished.path, None)
        self._ended += 1
        seconds = (finished.seconds or 0.0) if finished.state == "done" else 0.0
        self._seconds += seconds
        self._estimate.tell(finished.path, seconds)
        if finished.kept:
            self.say(kept_sentence(finished.kept))
        if finished.error is not None:
            self.say(finished.error)
        elif finished.warnings:
            self.say(f"{self._names[finished.path]}: {describe_warnings(finished.warnings)}")
        if finished.error is not None:
            pass
        elif finished.kept and finished.state == "skipped":
            pass  # that is all there is to say
        elif self._lines:
            length = "" if finished.seconds is None else f" ({finished.seconds:.1f} s of sound)"
            state = "" if finished.state == "done" else ", done already"
            self._print(
                f"{self._ended} of {self._count}: {self._names[finished.path]}{length}{state}"
            )
        self._draw()

    def say(self, sentence: str) -> None:
        """A sentence that stays, above the bars."""
        self._print(f"nemocli: {printable(sentence)}")

    @contextmanager
    def results(self) -> Iterator[None]:
        """A moment for stdout, which may be the same terminal."""
        apart = self._draws and sys.stdout.isatty()
        if apart:
            self._live.stop()
        yield
        if apart:
            self._live.start()

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, soft_wrap=True)

    def _draw(self) -> None:
        now = time.monotonic()
        if self._draws and now - self._drawn >= REDRAW_INTERVAL_S:
            self._drawn = now
            self._live.update(self._view(now - self._began), refresh=True)

    def _view(self, elapsed: float) -> Group:
        width = self._console.width
        at_work = [
            (self._names[path].rpartition("/")[2], heard.transcript.duration, heard.promised)
            for path, heard in self._at_work.items()
        ]
        if self._count == 1 and self._at_work:
            (heard,) = self._at_work.values()
            status = progress_line(*at_work[0], elapsed)
            return growing_view(heard.transcript, status, width)
        done = self._seconds + sum(seconds for _, seconds, _ in at_work)
        total = self._estimate.total
        status = whole_line(done, total, elapsed, self._ended, self._count)
        return bars_view(at_work, done, total, status, width)


def describe_warnings(warnings: Sequence[SoundWarning]) -> str:
    """Say in a sentence what is wrong with a sound: the first warning, and how many more."""
    more = len(warnings) - 1
    if not more:
        return warnings[0].message
    others = "1 more warning" if more == 1 else f"{more} more warnings"
    return f"{warnings[0].message.removesuffix('.')} (and {others}; --report lists all)."


def kept_sentence(paths: Sequence[str]) -> str:
    """That outputs were left as somebody corrected them."""
    verb, pronoun, end = ("was", "it", "is") if len(paths) == 1 else ("were", "them", "are")
    return (
        f"{', '.join(paths)} {verb} changed since nemocli wrote {pronoun}, and {end} kept; add"
        f" --force to replace {pronoun}."
    )
