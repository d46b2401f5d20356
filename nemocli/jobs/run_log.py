"""What was done in a folder of outputs: a log of JSON lines that is only ever appended to.

`{"manifest": 1}` is the first line. `{"settings": {...}}` comes before the first file made with
them, and `{"file": {...}}` is a Record: when a file is begun, and when it is done or failed.
`{"documents": {...}}` comes before documents get their names, with the hash of each: what has
another content later was changed by somebody else. A line that was cut off, by a kill or by a full
disk, is passed over; every complete line is true.
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

#: Rises when nemocli of before could not go on from a manifest.
MANIFEST_VERSION = 1

MANIFEST = "manifest.jsonl"


@dataclass(frozen=True, slots=True)
class Record:
    """What became of an input. Paths are relative to the folder of the outputs."""

    input: str
    state: Literal["begun", "done", "failed"]
    #: The outputs' path without their extension.
    name: str
    #: What is written, or about to be.
    formats: tuple[str, ...]
    #: The id of the settings.
    settings: str
    #: Of the input when it was begun; None where it is no plain file, or none at all.
    size: int | None = None
    mtime_ns: int | None = None
    sha256: str | None = None
    #: Seconds of sound.
    seconds: float | None = None
    #: Why it failed.
    error: str | None = None
    #: How many warnings there were of its sound; None if there was none.
    warnings: int | None = None
    #: When this was recorded.
    at: str = ""

    @property
    def outputs(self) -> dict[str, str]:
        """By format: the output's path."""
        return {form: output_of(self.name, form) for form in self.formats}


def output_of(name: str, form: str) -> str:
    """The path of an output, from its name without extension and its format."""
    return f"{name}.{form}"


@dataclass
class InputHistory:
    """Everything on record of one input."""

    #: Its end; None if it was begun and did not come to one.
    last: Record | None = None
    #: The outputs' path without extension that it got last.
    name: str = ""
    #: Every format that was ever begun for it.
    formats: set[str] = field(default_factory=set)
    #: Whether `last` came from another run while this one was going on.
    is_news: bool = False
    #: By the path of an output: SHA-256 of what nemocli wrote there last, or was about to write.
    #: Empty for what somebody changed; outputs of logs that have no hashes are missing.
    hashes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    #: When it was done last, as it was recorded; empty if it never was.
    done_at: str = ""

    def owns(self, output: str) -> bool:
        """Whether an output's path is that of one which was ever begun for it."""
        name, _, form = output.rpartition(".")
        return name == self.name and form in self.formats


