"""A document on disk that is complete and valid after every segment, at any length.

There are two copies: the spare one is brought up to date and renamed over the other, which becomes
the spare. So there is a whole document at any moment, even if the machine stops, and a segment
costs as much in the tenth hour as in the first minute.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from nemocli.closing import Closing
from nemocli.errors import NemocliError, UsageError
from nemocli.transcript.segments import Segment
from nemocli.transcript.writer import Writer
from nemocli.whole_file import copy_permissions, part_of, remove_abandoned


def check_target(path: Path, force: bool) -> None:
    """Raise UsageError if a path is no file, or a file that may not be replaced."""
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is not a file: choose another name.")
    if path.exists() and not force:
        raise UsageError(f"{path} exists: add --force to replace it, or choose another name.")


class GrowingFile(Closing):
    """The file `path` while it is written; a context manager that removes the spare copy.

    Raises UsageError if the file exists and may not be replaced. Every method raises NemocliError
    if the file cannot be written; what was written before is kept.
    """

    def __init__(self, path: Path, writer: Writer, force: bool) -> None:
        check_target(path, force)
        self._path = path
        self._writer = writer
        self._spare = part_of(path)
        self._next_spare = part_of(path, ".next")
        head = writer.head()
        # The number of final bytes that both copies have, and the final bytes that the spare lacks.
        self._settled = len(head.encode())
        self._missing = b""
        # Text that could not be written yet.
        self._unwritten = ""
        try:
            remove_abandoned(path)
            # A file at `path` belongs to an earlier run, and must not become the spare.
            self._spare.write_bytes((head + writer.tail(None, 0.0)).encode())
            shutil.copyfile(self._spare, self._next_spare)
            for spare in (self._spare, self._next_spare):
                copy_permissions(path, spare)
            os.replace(self._next_spare, self._path)
        except OSError as error:
            self._remove_spares()
            raise self._explained(error) from None

    def close(self) -> None:
        """Remove the copies beside the file."""
        self._remove_spares()

    def add(self, segment: Segment, language: str | None, duration: float) -> None:
        """Write the next segment; it is in the file when this returns.

        After a failure the file is unchanged, and the next call also writes what is missing.
        """
        self._update(self._writer.add(segment), language, duration)

    def finish(self, language: str | None, duration: float) -> None:
        """Write the end of the document; `duration` is that of the sound, in seconds."""
        self._update("", language, duration)

    def _update(self, added: str, language: str | None, duration: float) -> None:
        self._unwritten += added
        try:
            self._write(self._unwritten, self._writer.tail(language, duration))
        except OSError as error:
            raise self._explained(error) from None
        self._unwritten = ""

    def _write(self, added: str, tail: str) -> None:
        new = added.encode()
        if not self._spare.exists():  # somebody removed it, or `_swap` failed
            shutil.copy(self._path, self._spare)
        with self._spare.open("r+b") as spare:
            spare.seek(self._settled)
            spare.write(self._missing + new + tail.encode())
            spare.truncate()
        self._swap()
        self._settled += len(self._missing)
        self._missing = new

    def _swap(self) -> None:
        """Put the spare in the file's place; the old file becomes the spare."""
        try:
            os.link(self._path, self._next_spare)
        except OSError:
            # Somebody removed the file, or this disk knows no links: the spare is made anew.
            shutil.copy(self._spare, self._next_spare)
        os.replace(self._spare, self._path)
        os.replace(self._next_spare, self._spare)

    def _remove_spares(self) -> None:
        for path in (self._spare, self._next_spare):
            with suppress(OSError):  # the folder may be gone, or its disk
                path.unlink()

    def _explained(self, error: OSError) -> NemocliError:
        reason = error.strerror or type(error).__name__
        return NemocliError(f"{self._path} cannot be written: {reason}.")
