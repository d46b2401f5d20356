"""stdout and stderr, which may be closed, full, or in an encoding without most letters."""

import io
import os
import sys
from contextlib import suppress
from typing import Any

from nemocli.cli.printable import make_printable
from nemocli.errors import NemocliError


class ResultStream(io.TextIOWrapper):
    """stdout that raises NemocliError if it cannot be written, or BrokenPipeError if not read."""

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError as error:
            raise explain_failure(error) from None

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            raise explain_failure(error) from None


class MessageStream(io.TextIOWrapper):
    """stderr that ignores its own failures: there is nowhere to report them."""

    def write(self, text: str, /) -> int:
        with suppress(OSError):
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()


def prepare_streams() -> None:
    """Make both streams able to take any text; NemocliError if stdout is closed.

    Files and pipes get UTF-8 whatever the locale is; bytes of file names that are not UTF-8 stay
    as they are. A terminal keeps its encoding; what that lacks becomes a question mark.
    """
    if sys.stdin is None:
        # The next file that is opened would get the descriptor of stdin.
        os.open(os.devnull, os.O_RDONLY)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  for all the process
    if sys.stdout is None:
        # Libraries that print later, and Python at its exit, must not fail as well.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        raise NemocliError("There is no stdout to write results to; redirect it to a file.")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            if stream.isatty():
                stream.reconfigure(errors="replace")
            else:
                stream.reconfigure(encoding="utf-8", errors="surrogateescape")
    if type(sys.stdout) is io.TextIOWrapper:
        sys.stdout = ResultStream(*_detach(sys.stdout))
    if type(sys.stderr) is io.TextIOWrapper:
        sys.stderr = MessageStream(*_detach(sys.stderr))


def _detach(stream: io.TextIOWrapper) -> tuple[Any, str, str | None, None, bool]:
    """Detach a stream's buffer; return the arguments of the wrapper that replaces the stream."""
    encoding, errors, buffering = stream.encoding, stream.errors, stream.line_buffering
    return stream.detach(), encoding, errors, None, buffering


def separate_stderr() -> None:
    """Give sys.stderr a descriptor of its own, so that native libraries' can be silenced."""
    stream = sys.stderr
    if not isinstance(stream, MessageStream):
        return
    with suppress(OSError, ValueError):
        buffer = open(os.dup(stream.fileno()), "wb")  # noqa: SIM115  for all the process
        encoding, errors = stream.encoding, stream.errors
        sys.stderr = MessageStream(buffer, encoding, errors, None, stream.line_buffering)


def abandon_stdout() -> None:
    """Discard what is still unwritten: Python would report the failure again at exit."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (OSError, ValueError):  # stdout is not a file
        pass


def say(sentence: str) -> None:
    """Print one sentence on stderr, made printable."""
    print(f"nemocli: {make_printable(sentence)}", file=sys.stderr, flush=True)


def explain_failure(error: OSError) -> NemocliError | BrokenPipeError:
    """Return what is raised for a stdout that cannot be written."""
    if isinstance(error, BrokenPipeError):
        return error
    return NemocliError(f"The results cannot be written to stdout: {error.strerror}.")