class RunLog:
    """The log of one folder. Methods raise NemocliError if it cannot be read or written.

    Threads may share it, and several runs: each line is appended in a turn of its own (`claims`).
    """

    def __init__(self, folder: Path, claims: Claims) -> None:
        self.path = folder / MANIFEST
        self.inputs: dict[str, InputHistory] = {}
        #: The input that the outputs of a name belong to. Names are in small letters, since some
        #: disks take small and capital ones for the same.
        self.names: dict[str, str] = {}
        self._claims = claims
        self._settings: set[str] = set()
        self._read = 0
        self._is_loaded = False
        # Lines written, and how many of them are known to be on the disk.
        self._written = self._synced = 0
        self._threads = threading.RLock()
        self.refresh()
        self._is_loaded = True

    def refresh(self) -> None:
        """Take in what other runs appended since the last time."""
        with self._threads:
            for line in self._new_lines():
                try:
                    self._take_in_line(json.loads(line))
                except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                    continue  # cut off

    def is_output(self, path: str) -> bool:
        """Whether a path from the folder is that of an output on record."""
        owner = self.names.get(path.rpartition(".")[0].casefold())
        return owner is not None and self.inputs[owner].owns(path)

    def append(self, record: Record, settings: Settings, *, sync: bool = True) -> None:
        """Record an input's state; with `sync` it is on the disk when this returns."""
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
        """Record what outputs of an input will hold: SHA-256 by path, None for what was changed.

        It is on the disk after `sync`.
        """
        with self._threads:
            self._write([{"documents": {"input": key, "sha256": dict(hashes)}}])
            self._take_in_hashes(key, hashes)

    def begin(self) -> None:
        """Make the file if it is not there, so that a disk which takes none is met at once."""
        with self._threads:
            self._write([])
        self.sync()

    def sync(self) -> None:
        """See to it that all that was appended is on the disk."""
        written = self._written
        if self._synced >= written:
            return
        try:
            file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(file)  # while other threads go on
            finally:
                os.close(file)
        except OSError as error:
            raise self._not_written(error) from None
        self._synced = max(self._synced, written)

    def _take_in_line(self, entry: dict[str, Any]) -> None:
        if "manifest" in entry:
            self._check_version(entry["manifest"])
        elif "settings" in entry:
            self._settings.add(entry["settings"]["id"])
        elif "file" in entry:
            self._take_in(_record(entry["file"]), self._is_loaded)
        elif "documents" in entry:
            self._take_in_hashes(*_hashes(entry["documents"]))

    def _take_in(self, record: Record, is_news: bool) -> None:
        known = self.inputs.get(record.input)
        if known is None:
            known = self.inputs[record.input] = InputHistory()
        known.name = record.name
        known.formats.update(record.formats)
        self.names[record.name.casefold()] = record.input
        known.last = None if record.state == "begun" else record
        known.is_news = is_news
        if record.state == "done":
            known.done_at = record.at
            # What was there before was replaced.
            known.hashes.update({o: h[-1:] for o, h in known.hashes.items()})

    def _take_in_hashes(self, key: str, hashes: Mapping[str, str | None]) -> None:
        known = self.inputs.get(key)
        if known is None:  # its record was damaged
            return
        for output, sha256 in hashes.items():
            before = known.hashes.get(output, ())
            known.hashes[output] = (*before, sha256) if sha256 else ()

    def _new_lines(self) -> Iterator[bytes]:
        """The complete lines behind what was read before."""
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
        if version != MANIFEST_VERSION:
            raise NemocliError(
                f"{self.path} was written by another version of nemocli; update nemocli, or choose"
                " another --output-dir."
            )

    def _write(self, entries: list[dict[str, Any]]) -> None:
        with self._claims.turn():
            self.refresh()  # so that what is behind it now is our own
            try:
                self._append(entries)
            except OSError as error:
                raise self._not_written(error) from None
        self._written += 1

    def _append(self, entries: list[dict[str, Any]]) -> None:
        # No link is followed: a folder from a stranger could have one to any file of the person's.
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        file = os.open(self.path, flags, 0o666)
        try:
            found = os.fstat(file)
            if not stat.S_ISREG(found.st_mode):  # a pipe would take it in, and then take no more
                raise OSError(errno.EINVAL, "it is not a plain file")
            size = found.st_size
            if size == 0:
                entries = [{"manifest": MANIFEST_VERSION}, *entries]
            text = "".join(json.dumps(entry) + "\n" for entry in entries).encode()
            if size and text and os.pread(file, 1, size - 1) != b"\n":
                text = b"\n" + text  # behind a line that was cut off
            try:
                _write_all(file, text)
            except OSError:
                os.ftruncate(file, size)
                raise
            self._read = size + len(text)
        finally:
            os.close(file)

    def _not_written(self, error: OSError) -> OutputError:
        return OutputError(
            f"{self.path} cannot be written: {error.strerror}. What is done is kept, and the same"
            " command goes on with the rest."
        )


def _record(fields: dict[str, Any]) -> Record:
    """A record as it was written; ValueError, TypeError or KeyError for what nemocli has not.

    A folder of sounds may come with its manifest from somebody else: what it says of outputs must
    not lead out of the folder.
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


def _hashes(fields: dict[str, Any]) -> tuple[str, dict[str, str | None]]:
    """An input and the hashes of its documents; TypeError for what nemocli has not written."""
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
