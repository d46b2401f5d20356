"""What became of each file and of all of them, for the summary and for programs (`--report`)."""

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
REPORT_VERSION = 1


@dataclass(frozen=True)
class Finished:
    """What became of a file."""

    path: Path
    #: `skipped`: it was done already, by an earlier run or by one at the same time.
    state: Literal["done", "skipped", "failed"]
    #: Paths of what was written, now or then.
    outputs: tuple[str, ...] = ()
    #: Seconds of sound, if they are known.
    seconds: float | None = None
    #: Why it failed: a sentence.
    error: str | None = None
    #: Which track was chosen of several: a sentence; None if there was no choice.
    note: str | None = None
    #: Paths of outputs that were left as they are, since somebody changed them.
    kept: tuple[str, ...] = ()
    #: What is wrong with the sound.
    warnings: tuple[SoundWarning, ...] = ()


def strict_error(warnings: tuple[SoundWarning, ...]) -> str:
    """Say why a file with these warnings fails with --strict."""
    more = f" ({len(warnings)} warnings)" if len(warnings) > 1 else ""
    return f"{warnings[0].message.removesuffix('.')}{more}: not allowed by --strict."


class RunReport:
    """Collects the ends of files; the clock starts when it is made."""

    def __init__(self, settings: Settings, listing: Listing) -> None:
        self._settings = settings
        self._names = {source.path: source.name for source in listing.sources}
        self._unreadable = listing.unreadable
        self.finished: dict[Path, Finished] = {}
        self._began = time.monotonic()
        #: Why the run ended before all files were; None if it did not.
        self.stopped: str | None = None

    def add(self, finished: Finished) -> None:
        self.finished[finished.path] = finished

    def count(self, state: str) -> int:
        """Files that are `done`, `skipped` or `failed`."""
        return sum(finished.state == state for finished in self.finished.values())

    @property
    def kept(self) -> int:
        """Files with an output that somebody changed, which was left as it is."""
        return sum(bool(finished.kept) for finished in self.finished.values())

    @property
    def with_warnings(self) -> int:
        """Files that were transcribed although something is wrong with their sound."""
        return sum(bool(f.warnings) and f.state == "done" for f in self.finished.values())

    @property
    def only_kept(self) -> int:
        """Those of them of which nothing was written."""
        return sum(bool(f.kept) and f.state == "skipped" for f in self.finished.values())

    @property
    def files(self) -> int:
        """All files of the run."""
        return len(self._names)

    @property
    def has_failures(self) -> bool:
        """Whether a file failed, or a folder could not be looked into."""
        return bool(self._unreadable) or any(f.state == "failed" for f in self.finished.values())

    @property
    def left(self) -> int:
        """Files that the run did not come to."""
        return len(self._names) - len(self.finished)

    @property
    def failed(self) -> list[str]:
        """The names of the files that failed."""
        return [self._names[f.path] for f in self.finished.values() if f.state == "failed"]

    @property
    def seconds(self) -> float:
        """Seconds of sound that this run transcribed."""
        return sum(f.seconds or 0.0 for f in self.finished.values() if f.state == "done")

    @property
    def elapsed(self) -> float:
        """Seconds since the clock started."""
        return time.monotonic() - self._began

    def to_json(self) -> dict[str, Any]:
        """Files in the order of the run's list; those it did not come to have the state `left`."""
        states = ("done", "skipped", "failed")
        totals = {state: self.count(state) for state in states}
        return {
            "version": REPORT_VERSION,
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
            "files": [self._file(path, name) for path, name in self._names.items()],
        }

    def write(self, path: Path) -> None:
        """Write it as JSON, whole or not at all; NemocliError if that cannot be done."""
        try:
            write_whole_file(path, json.dumps(self.to_json(), indent=1) + "\n")
        except OSError as error:
            raise NemocliError(f"The report {path} cannot be written: {error.strerror}.") from None

    def _file(self, path: Path, name: str) -> dict[str, Any]:
        finished = self.finished.get(path)
        if finished is None:
            return {"file": name, "state": "left"}
        return {
            "file": name,
            "state": finished.state,
            "seconds": finished.seconds,
            "outputs": list(finished.outputs),
            "error": finished.error,
            "kept": list(finished.kept),
            "warnings": [warning.to_json() for warning in finished.warnings],
        }


def check_report(path: Path) -> None:
    """UsageError, before any work, for a place where no report can be."""
    if path.is_dir() or not path.parent.is_dir():
        raise UsageError(f"{path} cannot be a report: name a file in a folder that exists.")
