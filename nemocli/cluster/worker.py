"""Worker of a cluster: a process with a model, and the plain data that it sends."""

import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from nemocli.audio.options import DEFAULT_OPTIONS, SoundOptions
from nemocli.batch.many import FileProgress, FileResult
from nemocli.boosting.phrases import Phrases
from nemocli.diarization.options import SpeakerOptions
from nemocli.engine.languages import AUTO_LANGUAGE
from nemocli.errors import AudioError, ModelError, NemocliError
from nemocli.jobs.plan import hash_content, read_stamp
from nemocli.transcriber import Transcriber
from nemocli.transcript.alignment import Align
from nemocli.transcript.provenance import Provenance
from nemocli.version import __version__


@dataclass(frozen=True)
class WorkerStart:
    """A worker's answer to its start: that it has the model, or why it cannot be used."""

    host: str
    refusal: NemocliError | None = None


@dataclass(frozen=True)
class WorkerProgress:
    """How far a file is transcribed."""

    #: Seconds of sound in the file by its header; None if unknown.
    promised: float | None
    #: Seconds of sound that are transcribed.
    seconds: float


@dataclass(frozen=True)
class WorkerResult:
    """What a worker returns for a file."""

    result: FileResult
    #: Hash of the file that the worker read; None if it cannot read it.
    sha256: str | None

    def adopt(self, path: Path, host: str) -> FileResult:
        """Return the result under the path used here.

        It becomes an error if the file that the worker read is not the one that is here.
        """
        here = hash_content(path) if read_stamp(path) else None
        error = self.result.error
        if here is not None and self.sha256 != here:
            what = "has other content" if self.sha256 else "cannot be read"
            error = AudioError(
                f"{what} on {host}: keep the files on a disk that all machines of the cluster have"
                " at the same path.",
                path,
            )
        elif error is not None:
            error = error.rename(path)
        transcript = None if error else self.result.transcript
        return replace(self.result, path=path, transcript=transcript, error=error)


class Worker:
    """A process, perhaps on another machine, with a model that is loaded once."""

    def __init__(self, load: Callable[[], Transcriber]) -> None:
        self._load = load
        self._transcriber: Transcriber | None = None
        self._progress: dict[str, WorkerProgress] = {}

    def begin(self, version: str, expected: Provenance) -> WorkerStart:
        """Load the model; refuse if nemocli's version or the model is not the expected one."""
        host = socket.gethostname()
        if version != __version__:
            return WorkerStart(host, NemocliError(f"it has nemocli {__version__}, not {version}."))
        try:
            self._transcriber = self._load()
        except NemocliError as error:
            return WorkerStart(host, error)
        return WorkerStart(
            host,
            _explain_difference(self._transcriber.make_provenance("", AUTO_LANGUAGE), expected),
        )

    def transcribe(
        self,
        paths: list[str],
        lang: str,
        max_memory: int | None,
        sound: SoundOptions = DEFAULT_OPTIONS,
        align: Align = None,
        phrases: Phrases | None = None,
        speakers: SpeakerOptions | None = None,
    ) -> list[WorkerResult]:
        """Transcribe files; return the result of each, in any order."""
        assert self._transcriber is not None
        self._progress = {}
        files = [Path(path) for path in paths]
        hashes = {file: hash_content(file) for file in files if read_stamp(file)}
        results = self._transcriber.transcribe_many(
            files,
            lang,
            max_memory=max_memory,
            progress=self._note_progress,
            sound=sound,
            align=align,
            phrases=phrases,
            speakers=speakers,
        )
        return [WorkerResult(result, hashes.get(result.path)) for result in results]

    def progress(self) -> dict[str, WorkerProgress]:
        """Return how far each file is that is being transcribed, by its path."""
        return dict(self._progress)

    def _note_progress(self, file: FileProgress) -> None:
        self._progress[str(file.path)] = WorkerProgress(file.promised, file.transcript.duration)


def _explain_difference(there: Provenance, expected: Provenance) -> ModelError | None:
    """Return an error if a worker's model would not give the expected transcripts."""
    if there.model_revision != expected.model_revision:
        return ModelError(
            f"its model {expected.model} is another one; put there the one from here."
        )
    for name in ("precision", "runtime", "lookahead"):
        if getattr(there, name) != getattr(expected, name):
            found, needed = getattr(there, name), getattr(expected, name)
            return ModelError(f"its model {expected.model} has the {name} {found}, not {needed}.")
    return None
