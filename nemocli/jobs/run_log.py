"""The log of a folder of outputs: what was done there, as JSON lines that are only appended.

The first line is `{"manifest": 1}`. `{"settings": {...}}` comes before the first file transcribed
with these settings. `{"file": {...}}` is a Record: a file was begun, is done, or failed.
`{"documents": {...}}` has the hash of each document and is written before they get their names; a
document with another hash was changed by somebody else. Lines that were cut off by a kill or a full
disk are ignored; every complete line is valid.
"""

import errno
import json
import os
import stat
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from nemocli.errors import NemocliError, OutputError
from nemocli.jobs.claims import Claims
from nemocli.jobs.settings import Settings

#: Version of the log; rises when an older nemocli could not read it.
LOG_VERSION = 1

LOG_FILE = "manifest.jsonl"


@dataclass(frozen=True, slots=True)
class Record:
    """State of an input. Paths are relative to the folder of outputs."""

    input: str
    state: Literal["begun", "done", "failed"]
    #: The outputs' path without their extension.
    name: str
    #: Formats that were written, or will be.
    formats: tuple[str, ...]
    #: The id of the settings.
    settings: str
    #: Size, time and hash of the input when it was begun; None if it is not a plain file.
    size: int | None = None
    mtime_ns: int | None = None
    sha256: str | None = None
    #: Seconds of sound.
    seconds: float | None = None
    #: Why it failed.
    error: str | None = None
    #: Number of warnings about its sound; None for no warning.
    warnings: int | None = None
    #: When this was recorded.
    at: str = ""

    @property
    def outputs(self) -> dict[str, str]:
        """Paths of the outputs, by format."""
        return {form: format_output_path(self.name, form) for form in self.formats}


def format_output_path(name: str, form: str) -> str:
    """Return the path of an output, from its path without extension and its format."""
    return f"{name}.{form}"


@dataclass
class InputHistory:
    """Everything that the log has about one input."""

    #: Its last record if that is `done` or `failed`; None if it is `begun`, or if there is none.
    last: Record | None = None
    #: The outputs' path without extension, as used last.
    name: str = ""
    #: All formats that were ever begun.
    formats: set[str] = field(default_factory=set)
    #: Whether another run added `last` since this run began.
    is_from_other_run: bool = False
    #: SHA-256, by output path, of the documents that nemocli wrote there last or was about to
    #: write. Empty for an output that somebody changed. Logs of older versions have no hashes.
    hashes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    #: When the input was done last, as recorded; empty if it never was.
    done_at: str = ""

    def owns(self, output: str) -> bool:
        """Return whether this is the path of an output that was ever begun for the input."""
        name, _, form = output.rpartition(".")
        return name == self.name and form in self.formats


