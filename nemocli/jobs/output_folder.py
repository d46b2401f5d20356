"""A folder of outputs: writes documents, whole or not at all, and holds the claims and the log."""

import errno
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path

from nemocli.errors import NemocliError, OutputError, UsageError
from nemocli.jobs.claims import Claims, compute_claim_number
from nemocli.jobs.inputs import Source
from nemocli.jobs.run_log import RunLog
from nemocli.whole_file import write_synced, write_whole

#: The subfolder of a folder of outputs that holds the log and the claims.
OWN_FOLDER = ".nemocli"

#: The key of the sound from stdin in the log; no relative path begins with a slash.
STDIN_KEY = "/dev/stdin"

#: Name of a document that is being written: the number of its input's claim, and its format.
_PART_NAME = re.compile(r"\.nemocli-([0-9a-f]{16})\.\w+\.part")

#: Errors that would make the next file fail too.
_LASTING_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)


class OutputFolder:
    """A folder of outputs with its log and claims; a process must have only one per folder."""

    def __init__(self, folder: str, *, is_beside_inputs: bool) -> None:
        """Open a folder; with `is_beside_inputs` the inputs are in it, beside their outputs.

        Raises UsageError if it is not a folder, and NemocliError if its log cannot be read.
        """
        self._shown = "" if folder == os.curdir else folder
        self.folder = os.path.abspath(folder)
        own = Path(self.folder, OWN_FOLDER)
        if os.path.lexists(self.folder) and not os.path.isdir(self.folder):
            raise UsageError(f"{folder} is not a folder: choose another --output-dir.")
        self.claims = Claims(own / "claims")
        self.run_log = RunLog(own, self.claims)
        self.is_beside_inputs = is_beside_inputs

    def make_key(self, source: Source) -> str:
        """Return an input's key in the log: its path relative to this folder."""
        if source.is_stdin:
            return STDIN_KEY
        folder, name = os.path.split(source.path)
        return os.path.join(self._make_relative(folder), name).removeprefix("./")

    @cache  # noqa: B019  a folder's object lives as long as its run
    def _make_relative(self, folder: str) -> str:
        return os.path.relpath(os.path.abspath(folder), self.folder)

    def list_paths(self, outputs: Iterable[str]) -> tuple[str, ...]:
        """Return outputs' paths as the user would write them: relative if the folder's path is."""
        return tuple(os.path.join(self._shown, output) for output in outputs)

    def prepare(self) -> None:
        """Make the folder and its log; NemocliError if that cannot be done."""
        own = os.path.join(self.folder, OWN_FOLDER)
        if os.path.islink(own):
            raise NemocliError(
                f"{own} is a link, and nemocli writes into no other folder: remove it."
            )
        try:
            Path(own).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._explain_write(error) from None
        self.run_log.create()

    def claim(self, key: str, name: str) -> bool:
        """Claim an input and the name of its outputs; return False if another run has either."""
        return self.claims.take(*_make_claim_keys(key, name))

    def release(self, key: str, name: str) -> None:
        """Give up the claims on an input and the name of its outputs."""
        self.claims.release(*_make_claim_keys(key, name))

    def exists(self, output: str) -> bool:
        """Return whether there is a file, or anything else, at an output's path."""
        return os.path.lexists(os.path.join(self.folder, output))

    def remove_abandoned(self, names: Iterable[str]) -> None:
        """Remove unfinished documents of killed runs from the folders of these outputs.

        `names` are outputs' paths without extension. Only documents of inputs in the log that no
        run has claimed are removed.
        """
        parts: list[tuple[str, int]] = []
        for folder in {os.path.dirname(os.path.join(self.folder, name)) for name in names}:
            with suppress(OSError), os.scandir(folder) as entries:
                matches = ((entry.path, _PART_NAME.fullmatch(entry.name)) for entry in entries)
                parts += [(path, int(match[1], 16)) for path, match in matches if match]
        if parts:
            own = {
                compute_claim_number(_make_claim_keys(key, "")[0]) for key in self.run_log.inputs
            }
            for path, number in parts:
                if number in own and not self.claims.is_claimed(number):
                    with suppress(OSError):
                        os.unlink(path)

    def write(self, key: str, outputs: Mapping[str, str], documents: Mapping[str, bytes]) -> None:
        """Write the documents of an input, by format; `key` must be claimed.

        A document that replaces a file gets its permissions. It is on the disk before it gets its
        name; if a power failure undoes the renaming, the next run writes it again. Raises
        OutputError if the next file would fail too, and NemocliError if only this one does.
        """
        number = compute_claim_number(_make_claim_keys(key, "")[0])
        try:
            with ExitStack() as stack:
                for form, document in documents.items():
                    target = Path(self.folder, outputs[form])
                    self._check_inside(key, outputs[form])
                    target.parent.mkdir(parents=True, exist_ok=True)
                    part = target.with_name(f".nemocli-{number:016x}.{form}.part")
                    write_synced(stack.enter_context(write_whole(target, part)), document)
                self.run_log.sync()  # the log must have the outputs before they get their names
        except OSError as error:
            raise self._explain_write(error) from None

    def remove(self, key: str, outputs: Iterable[str]) -> None:
        """Remove outputs that are not true any more; NemocliError if that cannot be done."""
        for output in outputs:
            self._check_inside(key, output)
            try:
                Path(self.folder, output).unlink(missing_ok=True)
            except OSError as error:
                raise NemocliError(
                    f"{error.filename} does not fit the transcript any more and cannot be removed:"
                    f" {error.strerror}."
                ) from None

    def _check_inside(self, key: str, output: str) -> None:
        """Raise NemocliError if a link or a forged log leads an output out of its folder."""
        folder = os.path.dirname(os.path.join(self.folder, output))
        if self.is_beside_inputs:
            if key != STDIN_KEY and os.path.dirname(output) != os.path.dirname(key):
                raise NemocliError(
                    f"{self.run_log.path} puts outputs of {key} into another folder: remove it."
                )
            return
        real, own = os.path.realpath(folder), os.path.realpath(self.folder)
        if os.path.commonpath([real, own]) != own:
            raise NemocliError(f"{folder} leads out of the folder {self.folder}: remove that link.")

    def _explain_write(self, error: OSError) -> NemocliError:
        reason = error.strerror or type(error).__name__
        where = error.filename or self.folder
        if error.errno in _LASTING_ERRORS or not os.access(self.folder, os.W_OK):
            return OutputError(
                f"Transcripts cannot be written to {self.folder} any more: {reason}. What is done"
                " is kept, and the same command goes on with the rest."
            )
        return NemocliError(f"{where} cannot be written: {reason}.")


def _make_claim_keys(key: str, name: str) -> tuple[str, str]:
    return f"input {key}", f"name {name.casefold()}"
