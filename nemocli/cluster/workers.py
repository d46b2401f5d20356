"""Workers of a Ray cluster: processes with a model each, which transcribe a few files at a time.

Ray decides where they run. A worker that is lost, with its machine or alone, is replaced, and the
files it was at are given to others. Here, files are handed out and what became of them collected.
"""

import os
import re
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nemocli.audio import DEFAULT_OPTIONS, SoundOptions
from nemocli.batch.many import FileProgress, FileResult
from nemocli.cluster.worker import Worker, WorkerProgress, WorkerResult, WorkerStart
from nemocli.engine.languages import AUTO
from nemocli.errors import AudioError, NemocliError
from nemocli.jobs.plan import look_at
from nemocli.jobs.settings import Settings
from nemocli.transcriber import Transcriber
from nemocli.transcript.types import Transcript
from nemocli.version import __version__

#: Files that a worker is given together, and the bytes of them after which it gets no more.
MAX_BATCH_FILES, MAX_BATCH_BYTES = 8, 8_000_000

#: CPUs of a worker, where there are so many: more of them for a call gain little.
MAX_WORKER_CPUS = 4

#: Times that a file may be lost with its worker, and a worker before it has its model.
MAX_LOSSES = 3

#: Seconds between two looks at whether the end is wanted.
POLL_TIMEOUT_S = 0.5

#: Seconds of waiting for the first worker after which that is said.
QUIET_WAIT_S = 20


@dataclass(frozen=True)
class _WorkerHandle:
    """A worker, as it is seen from here."""

    actor: Any
    host: str = ""
    #: How many before it, in its stead, were lost before they had a model.
    lost: int = 0


