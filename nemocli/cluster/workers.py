"""Workers of a Ray cluster: gives them files and collects the results.

Each worker is a process with a model, which transcribes a few files at a time. Ray decides where
it runs. A worker that is lost, alone or with its machine, is replaced, and its files are given to
others.
"""

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nemocli.audio.options import DEFAULT_OPTIONS, SoundOptions
from nemocli.batch.many import FileProgress, FileResult
from nemocli.boosting.phrases import Phrases
from nemocli.cluster.cpus import choose_worker_cpus, list_cpus
from nemocli.cluster.file_queue import MAX_LOSSES, FileQueue
from nemocli.cluster.worker import Worker, WorkerProgress, WorkerResult, WorkerStart
from nemocli.diarization.options import SpeakerOptions
from nemocli.engine.languages import AUTO_LANGUAGE
from nemocli.errors import AudioError, NemocliError
from nemocli.jobs.settings import Settings
from nemocli.transcriber import Transcriber
from nemocli.transcript.alignment import Align
from nemocli.transcript.types import Transcript
from nemocli.version import __version__

#: Times that a worker may be lost before it has loaded its model.
MAX_STARTS = 3

#: Seconds to wait for Ray at a time, so that `close` and progress are not delayed.
POLL_TIMEOUT_S = 0.5

#: Seconds of waiting for the first worker before a message says that the program waits.
QUIET_WAIT_S = 20


@dataclass(frozen=True)
class _WorkerHandle:
    """A worker as Ray's actor, with what is known about it here."""

    actor: Any
    host: str = ""
    #: Number of its predecessors that were lost before they had loaded their model.
    lost: int = 0


