"""Results of each file and of the whole run, for the summary and for programs (`--report`)."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from nemocli.errors import NemocliError, UsageError
from nemocli.jobs.inputs import Listing
from nemocli.jobs.settings import Settings
from nemocli.sound_warning import SoundWarning
from nemocli.version import __version__
from nemocli.whole_file import write_whole_file

#: Version of the report; rises when a reader of the old one would break.
RUN_REPORT_VERSION = 1


@dataclass(frozen=True)
class JobResult:
    """The result of a file."""

    path: Path
    #: `skipped`: another run, earlier or at the same time, did it, or all its outputs are `kept`.
    state: Literal["done", "skipped", "failed"]
    #: Paths of the outputs, written by this run or by another one.
    outputs: tuple[str, ...] = ()
    #: Seconds of sound, if known.
    seconds: float | None = None
    #: Why it failed: a sentence.
    error: str | None = None
    #: Which track was chosen of several: a sentence; None if there was no choice.
    note: str | None = None
    #: Paths of outputs that were not replaced, since somebody changed them.
    kept: tuple[str, ...] = ()
    #: Paths of outputs of earlier runs that were removed, since this one cannot write them again.
    removed: tuple[str, ...] = ()
    #: Faults of the sound.
    warnings: tuple[SoundWarning, ...] = ()


def explain_strict(warnings: tuple[SoundWarning, ...]) -> str:
    """Return why a file with these warnings fails with --strict, to follow the file's name."""
    more = f" ({len(warnings)} warnings)" if len(warnings) > 1 else ""
    return f"{warnings[0].message.removesuffix('.')}{more}: not allowed by --strict."


class RunReport:
    """Collects the results of all files, and measures the time since it was made."""

    def __init__(self, settings: Settings, listing: Listing) -> None:
        self._settings = settings
        self._names = {source.path: source.name for source in listing.sources}
        self._unreadable = listing.unreadable
        self.results: dict[Path, JobResult] = {}
        self._began = time.monotonic()
        #: Why the run ended early: a sentence; None if it did not.
        self.stopped: str | None = None

    def add(self, result: JobResult) -> None:
        """Add the result of a file."""
        self.results[result.path] = result

    def count(self, state: str) -> int:
        """Count the files that are `done`, `skipped` or `failed`."""
        return sum(result.state == state for result in self.results.values())

    @property
    def kept(self) -> int:
        """Number of files with an output that was not replaced, since somebody changed it."""
        return sum(bool(result.kept) for result in self.results.values())

    @property
    def with_warnings(self) -> int:
        """Number of files that were transcribed although their sound has faults."""
        return sum(bool(r.warnings) and r.state == "done" for r in self.results.values())

    @property
    def only_kept(self) -> int:
        """Number of files without a replaced output, since somebody changed them all."""
        return sum(bool(r.kept) and r.state == "skipped" for r in self.results.values())

    @property
    def files(self) -> int:
        """Number of all files of the run."""
        return len(self._names)

    @property
    def has_failures(self) -> bool:
        """Whether a file failed, or a folder could not be read."""
        return bool(self._unreadable) or any(r.state == "failed" for r in self.results.values())

    @property
    def left(self) -> int:
        """Number of files that have no result."""
        return len(self._names) - len(self.results)

    @property
    def failed(self) -> list[str]:
        """Names of the files that failed."""
        return [self._names[r.path] for r in self.results.values() if r.state == "failed"]

    @property
    def seconds(self) -> float:
        """Seconds of sound that this run transcribed."""
        return sum(r.seconds or 0.0 for r in self.results.values() if r.state == "done")

    @property
    def elapsed(self) -> float:
        """Seconds since the report was made."""
        return time.monotonic() - self._began

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain data.

        Files come in the order of the list; those without a result have the state `left`.
        """
        states = ("done", "skipped", "failed")
        totals = {state: self.count(state) for state in states}
        return {
            "version": RUN_REPORT_VERSION,
            "nemocli": __version__,
            "settings": self._settings.to_json(),
            "stopped": self.stopped,
            "totals": {
                "files": len(self._names),
                **totals,
                "left": self.left,
                "with_warnings": self.with_warnings,
                "seconds_of_sound": round(self.seconds, 3),
                "elapsed": round(self.elapsed, 3),
            },
            "unreadable": self._unreadable,
            "files": [self._describe_file(path, name) for path, name in self._names.items()],
        }

    def write(self, path: Path) -> None:
        """Write the report as JSON, whole or not at all; NemocliError if that cannot be done."""
        try:
            write_whole_file(path, json.dumps(self.to_json(), indent=1) + "\n")
        except OSError as error:
            raise NemocliError(f"The report {path} cannot be written: {error.strerror}.") from None

    def _describe_file(self, path: Path, name: str) -> dict[str, Any]:
        result = self.results.get(path)
        if result is None:
            return {"file": name, "state": "left"}
        return {
            "file": name,
            "state": result.state,
            "seconds": result.seconds,
            "outputs": list(result.outputs),
            "error": result.error,
            "kept": list(result.kept),
            "removed": list(result.removed),
            "warnings": [warning.to_json() for warning in result.warnings],
        }


def check_report(path: Path) -> None:
    """Raise UsageError if no report can be written at this path."""
    if path.is_dir() or not path.parent.is_dir():
        raise UsageError(f"{path} cannot be a report: name a file in a folder that exists.")
