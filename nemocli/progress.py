"""What a program gives as `progress`: a function, or True for lines on stderr."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import NoneType

from nemocli.arguments import check_argument

#: Called with a sentence about what takes long. What stands before its colon names the step.
Progress = Callable[[str], None]

#: Seconds between two changes of a line.
INTERVAL_S = 0.2


@contextmanager
def report_to(progress: "Progress | bool | None") -> Iterator[Progress]:
    """Give the function to call; UsageError for what is neither a function nor a truth value.

    True writes to stderr, which terminals and notebooks show; False and None write nothing.
    """
    check_argument("progress", progress, (Callable, bool, NoneType), "a function, or True")
    if callable(progress):
        yield progress
    elif progress:
        lines = _ProgressLines()
        try:
            yield lines.show
        finally:
            lines.end()
    else:
        yield lambda sentence: None


class _ProgressLines:
    """A line for each step, which is written again as the step advances."""

    def __init__(self) -> None:
        self._step, self._width, self._time = "", 0, 0.0

    def show(self, sentence: str) -> None:
        step, now = sentence.partition(":")[0], time.monotonic()
        if step != self._step:
            self.end()
        elif now - self._time < INTERVAL_S:
            return
        text = "".join(c if c.isprintable() else " " for c in sentence)  # names may be anything
        print("\r" + text.ljust(self._width), end="", file=sys.stderr, flush=True)
        self._step, self._width, self._time = step, len(text), now

    def end(self) -> None:
        """End the line."""
        if self._step:
            print(file=sys.stderr, flush=True)
        self._step, self._width = "", 0
