"""Fuzz targets, and what must be true of every case."""

import os
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import TracebackType

import nemocli
from nemocli.cli.printable import make_printable
from nemocli.errors import NemocliError

#: Characters of a sentence at most: a file must not be able to fill the screen.
LONGEST_MESSAGE = 2000


PACKAGE = os.path.dirname(nemocli.__file__) + os.sep


class BrokenError(AssertionError):
    """A property did not hold."""


@dataclass(frozen=True)
class Target:
    """A reader or writer, with valid inputs for it and a way to damage them.

    `check` takes an input and raises NemocliError if it is refused; what it returns tells how far
    it came. Anything else that it raises is a defect of nemocli.
    """

    seeds: list[bytes]
    mutate: Callable[[bytes, Random], bytes]
    check: Callable[[bytes], Hashable]
    #: Seconds of processor time, and bytes of memory, that a case may need.
    seconds: float = 2.0
    memory: int = 200_000_000


#: Makes a target, which may write into the folder that is given.
MakeTarget = Callable[[Path], Target]


@dataclass(frozen=True)
class Outcome:
    """Outcome of a case; equal for cases that took the same path."""

    #: Whether the input was taken, not refused.
    accepted: bool
    #: What `check` returned, or the lines of nemocli that the refusal came through.
    way: Hashable


def run_case(target: Target, data: bytes) -> Outcome:
    """Check an input; raise everything that is neither a result nor a proper refusal."""
    try:
        return Outcome(True, target.check(data))
    except NemocliError as error:
        message = make_printable(str(error))  # as it is said
        if len(message) > LONGEST_MESSAGE or not message.strip():
            raise BrokenError(f"a refusal that is not one sentence: {message[:200]!r}") from error
        if "MemoryError" in message or "BrokenError" in message:
            raise BrokenError(f"a refusal that hides a defect: {message[:200]!r}") from error
        return Outcome(False, way(error.__traceback__))


def way(traceback: TracebackType | None) -> tuple[tuple[str, int], ...]:
    """File and line of each frame in nemocli."""
    lines = []
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if file.startswith(PACKAGE):
            lines.append((file.removeprefix(PACKAGE), traceback.tb_lineno))
        traceback = traceback.tb_next
    return tuple(lines)
