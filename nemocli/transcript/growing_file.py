"""A document on disk that is complete and valid after every segment, at any length.

There are two copies of it: one at its path, and a hidden one beside it.

A document of lines only grows at its end: each segment is appended to the hidden copy first, and
then to the other, so that `tail -F` shows each segment once.

Where the end of a document changes with every segment, the copies take turns: the hidden one is
brought up to date and renamed over the other, which then becomes the hidden one. So a reader, or a
machine that stops, finds a whole document at any moment. In both ways a segment costs as much in
the tenth hour as in the first minute.

If somebody else removes or changes one copy, the other still has everything.
"""

import hashlib
import os
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from nemocli.closing import Closing
from nemocli.errors import NemocliError
from nemocli.transcript.segments import Segment
from nemocli.transcript.writer import Writer
from nemocli.whole_file import check_target, copy_permissions, name_part, remove_abandoned

#: What tells a file as we left it from one that was changed: device, inode, bytes, time.
_State = tuple[int, int, int, int]


class _ChangedMeanwhileError(Exception):
    """Somebody changed the file between our look at it and our writing."""


class GrowingFile(Closing):
    """`path` as it is written; a context manager that removes the hidden copy.

    Raises UsageError if the file exists and may not be replaced, and NemocliError, also later, if
    it cannot be written; what was written before stays.

    If somebody removes the file, it is written whole again. If somebody changes or replaces it,
    theirs is left alone, and the whole document goes on beside it, in a file such as `out.2.txt`.
    Either is reported by a call of `notify` with a sentence.
    """

    def __init__(
        self,
        path: Path,
        writer: Writer,
        force: bool,
        notify: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        check_target(path, force)
        self._writer = writer
        self._notify = notify
        self._name(path)
        head, tail = writer.write_head().encode(), writer.write_tail(None, 0.0).encode()
        # What is certain: its bytes in both copies, what the hidden one lacks, and a hash of all.
        self._settled = len(head)
        self._missing = b""
        self._hash = hashlib.sha256(head)
        # What ends the document for now.
        self._tail = tail
        # What could not be written yet.
        self._unwritten = ""
        self._kept: int | None = None
        try:
            remove_abandoned(path)
            # Whatever is at `path` belongs to an earlier run and must not become the hidden copy.
            self._spare.write_bytes(head + tail)
            shutil.copyfile(self._spare, self._next_spare)
            for spare in (self._spare, self._next_spare):
                copy_permissions(path, spare)
            os.replace(self._next_spare, self.path)
            self._note_states()
        except OSError as error:
            self._remove_spares()
            raise self._make_error(error) from None

    def close(self) -> None:
        """Remove the copy beside the file."""
        self._remove_spares()
        if self._kept is not None:
            os.close(self._kept)
            self._kept = None

    def add(self, segment: Segment, language: str | None, duration: float) -> None:
        """Write the next segment; when this returns, it is in the file.

        After a failure the file is unchanged, and the next call also writes what is missing.
        """
        self._update(self._writer.add(segment), language, duration)

    def finish(self, language: str | None, duration: float) -> None:
        """Write the end of the sound, in seconds."""
        self._update("", language, duration)

    # ------------------------------------------------------------------------------------- writing

    def _name(self, path: Path) -> None:
        #: Where the document is.
        self.path = path
        self._spare = name_part(path)
        self._next_spare = name_part(path, ".next")

    def _update(self, added: str, language: str | None, duration: float) -> None:
        self._unwritten += added
        try:
            while True:
                self._mend()
                with suppress(_ChangedMeanwhileError):
                    self._write(self._unwritten, self._writer.write_tail(language, duration))
                    break
        except OSError as error:
            raise self._make_error(error) from None
        self._unwritten = ""

    def _write(self, added: str, tail: str) -> None:
        new, end = added.encode(), tail.encode()
        if self._tail or end or self._missing:
            _overwrite(self._spare, self._settled, self._missing + new + end)
            self._swap()
            self._settled += len(self._missing)
            self._missing = new
        elif new:
            _overwrite(self._spare, self._settled, new)
            try:
                _overwrite(self.path, self._settled, new)
            except OSError:
                with suppress(OSError):
                    os.truncate(self.path, self._settled)
                raise
            self._settled += len(new)
        self._hash.update(new)
        self._tail = end
        self._note_states()

    def _swap(self) -> None:
        """Give the hidden copy the file's place; what was the file becomes the hidden copy."""
        try:
            os.link(self.path, self._next_spare)
        except OSError:
            # Somebody removed the file, or this disk knows no links: the copy is made anew.
            shutil.copy(self._spare, self._next_spare)
        else:
            if _read_state(self._next_spare) != self._state:
                self._next_spare.unlink()
                raise _ChangedMeanwhileError
        os.replace(self._spare, self.path)
        os.replace(self._next_spare, self._spare)

    # ------------------------------------------------------------------ what others did meanwhile

    def _note_states(self) -> None:
        """Remember both copies as they are now, and keep the file open: a removed one is readable.

        A link-less disk may give the file another inode, so it is opened anew each time.
        """
        if self._kept is not None:
            os.close(self._kept)
            self._kept = None
        self._kept = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        self._state = _read_state(self.path)
        self._spare_state = _read_state(self._spare)

    def _mend(self) -> None:
        """Make both copies what they were when we left them, if somebody changed one."""
        # A copy that we failed to write is mended like one that was changed.
        is_spare_whole = _read_state(self._spare) == self._spare_state
        if self._is_whole(self.path):
            if not is_spare_whole:
                shutil.copy(self.path, self._spare)
                if not self._is_whole(self._spare):
                    raise OSError(0, "it changes all the time")
                self._bring_up_to_date()
            return
        if is_spare_whole:
            _overwrite(self._spare, self._settled, self._missing + self._tail)
        else:
            self._copy_kept()
        if not self._is_whole(self._spare):
            raise OSError(0, "another program changed it and its copy")
        self._bring_up_to_date()
        self._put_back()

    def _is_whole(self, path: Path) -> bool:
        """Tell whether a file has what we wrote, even if somebody touched, copied or renamed it."""
        state = _read_state(path)
        if state is None:
            return False
        if path == self.path and state == self._state:
            return True
        whole = self._hash.copy()
        whole.update(self._tail)
        with path.open("rb") as file:
            is_whole = hashlib.file_digest(file, "sha256").digest() == whole.digest()
        if is_whole and path == self.path:
            self._state = state
        return is_whole

    def _bring_up_to_date(self) -> None:
        """Note that the hidden copy lacks nothing any more."""
        self._settled += len(self._missing)
        self._missing = b""
        self._spare_state = _read_state(self._spare)

    def _copy_kept(self) -> None:
        """Make the hidden copy from the file that we hold open, although it has no name now."""
        if self._kept is None:
            raise OSError(0, "another program removed it")
        os.lseek(self._kept, 0, os.SEEK_SET)
        with open(os.dup(self._kept), "rb") as kept, self._spare.open("wb") as spare:
            shutil.copyfileobj(kept, spare)

    def _put_back(self) -> None:
        """Write the file again where it was, or beside what somebody else has put there."""
        theirs, spare = self.path, self._spare
        is_gone = not os.path.lexists(theirs)
        number = 2
        while True:
            place = theirs if is_gone else theirs.with_stem(f"{theirs.stem}.{number}")
            try:
                file = place.open("xb")
                break
            except FileExistsError:
                is_gone = False
                number += place != theirs
        try:
            with file, spare.open("rb") as ours:
                shutil.copyfileobj(ours, file)
            copy_permissions(spare, place)
        except OSError:
            place.unlink(missing_ok=True)
            raise
        if is_gone:
            self._notify(f"{theirs} was removed by another program: it is written again, whole.")
        else:
            self._name(place)
            os.replace(spare, self._spare)
            self._notify(
                f"{theirs} was changed by another program, and is left as it is: the whole"
                f" transcript goes on in {place}."
            )
        self._note_states()

    def _remove_spares(self) -> None:
        for path in (self._spare, self._next_spare):
            with suppress(OSError):  # the folder may be gone, or its disk
                path.unlink()

    def _make_error(self, error: OSError) -> NemocliError:
        reason = error.strerror or type(error).__name__
        return NemocliError(f"{self.path} cannot be written: {reason}.")


def _overwrite(path: Path, position: int, content: bytes) -> None:
    """Write a file from a position on, to its end."""
    with path.open("r+b", buffering=0) as file:
        file.seek(position)
        rest = memoryview(content)
        while rest:
            rest = rest[file.write(rest) :]
        file.truncate()


def _read_state(path: Path) -> _State | None:
    """Return the state of a plain file; None for anything else, or if nothing is there."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