class Workers:
    """Transcribes as a Transcriber does, by workers of the cluster that Ray is connected to."""

    def __init__(
        self,
        load: Callable[[], Transcriber],
        settings: Settings,
        *,
        count: int | None = None,
        cpus: int | None = None,
        note: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        """`load` is called once by each worker, and must give the model of these settings.

        There are `count` workers of `cpus` CPUs each; by default as many as the cluster has room
        for. `note` hears what a person should know.
        """
        self._load = load
        self._settings = settings
        self._cpus = cpus or worker_cpus(min(_nodes(), default=1))
        self._note = note
        self._idle: list[_WorkerHandle] = []
        # By what Ray will have of them.
        self._beginning: dict[Any, _WorkerHandle] = {}
        self._at_work: dict[Any, tuple[_WorkerHandle, list[Path]]] = {}
        # Files that were lost with a worker, and how often.
        self._again: deque[Path] = deque()
        self._losses: Counter[Path] = Counter()
        self._is_awaited = True
        for _ in range(count or sum(cpus // self._cpus for cpus in _nodes()) or 1):
            self._create()

    def wait(self) -> None:
        """Wait for the first worker that has its model; what kept all from it is raised."""
        told_at: float | None = time.monotonic() + QUIET_WAIT_S
        while not self._idle and self._is_awaited:
            for ref in _finished(self._beginning):
                self._begun(ref)
            if not self._idle and told_at is not None and time.monotonic() > told_at:
                told_at = None
                self._note(
                    f"Waiting for a worker: each needs {self._cpus} free CPUs, and loads the model."
                )

    def close(self) -> None:
        """Stop the workers, and `wait` if another thread is in it."""
        self._is_awaited = False
        at_work = (hand for hand, _ in self._at_work.values())
        for hand in [*self._idle, *self._beginning.values(), *at_work]:
            self._remove(hand)

    def transcribe_many(
        self,
        paths: Iterable[str | Path],
        lang: str = AUTO,
        *,
        max_memory: int | None = None,
        progress: Callable[[FileProgress], None] | None = None,
        sound: SoundOptions = DEFAULT_OPTIONS,
    ) -> Iterator[FileResult]:
        """See Transcriber.transcribe_many.

        A file whose worker was lost several times comes with an error. Raises NemocliError if no
        worker is left, or if the cluster is.
        """
        try:
            yield from self._outcomes(map(Path, paths), lang, max_memory, progress, sound)
        except ConnectionError as error:
            raise NemocliError(
                f"The Ray cluster is lost ({error}): the same command goes on from here."
            ) from None

    def _outcomes(
        self,
        coming: Iterator[Path],
        lang: str,
        max_memory: int | None,
        progress: Callable[[FileProgress], None] | None,
        sound: SoundOptions,
    ) -> Iterator[FileResult]:
        while True:
            while self._idle and (batch := self._next(coming)):
                hand = self._idle.pop()
                absolute = [os.path.abspath(path) for path in batch]
                ref = hand.actor.transcribe.remote(absolute, lang, max_memory, sound)
                self._at_work[ref] = hand, batch
                if progress is not None:
                    for path in batch:
                        progress(FileProgress(path, None, Transcript([], [], None)))
            if self._idle and not self._at_work:
                return
            finished = _finished([*self._at_work, *self._beginning])
            if progress is not None and not finished:
                self._tell(progress)
            for ref in finished:
                if ref in self._beginning:
                    self._begun(ref)
                else:
                    yield from self._ended(ref)

    def _next(self, coming: Iterator[Path]) -> list[Path]:
        """A file that was lost before, alone, lest it takes others along; or some new ones."""
        if self._again:
            return [self._again.popleft()]
        batch: list[Path] = []
        size = 0
        while (
            len(batch) < MAX_BATCH_FILES
            and size < MAX_BATCH_BYTES
            and (path := next(coming, None)) is not None
        ):
            batch.append(path)
            content = look_at(path)
            size += content.size if content else MAX_BATCH_BYTES
        return batch

    def _tell(self, progress: Callable[[FileProgress], None]) -> None:
        """How far the files are, of those workers that answer in time."""
        import ray

        asked = {hand.actor.heard.remote(): batch for hand, batch in self._at_work.values()}
        if not asked:
            return
        for ref in ray.wait(list(asked), num_returns=len(asked), timeout=POLL_TIMEOUT_S)[0]:
            with suppress(ray.exceptions.RayError):  # which is dealt with where its work ends
                far: dict[str, WorkerProgress] = ray.get(ref)
                for path in asked[ref]:
                    if (of := far.get(os.path.abspath(path))) is not None:
                        progress(
                            FileProgress(path, of.promised, Transcript([], [], None, of.seconds))
                        )

    def _ended(self, ref: Any) -> Iterator[FileResult]:
        """What became of the files of a worker that ended them, or was lost."""
        import ray

        hand, batch = self._at_work.pop(ref)
        try:
            told: list[WorkerResult] = ray.get(ref)
        except ray.exceptions.RayTaskError as error:  # the worker itself is well
            if isinstance(error.cause, NemocliError):
                raise error.cause from None
            self._idle.append(hand)
            yield from self._lost(batch, hand, error)
        except ray.exceptions.RayError as error:
            self._remove(hand)
            self._create()
            yield from self._lost(batch, hand, error)
        else:
            self._idle.append(hand)
            by_path = {str(each.outcome.path): each for each in told}
            for path in batch:
                yield by_path[os.path.abspath(path)].outcome_of(path, hand.host)

    def _lost(
        self, batch: list[Path], hand: _WorkerHandle, error: Exception
    ) -> Iterator[FileResult]:
        """Have the files done again, but for those that were lost too often."""
        for path in batch:
            self._losses[path] += 1
            if self._losses[path] < MAX_LOSSES:
                self._again.append(path)
            else:
                reason = (
                    f"was given up on the cluster: {MAX_LOSSES} times what transcribed it was lost,"
                    f" at last on {hand.host} ({_reason(error)}). Try it without --cluster."
                )
                yield FileResult(path, None, AudioError(reason, path))

    # ------------------------------------------------------------------------------ workers' lives

    def _create(self, lost: int = 0) -> None:
        """Have Ray start a worker where there is room, now or later."""
        import ray

        # Two calls at once: it tells how far it is while it is at work.
        options = {
            "num_cpus": self._cpus,
            "scheduling_strategy": "SPREAD",
            "max_concurrency": 2,
        }
        try:
            actor = ray.remote(Worker).options(**options).remote(self._load)
        except ImportError as error:  # as Ray's client hears of it
            raise _no_start(error) from None
        begun = actor.begin.remote(__version__, self._settings.about)
        self._beginning[begun] = _WorkerHandle(actor, lost=lost)

    def _begun(self, ref: Any) -> None:
        """Take a worker in, or do without it; why is raised if there is no other."""
        import ray

        hand = self._beginning.pop(ref)
        try:
            begun: WorkerStart = ray.get(ref)
        except ray.exceptions.RayError as error:
            self._remove(hand)
            if hand.lost + 1 < MAX_LOSSES:
                self._create(hand.lost + 1)
            else:
                self._do_without(_no_start(error))
            return
        if begun.refusal is None:
            self._idle.append(replace(hand, host=begun.host))
        else:
            self._remove(hand)
            sentence = f"A worker on {begun.host} is of no use: {begun.refusal}"
            self._do_without(type(begun.refusal)(sentence))

    def _do_without(self, reason: NemocliError) -> None:
        if not (self._idle or self._beginning or self._at_work):
            raise reason
        self._note(str(reason))

    def _remove(self, hand: _WorkerHandle) -> None:
        import ray

        with suppress(Exception):  # most are dead already
            ray.kill(hand.actor)


def worker_cpus(cpus: int) -> int:
    """CPUs for each worker on machines of so many: each has a copy of the model in memory."""
    return max(1, min(cpus, MAX_WORKER_CPUS))


def _nodes() -> list[int]:
    """The CPUs of each machine of the cluster that has some."""
    import ray

    nodes = [node for node in ray.nodes() if node["Alive"]]
    counts = [int(node["Resources"].get("CPU", 0)) for node in nodes]
    return [count for count in counts if count]


def _finished(refs: Iterable[Any]) -> list[Any]:
    """Those of which Ray has a result by now; waits a little for the first."""
    import ray

    ready: list[Any] = ray.wait(list(refs), num_returns=1, timeout=POLL_TIMEOUT_S)[0]
    return ready


def _no_start(error: Exception) -> NemocliError:
    return NemocliError(
        f"A worker does not start ({_reason(error)}): the machines of the cluster need nemocli"
        f" {__version__}, installed as it is here."
    )


def _reason(error: Exception) -> str:
    """What Ray says of a loss, in a line: the exception behind it, if there is one."""
    text = re.sub("\x1b\\[[0-9;]*m", "", str(error)).strip()
    named = re.findall(r"^ *(\w+(?:Error|Exception): .+)$", text, re.MULTILINE)
    first = (text.splitlines() or [type(error).__name__])[0]
    line: str = named[-1] if named else first
    return line.rstrip(".:")