class RunLog:
    """The log of one folder. Methods raise NemocliError if it cannot be read or written.

    Threads may share it, and several runs may use it at once: `claims` lets one append at a time.
    """

    def __init__(self, folder: Path, claims: Claims) -> None:
        self.path = folder / LOG_FILE
        self.inputs: dict[str, InputHistory] = {}
        #: Key of the input, by the name of its outputs in lower case: some disks do not
        #: distinguish upper and lower case.
        self.names: dict[str, str] = {}
        self._claims = claims
        self._settings: set[str] = set()
        self._read = 0
        self._is_loaded = False
        # Number of writes, and how many of them are surely on the disk.
        self._writes = self._synced = 0
        self._threads = threading.RLock()
        self.refresh()
        self._is_loaded = True

    def refresh(self) -> None:
        """Read what other runs have appended."""
        with self._threads:
            for line in self._read_new_lines():
                try:
                    self._take_in_line(json.loads(line))
                except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                    continue  # cut off

    def is_output(self, path: str) -> bool:
        """Return whether a path, relative to the folder, is that of an output in the log."""
        owner = self.names.get(path.rpartition(".")[0].casefold())
        return owner is not None and self.inputs[owner].owns(path)

    def append(self, record: Record, settings: Settings, *, sync: bool = True) -> None:
        """Append the state of an input; with `sync` it is on the disk when this returns."""
        record = replace(record, at=datetime.now(UTC).isoformat(timespec="seconds"))
        with self._threads:
            entries: list[dict[str, Any]] = []
            if settings.id not in self._settings:
                entries.append({"settings": settings.to_json()})
            entries.append({"file": {k: v for k, v in asdict(record).items() if v is not None}})
            self._write(entries)
            self._settings.add(settings.id)
            self._take_in(record, False)
        if sync:
            self.sync()

    def append_documents(self, key: str, hashes: Mapping[str, str | None]) -> None:
        """Append the SHA-256 of an input's documents by path; None for one that somebody changed.

        It is on the disk after `sync`.
        """
        with self._threads:
            self._write([{"documents": {"input": key, "sha256": dict(hashes)}}])
            self._take_in_hashes(key, hashes)

    def create(self) -> None:
        """Make the file if it does not exist, to notice at once if that is not possible."""
        with self._threads:
            self._write([])
        self.sync()

    def sync(self) -> None:
        """Wait until everything that was appended is on the disk."""
        writes = self._writes
        if self._synced >= writes:
            return
        try:
            file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(file)  # without the lock, so that other threads need not wait
            finally:
                os.close(file)
        except OSError as error:
            raise self._explain_write(error) from None
        self._synced = max(self._synced, writes)

    def _take_in_line(self, entry: dict[str, Any]) -> None:
        if "manifest" in entry:
            self._check_version(entry["manifest"])
        elif "settings" in entry:
            self._settings.add(entry["settings"]["id"])
        elif "file" in entry:
            self._take_in(_read_record(entry["file"]), self._is_loaded)
        elif "documents" in entry:
            self._take_in_hashes(*_read_hashes(entry["documents"]))

    def _take_in(self, record: Record, is_from_other_run: bool) -> None:
        history = self.inputs.get(record.input)
        if history is None:
            history = self.inputs[record.input] = InputHistory()
        history.name = record.name
        history.formats.update(record.formats)
        self.names[record.name.casefold()] = record.input
        history.last = None if record.state == "begun" else record
        history.is_from_other_run = is_from_other_run
        if record.state == "done":
            history.done_at = record.at
            # Documents of earlier hashes were replaced.
            history.hashes.update({o: h[-1:] for o, h in history.hashes.items()})

    def _take_in_hashes(self, key: str, hashes: Mapping[str, str | None]) -> None:
        history = self.inputs.get(key)
        if history is None:  # the line with its record was damaged
            return
        for output, sha256 in hashes.items():
            before = history.hashes.get(output, ())
            history.hashes[output] = (*before, sha256) if sha256 else ()

    def _read_new_lines(self) -> Iterator[bytes]:
        """Yield the complete lines that were not read before."""
        try:
            if os.path.getsize(self.path) <= self._read:
                return
            with self.path.open("rb") as file:
                file.seek(self._read)
                for line in file:
                    if not line.endswith(b"\n"):
                        return
                    self._read += len(line)
                    yield line
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise NemocliError(f"{self.path} cannot be read: {error.strerror}.") from None

    def _check_version(self, version: object) -> None:
        if version != LOG_VERSION:
            raise NemocliError(
                f"{self.path} was written by another version of nemocli; update nemocli, or choose"
                " another --output-dir."
            )

    def _write(self, entries: list[dict[str, Any]]) -> None:
        with self._claims.take_turn():
            self.refresh()  # lines of other runs must be read before our own are added
            try:
                self._append(entries)
            except OSError as error:
                raise self._explain_write(error) from None
        self._writes += 1

    def _append(self, entries: list[dict[str, Any]]) -> None:
        # Links are not followed: in a folder from a stranger, one could lead to any of our files.
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        file = os.open(self.path, flags, 0o666)
        try:
            found = os.fstat(file)
            if not stat.S_ISREG(found.st_mode):  # a pipe would block when it is full
                raise OSError(errno.EINVAL, "it is not a plain file")
            size = found.st_size
            if size == 0:
                entries = [{"manifest": LOG_VERSION}, *entries]
            text = "".join(json.dumps(entry) + "\n" for entry in entries).encode()
            if size and text and os.pread(file, 1, size - 1) != b"\n":
                text = b"\n" + text  # ends a line that was cut off
            try:
                _write_all(file, text)
            except OSError:
                os.ftruncate(file, size)
                raise
            self._read = size + len(text)
        finally:
            os.close(file)

    def _explain_write(self, error: OSError) -> OutputError:
        return OutputError(
            f"{self.path} cannot be written: {error.strerror}. What is done is kept, and the same"
            " command goes on with the rest."
        )


def _read_record(fields: dict[str, Any]) -> Record:
    """Read a record; ValueError, TypeError or KeyError if nemocli cannot have written it.

    A folder of sounds may come from a stranger with its log: outputs outside the folder are
    refused.
    """
    record = Record(**{**fields, "formats": tuple(fields["formats"])})
    texts = [record.input, record.name, record.settings, record.at, *record.formats]
    if not all(type(text) is str for text in texts):
        raise TypeError("no text")
    if record.state not in ("begun", "done", "failed"):
        raise ValueError("no state")
    if any(_leads_out(output) for output in (record.name, *record.outputs.values())):
        raise ValueError("an output elsewhere")
    return record


def _read_hashes(fields: dict[str, Any]) -> tuple[str, dict[str, str | None]]:
    """Read an input's key and its documents' hashes; TypeError if they cannot be nemocli's."""
    key, hashes = fields["input"], dict(fields["sha256"])
    if type(key) is not str or not all(
        type(output) is str and type(sha256) in (str, type(None))
        for output, sha256 in hashes.items()
    ):
        raise TypeError("no text")
    return key, hashes


def _leads_out(path: str) -> bool:
    return os.path.isabs(path) or os.pardir in path.split(os.sep) or not path or "\0" in path


def _write_all(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]