class Workers:
    """Workers of the connected cluster, which transcribe as a Transcriber does."""

    def __init__(
        self,
        load: Callable[[], Transcriber],
        settings: Settings,
        *,
        count: int | None = None,
        cpus: int | None = None,
        note: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        """Start `count` workers of `cpus` CPUs each; by default as many as the cluster can run.

        `load` is called once by each worker, and must return the model of these settings. `note`
        is called with messages for the user.
        """
        self._load = load
        self._settings = settings
        self._cpus = cpus or choose_worker_cpus(min(list_cpus(), default=1))
        self._note = note
        self._idle: list[_WorkerHandle] = []
        # By Ray's reference to the result that each will give.
        self._starting: dict[Any, _WorkerHandle] = {}
        self._working: dict[Any, tuple[_WorkerHandle, list[Path]]] = {}
        self._queue = FileQueue()
        self._is_closed = False
        for _ in range(count or sum(cpus // self._cpus for cpus in list_cpus()) or 1):
            self._create()

    def wait(self) -> None:
        """Wait until a worker has loaded its model; NemocliError if none can."""
        note_at: float | None = time.monotonic() + QUIET_WAIT_S
        while not self._idle and not self._is_closed:
            for ref in _wait_finished(self._starting):
                self._take_started(ref)
            if not self._idle and note_at is not None and time.monotonic() > note_at:
                note_at = None
                self._note(
                    f"Waiting for a worker: each needs {self._cpus} free CPUs, and loads the model."
                )

    def close(self) -> None:
        """Stop the workers, and `wait` if another thread is calling it."""
        self._is_closed = True
        working = (handle for handle, _ in self._working.values())
        for handle in [*self._idle, *self._starting.values(), *working]:
            self._remove(handle)

    def transcribe_many(
        self,
        paths: Iterable[str | Path],
        lang: str = AUTO_LANGUAGE,
        *,
        max_memory: int | None = None,
        progress: Callable[[FileProgress], None] | None = None,
        sound: SoundOptions = DEFAULT_OPTIONS,
        align: Align = None,
        phrases: Phrases | None = None,
        speakers: SpeakerOptions | None = None,
    ) -> Iterator[FileResult]:
        """Transcribe files as Transcriber.transcribe_many does.

        A file whose worker was lost MAX_LOSSES times gets an error. Raises NemocliError if no
        worker is left, or if the cluster is lost.
        """
        try:
            request = lang, max_memory, sound, align, phrases, speakers
            yield from self._transcribe_batches(map(Path, paths), request, progress)
        except ConnectionError as error:
            raise NemocliError(
                f"The Ray cluster is lost ({error}): the same command goes on from here."
            ) from None

    def _transcribe_batches(
        self,
        coming: Iterator[Path],
        request: tuple[Any, ...],
        progress: Callable[[FileProgress], None] | None,
    ) -> Iterator[FileResult]:
        while True:
            while self._idle and (batch := self._queue.take_next(coming)):
                handle = self._idle.pop()
                absolute = [os.path.abspath(path) for path in batch]
                ref = handle.actor.transcribe.remote(absolute, *request)
                self._working[ref] = handle, batch
                if progress is not None:
                    for path in batch:
                        progress(FileProgress(path, None, Transcript([], [], None)))
            if self._idle and not self._working:
                return
            finished = _wait_finished([*self._working, *self._starting])
            if progress is not None and not finished:
                self._report_progress(progress)
            for ref in finished:
                if ref in self._starting:
                    self._take_started(ref)
                else:
                    yield from self._take_finished(ref)

    def _report_progress(self, progress: Callable[[FileProgress], None]) -> None:
        """Call `progress` for the files of those workers that answer in time."""
        import ray

        calls = {handle.actor.progress.remote(): batch for handle, batch in self._working.values()}
        if not calls:
            return
        for ref in ray.wait(list(calls), num_returns=len(calls), timeout=POLL_TIMEOUT_S)[0]:
            with suppress(ray.exceptions.RayError):  # a lost worker is noticed by its work
                by_path: dict[str, WorkerProgress] = ray.get(ref)
                for path in calls[ref]:
                    if (file := by_path.get(os.path.abspath(path))) is not None:
                        transcript = Transcript([], [], None, file.seconds)
                        progress(FileProgress(path, file.promised, transcript))

    def _take_finished(self, ref: Any) -> Iterator[FileResult]:
        """Yield the results of a worker that has done its files, or was lost."""
        import ray

        handle, batch = self._working.pop(ref)
        try:
            results: list[WorkerResult] = ray.get(ref)
        except ray.exceptions.RayTaskError as error:  # raised by the call; the worker still runs
            if isinstance(error.cause, NemocliError):
                raise error.cause from None
            self._idle.append(handle)
            yield from self._retry(batch, handle, error)
        except ray.exceptions.RayError as error:
            self._remove(handle)
            self._create()
            yield from self._retry(batch, handle, error)
        else:
            self._idle.append(handle)
            by_path = {str(each.result.path): each for each in results}
            for path in batch:
                yield by_path[os.path.abspath(path)].adopt(path, handle.host)

    def _retry(
        self, batch: list[Path], handle: _WorkerHandle, error: Exception
    ) -> Iterator[FileResult]:
        """Queue lost files again; yield an error for those that were lost too often."""
        for path in self._queue.put_back(batch):
            reason = (
                f"was given up on the cluster: {MAX_LOSSES} times what transcribed it was lost,"
                f" at last on {handle.host} ({_find_cause(error)}). Try it without --cluster."
            )
            yield FileResult(path, None, AudioError(reason, path))

    # ------------------------------------------------------------------------------ workers' lives

    def _create(self, lost: int = 0) -> None:
        """Have Ray start a worker as soon as a machine has enough free CPUs."""
        import ray

        # Two calls at once: `progress` is called while `transcribe` runs.
        options = {
            "num_cpus": self._cpus,
            "scheduling_strategy": "SPREAD",
            "max_concurrency": 2,
        }
        try:
            actor = ray.remote(Worker).options(**options).remote(self._load)
        except ImportError as error:  # what Ray's client raises if nemocli is missing there
            raise _explain_start(error) from None
        ref = actor.begin.remote(__version__, self._settings.provenance)
        self._starting[ref] = _WorkerHandle(actor, lost=lost)

    def _take_started(self, ref: Any) -> None:
        """Use a worker that has loaded its model, or give it up if it could not."""
        import ray

        handle = self._starting.pop(ref)
        try:
            start: WorkerStart = ray.get(ref)
        except ray.exceptions.RayError as error:
            self._remove(handle)
            if handle.lost + 1 < MAX_STARTS:
                self._create(handle.lost + 1)
            else:
                self._give_up(_explain_start(error))
            return
        if start.refusal is None:
            self._idle.append(replace(handle, host=start.host))
        else:
            self._remove(handle)
            sentence = f"A worker on {start.host} cannot be used: {start.refusal}"
            self._give_up(type(start.refusal)(sentence))

    def _give_up(self, reason: NemocliError) -> None:
        """Note why a worker cannot be used; raise it if there is no other worker."""
        if not (self._idle or self._starting or self._working):
            raise reason
        self._note(str(reason))

    def _remove(self, handle: _WorkerHandle) -> None:
        import ray

        with suppress(Exception):  # it may be dead already
            ray.kill(handle.actor)


def _wait_finished(refs: Iterable[Any]) -> list[Any]:
    """Return the references that have a result; wait for the first, at most POLL_TIMEOUT_S."""
    import ray

    ready: list[Any] = ray.wait(list(refs), num_returns=1, timeout=POLL_TIMEOUT_S)[0]
    return ready


def _explain_start(error: Exception) -> NemocliError:
    return NemocliError(
        f"A worker does not start ({_find_cause(error)}): the machines of the cluster need nemocli"
        f" {__version__}, installed as it is here."
    )


def _find_cause(error: Exception) -> str:
    """Return one line of Ray's message: the exception that is the cause, if it names one."""
    text = re.sub("\x1b\\[[0-9;]*m", "", str(error)).strip()
    named = re.findall(r"^ *(\w+(?:Error|Exception): .+)$", text, re.MULTILINE)
    first = (text.splitlines() or [type(error).__name__])[0]
    line: str = named[-1] if named else first
    return line.rstrip(".:")
