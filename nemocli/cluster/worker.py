"""One worker of a cluster: a process with a model, and the plain data that it sends."""

import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from nemocli.audio import DEFAULT_OPTIONS, SoundOptions
from nemocli.batch.many import FileProgress, FileResult
from nemocli.engine.languages import AUTO
from nemocli.errors import AudioError, ModelError, NemocliError
from nemocli.jobs.plan import content_hash, look_at
from nemocli.transcriber import Transcriber
from nemocli.transcript.writer import Provenance
from nemocli.version import __version__


@dataclass(frozen=True)
class WorkerStart:
    """A worker that has its model, or why it cannot be used."""

    host: str
    refusal: NemocliError | None = None


@dataclass(frozen=True)
class WorkerProgress:
    """How far a file is, in seconds of sound; the first are what its header promises."""

    promised: float | None
    seconds: float


@dataclass(frozen=True)
class WorkerResult:
    """What a worker tells of a file."""

    outcome: FileResult
    #: The hash of the file that was transcribed; None if the worker cannot read it.
    sha256: str | None

    def outcome_of(self, path: Path, host: str) -> FileResult:
        """The outcome for a path as it is written here, if the worker had the file that is here."""
        here = content_hash(path) if look_at(path) else None
        error = self.outcome.error
        if here is not None and self.sha256 != here:
            what = "has other content" if self.sha256 else "cannot be read"
            error = AudioError(
                f"{what} on {host}: keep the files on a disk that all machines of the cluster have"
                " at the same path.",
                path,
            )
        elif error is not None:
            error = error.named(path)
        transcript = None if error else self.outcome.transcript
        return replace(self.outcome, path=path, transcript=transcript, error=error)


class Worker:
    """In a process of its own, perhaps on another machine: a model that is loaded once."""

    def __init__(self, load: Callable[[], Transcriber]) -> None:
        self._load = load
        self._transcriber: Transcriber | None = None
        self._far: dict[str, WorkerProgress] = {}

    def begin(self, version: str, wanted: Provenance) -> WorkerStart:
        """Load the model; refused if nemocli has another version here, or the model is another."""
        host = socket.gethostname()
        if version != __version__:
            return WorkerStart(host, NemocliError(f"it has nemocli {__version__}, not {version}."))
        try:
            self._transcriber = self._load()
        except NemocliError as error:
            return WorkerStart(host, error)
        return WorkerStart(host, _difference(self._transcriber.about("", AUTO), wanted))

    def transcribe(
        self,
        paths: list[str],
        lang: str,
        max_memory: int | None,
        sound: SoundOptions = DEFAULT_OPTIONS,
    ) -> list[WorkerResult]:
        """What became of each file, in any order."""
        assert self._transcriber is not None
        self._far = {}
        files = [Path(path) for path in paths]
        hashes = {file: content_hash(file) for file in files if look_at(file)}
        outcomes = self._transcriber.transcribe_many(
            files, lang, max_memory=max_memory, progress=self._note, sound=sound
        )
        return [WorkerResult(outcome, hashes.get(outcome.path)) for outcome in outcomes]

    def heard(self) -> dict[str, WorkerProgress]:
        """How far the files are that are at work."""
        return dict(self._far)

    def _note(self, heard: FileProgress) -> None:
        self._far[str(heard.path)] = WorkerProgress(heard.promised, heard.transcript.duration)


def _difference(there: Provenance, wanted: Provenance) -> ModelError | None:
    """Why a worker would not write what was asked for."""
    if there.model_revision != wanted.model_revision:
        return ModelError(f"its model {wanted.model} is another one; put there the one from here.")
    for name in ("precision", "runtime", "lookahead"):
        if getattr(there, name) != getattr(wanted, name):
            have, want = getattr(there, name), getattr(wanted, name)
            return ModelError(f"its model {wanted.model} has the {name} {have}, not {want}.")
    return None
