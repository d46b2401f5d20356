"""Report of a measurement with every sample, and the JSON file that keeps it."""

import json
import tempfile
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nemocli.bench.accuracy import Accuracy
from nemocli.bench.calibration import Calibration
from nemocli.bench.machine import Machine, describe_machine, list_software
from nemocli.bench.measure import PassTimes, ProcessRun
from nemocli.bench.run_config import describe_variant
from nemocli.errors import NemocliError
from nemocli.models.listing import measure_model
from nemocli.whole_file import write_whole_file

if TYPE_CHECKING:
    from nemocli.models.resolve import ResolvedModel

SCHEMA = "nemocli-bench"

#: Keys of the file that are computed from the rest, for other programs.
DERIVED = ("figures", "comparison")

#: Version of the file; rises when a reader of the old one would break.
VERSION = 1


@dataclass(frozen=True)
class SoundFile:
    """A sound file that was transcribed: its name, and the hash over its bytes."""

    name: str
    sha256: str


@dataclass
class ModelResult:
    """One variant of a model, and its runs in each way: `stream`, `blocks`, `many` or `sweep`."""

    model: str
    #: Hash over the checkpoint that the model was made from.
    revision: str
    runtime: str
    precision: str
    compute_units: str | None
    lookahead: int
    #: Size of all the model's files.
    bytes: int
    #: Whether the system was asked to drop the model's files from memory before the cold load.
    files_dropped: bool
    #: Seconds of the first load; None until it is done.
    cold_load: float | None = None
    #: The runs of each way, one for each repeat.
    ways: dict[str, list[ProcessRun]] = field(default_factory=dict)

    @classmethod
    def of(cls, model: "ResolvedModel", files_dropped: bool) -> "ModelResult":
        """Make a result without runs, for a model that needs no conversion."""
        return cls(
            model.name,
            model.revision,
            model.runtime,
            model.precision,
            model.compute_units,
            model.lookahead,
            measure_model(model.path),
            files_dropped,
        )

    @property
    def variant(self) -> str:
        """Runtime, precision, compute units and lookahead: `onnx int8, lookahead 3`."""
        return describe_variant(self.runtime, self.precision, self.compute_units, self.lookahead)


@dataclass
class BenchReport:
    """Everything that was measured by one `nemocli bench`."""

    date: str
    machine: Machine
    software: dict[str, str]
    #: Average number of computing processes on the machine when the measurement began.
    load_average: float | None = None
    sounds: list[SoundFile] = field(default_factory=list)
    results: list[ModelResult] = field(default_factory=list)
    #: The machine's own speed at each repeat.
    gauged: list[Calibration] = field(default_factory=list)
    accuracy: Accuracy | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain data for a JSON file."""
        data: dict[str, Any] = {"schema": SCHEMA, "version": VERSION} | asdict(self)
        if self.accuracy is not None:
            for name in ("phrases", "speakers", "speaker_model"):
                if not getattr(self.accuracy, name):
                    del data["accuracy"][name]
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "BenchReport":
        """Make a report from what `to_json` returned; else ValueError, KeyError or TypeError."""
        if data.pop("schema") != SCHEMA or data.pop("version") != VERSION:
            raise ValueError("of another version")
        data = {key: value for key, value in data.items() if key not in DERIVED}
        accuracy = data["accuracy"]
        return cls(
            **data
            | {
                "machine": Machine(**data["machine"]),
                "sounds": [SoundFile(**sound) for sound in data["sounds"]],
                "results": [_read_result(result) for result in data["results"]],
                "gauged": [Calibration(**gauged) for gauged in data["gauged"]],
                "accuracy": Accuracy.from_json(accuracy) if accuracy else None,
            }
        )


def begin_report(load_average: float | None) -> BenchReport:
    """Make a report of this machine and this moment, without results."""
    date = datetime.now(UTC).isoformat(timespec="seconds")
    return BenchReport(date, describe_machine(), list_software(), load_average)


def _read_result(data: dict[str, Any]) -> ModelResult:
    ways = {name: [_read_run(run) for run in runs] for name, runs in data["ways"].items()}
    return ModelResult(**data | {"ways": ways})


def _read_run(data: dict[str, Any]) -> ProcessRun:
    return ProcessRun(**data | {"heard": [PassTimes(**times) for times in data["heard"]]})


def read_report(path: Path) -> BenchReport:
    """Read a report from a file; NemocliError if that fails."""
    try:
        return BenchReport.from_json(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise NemocliError(f"The report {path} cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise NemocliError(
            f"{path} is not a report that this version of 'nemocli bench --json' writes;"
            " measure again."
        ) from None


def format_json(data: object) -> str:
    """Return data as JSON text for a file or stdout."""
    return json.dumps(data, indent=1) + "\n"


def write_text(path: Path, text: str) -> None:
    """Write a file, whole or not at all; NemocliError if it cannot be written."""
    try:
        write_whole_file(path, text)
    except OSError as error:
        raise NemocliError(f"{path} cannot be written: {error.strerror}.") from None


def check_writable(path: Path) -> None:
    """Raise NemocliError if no file can be written at this path; leave nothing behind."""
    if path.is_dir():
        raise NemocliError(f"{path} cannot be written: it is a folder.")
    if path.exists() and not path.is_file():  # a pipe or a device
        return
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise NemocliError(f"{path} cannot be written: {error.strerror}.") from None
