"""A folder of outputs: what is written there, whole or not at all, and what it has on record."""

import errno
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path

from nemocli.errors import NemocliError, OutputError, UsageError
from nemocli.jobs.claims import Claims, claim_number
from nemocli.jobs.inputs import Source
from nemocli.jobs.run_log import RunLog
from nemocli.whole_file import write_synced, written_whole

#: The folder in a folder of outputs that holds the manifest and the claims.
OWN_FOLDER = ".nemocli"

#: What the manifest calls the sound from stdin; no path from the folder begins with a slash.
STDIN_KEY = "/dev/stdin"

#: A document that is not yet in its place: the number of its input's claim, and its format.
_PART = re.compile(r"\.nemocli-([0-9a-f]{16})\.\w+\.part")

#: Failures that the next file would meet as well.
_LASTING = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)


class OutputFolder:
    """A folder of outputs with its manifest and claims; one object for a folder in a process."""

    def __init__(self, folder: str, *, is_home: bool) -> None:
        """`is_home`: the inputs are in the folder, and each output goes beside its input."""
        self._shown = "" if folder == os.curdir else folder
        self.folder = os.path.abspath(folder)
        own = Path(self.folder, OWN_FOLDER)
        if os.path.lexists(self.folder) and not os.path.isdir(self.folder):
            raise UsageError(f"{folder} is not a folder: choose another --output-dir.")
        self.claims = Claims(own / "claims")
        self.manifest = RunLog(own, self.claims)
        self.is_home = is_home

    def key(self, source: Source) -> str:
        """How the manifest calls an input: its path from here."""
        if source.is_stdin:
            return STDIN_KEY
        folder, name = os.path.split(source.path)
        return os.path.join(self._from_here(folder), name).removeprefix("./")

    @cache  # noqa: B019  a place lives as long as its run
    def _from_here(self, folder: str) -> str:
        return os.path.relpath(os.path.abspath(folder), self.folder)

    def paths(self, outputs: Iterable[str]) -> tuple[str, ...]:
        """Where outputs are, seen from where `folder` was given."""
        return tuple(os.path.join(self._shown, output) for output in outputs)

    def prepare(self) -> None:
        """Make the folder, and see that it can be written to; NemocliError if it cannot."""
        own = os.path.join(self.folder, OWN_FOLDER)
        if os.path.islink(own):
            raise NemocliError(
                f"{own} is a link, and nemocli writes into no other folder: remove it."
            )
        try:
            Path(own).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._failed(error) from None
        self.manifest.begin()

    def claim(self, key: str, name: str) -> bool:
        """Claim an input and the name of its outputs; False if another run is at one of them."""
        return self.claims.take(*_claims(key, name))

    def release(self, key: str, name: str) -> None:
        """Leave an input, and the name of its outputs, to other runs."""
        self.claims.release(*_claims(key, name))

    def exists(self, output: str) -> bool:
        """Whether there is anything at the place of an output."""
        return os.path.lexists(os.path.join(self.folder, output))

    def remove_abandoned(self, names: Iterable[str]) -> None:
        """Remove what killed runs left where outputs of these names (no extension) go.

        That is what belongs to an input on record here which nobody is at.
        """
        parts: list[tuple[str, int]] = []
        for folder in {os.path.dirname(os.path.join(self.folder, name)) for name in names}:
            with suppress(OSError), os.scandir(folder) as entries:
                matches = ((entry.path, _PART.fullmatch(entry.name)) for entry in entries)
                parts += [(path, int(match[1], 16)) for path, match in matches if match]
        if parts:
            own = {claim_number(_claims(key, "")[0]) for key in self.manifest.inputs}
            for path, number in parts:
                if number in own and not self.claims.is_claimed(number):
                    with suppress(OSError):
                        os.unlink(path)

    def write(self, key: str, outputs: Mapping[str, str], documents: Mapping[str, bytes]) -> None:
        """Put the documents of an input in their places, by format; `key` must be claimed.

        What is replaced hands on its permissions. Each is on the disk before it gets its name; a
        name that a power failure takes away again is missed by the next run. Raises OutputError
        where the next file would fail as well, and NemocliError where this one does.
        """
        number = claim_number(_claims(key, "")[0])
        try:
            with ExitStack() as stack:
                for form, document in documents.items():
                    target = Path(self.folder, outputs[form])
                    self._check_inside(key, outputs[form])
                    target.parent.mkdir(parents=True, exist_ok=True)
                    part = target.with_name(f".nemocli-{number:016x}.{form}.part")
                    write_synced(stack.enter_context(written_whole(target, part)), document)
                self.manifest.sync()  # that these outputs are ours is on the disk before they are
        except OSError as error:
            raise self._failed(error) from None

    def _check_inside(self, key: str, output: str) -> None:
        """NemocliError for an output elsewhere: by a link, or by a record that is not nemocli's."""
        folder = os.path.dirname(os.path.join(self.folder, output))
        if self.is_home:
            if key != STDIN_KEY and os.path.dirname(output) != os.path.dirname(key):
                raise NemocliError(
                    f"{self.manifest.path} puts outputs of {key} into another folder: remove it."
                )
            return
        real, own = os.path.realpath(folder), os.path.realpath(self.folder)
        if os.path.commonpath([real, own]) != own:
            raise NemocliError(f"{folder} leads out of the folder {self.folder}: remove that link.")

    def _failed(self, error: OSError) -> NemocliError:
        reason = error.strerror or type(error).__name__
        where = error.filename or self.folder
        if error.errno in _LASTING or not os.access(self.folder, os.W_OK):
            return OutputError(
                f"Transcripts cannot be written to {self.folder} any more: {reason}. What is done"
                " is kept, and the same command goes on with the rest."
            )
        return NemocliError(f"{where} cannot be written: {reason}.")


def _claims(key: str, name: str) -> tuple[str, str]:
    return f"input {key}", f"name {name.casefold()}"
