"""The inputs of `nemocli file`: arguments, lists, and sound from stdin."""

import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from nemocli.cli.file_options import FileOptions
from nemocli.counting import count_things
from nemocli.errors import AudioError, NemocliError, UsageError
from nemocli.jobs.extensions import EXTENSIONS, parse_extensions
from nemocli.jobs.inputs import STDIN, STDIN_NAME, Listing, list_inputs
from nemocli.jobs.path_list import read_list

#: Unit prefixes of sizes: powers of 1000, or of 1024 if an i follows.
_UNITS = ("", "k", "m", "g", "t")


def list_typed(options: FileOptions, stdin: Path | None) -> Listing:
    """List the files of the arguments and lists, `-` as `stdin`; UsageError if there are none."""
    arguments, from_file = options.audio or [], options.from_file
    extensions = options.extensions
    if not arguments and from_file is None:
        raise UsageError(
            "Name sound files, folders or patterns, or a list of them with --from-file."
        )
    found = list_inputs(
        arguments,
        _read_lines(from_file, STDIN in arguments) if from_file is not None else (),
        recursive=options.recursive,
        extensions=EXTENSIONS if extensions is None else parse_extensions(extensions),
        stdin=stdin if STDIN in arguments else None,
    )
    if not found.sources and not found.unreadable:
        raise UsageError(f"The list {from_file} names no file.")
    return found


#: Limit on the extensions that are listed for files that were passed over.
MAX_LISTED_EXTENSIONS = 5


def describe_passed_over(listing: Listing) -> str | None:
    """Return a sentence about other files in the folders; None if there are none."""
    counts = listing.passed_over
    if not counts:
        return None
    listed = counts.most_common(MAX_LISTED_EXTENSIONS)
    parts = [f"{number} {name or 'with none'}" for name, number in listed]
    if len(counts) > len(listed):
        parts.append(count_things(counts.total() - sum(number for _, number in listed), "other"))
    files = count_things(counts.total(), "file")
    verb = "was" if counts.total() == 1 else "were"
    return (
        f"{files} in the folders {verb} passed over by extension ({', '.join(parts)}); --extensions"
        " chooses which are taken."
    )


def _read_lines(from_file: str, stdin_is_sound: bool) -> list[str]:
    if from_file == STDIN:
        if stdin_is_sound:
            raise UsageError("stdin is either a sound file or a list, not both.")
        file, name = _open_stdin("a list of files"), "on stdin"
    else:
        file, name = None, from_file
    try:
        return read_list(file.read() if file else Path(from_file).read_bytes())
    except OSError as error:
        raise UsageError(f"The list {name} cannot be read: {error.strerror}.") from None


@contextmanager
def save_stdin_sound(arguments: list[str] | None) -> Iterator[Path | None]:
    """Save the sound on stdin as a temporary file, since most formats need a file to seek in.

    Yields its path, or None if no argument is `-`.
    """
    if STDIN not in (arguments or ()):
        yield None
        return
    stdin = _open_stdin("a sound file")
    with ExitStack() as stack:
        folder = "a temporary folder"
        try:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="nemocli-"))
            path = Path(folder) / STDIN_NAME
            with path.open("wb") as file:
                while data := _read(stdin):
                    file.write(data)
        except OSError as error:
            raise NemocliError(
                f"The sound from stdin cannot be kept in {folder}: {error.strerror}; set TMPDIR to"
                " a folder with more room."
            ) from None
        yield path


def _read(stdin: IO[bytes]) -> bytes:
    """Read some bytes from stdin, none at its end; AudioError if it cannot be read."""
    try:
        return stdin.read(1 << 20)
    except OSError as error:
        raise AudioError(f"stdin cannot be read: {error.strerror}.") from None


def _open_stdin(what: str) -> IO[bytes]:
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError(f"There is nothing on stdin: pipe {what} into it.")
    return sys.stdin.buffer


def parse_bytes(text: str | None, option: str = "--max-memory") -> int | None:
    """Read a size such as `2G`, `500MB` or `1.5 GiB` in bytes.

    Raises UsageError, which names the option, for other text.
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?(?:([kmgt]?)b?|([kmgt])ib)", text.strip().lower())
    if match is None:
        raise UsageError(f"{option} takes a size such as 2G or 500M, not {text!r}.")
    base, unit = (1024, match[3]) if match[3] else (1000, match[2])
    return int(float(match[1]) * base ** _UNITS.index(unit))
