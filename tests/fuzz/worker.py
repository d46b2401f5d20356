"""The process that runs the cases of a target, under limits."""

import contextlib
import mmap
import os
import re
import resource
import signal
import struct
import sys
import time
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

from tests.fuzz.guard import Guard
from tests.fuzz.result import Finding, Result
from tests.fuzz.target import BrokenError, MakeTarget, Outcome, Target, run_case, way

#: Bytes of address space beyond what the process has when it begins.
ADDRESSES = 1 << 31

#: A case that takes so many times as long as it may hangs: the system then ends the process.
HANGS = 10

#: Inputs that are kept because they went a new way, and bytes of the largest input. An input much
#: larger than the valid ones costs time and finds nothing that a smaller one does not.
MOST_KEPT, LARGEST, GROWTH = 3000, 1 << 22, 3

#: Before each case: how many there were, and how long the input is that follows.
STATE = struct.Struct("<QQ")


def work(
    make: MakeTarget,
    seed: str,
    cases: int | None,
    seconds: float | None,
    folder: Path,
    sender: Connection,
) -> None:
    """Run cases until SIGTERM and send the Result; the file `state` has the case at hand."""
    sys.dont_write_bytecode = True  # of what is imported at use
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ended: list[bool] = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    with (folder / "stderr").open("wb") as stderr:
        os.dup2(stderr.fileno(), 2)
    scratch = folder / "scratch"
    scratch.mkdir()
    os.chdir(scratch)
    with (folder / "state").open("r+b") as file:
        state = mmap.mmap(file.fileno(), 0)
    worker = _Worker(make(scratch), Guard(scratch), state, Random(seed))
    worker.warm_up()
    _limit_memory()
    begin, result = time.monotonic(), worker.result
    while (
        not ended
        and (cases is None or result.cases < cases)
        and (seconds is None or time.monotonic() - begin < seconds)
    ):
        worker.step()
    signal.setitimer(signal.ITIMER_PROF, 0)
    sender.send(result)
    sender.close()


def _limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + ADDRESSES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


class _Worker:
    """Takes a valid input, or one that took a new path, damages it, and checks the outcome."""

    def __init__(self, target: Target, guard: Guard, state: mmap.mmap, random: Random) -> None:
        self.result = Result()
        self._target, self._guard, self._state, self._random = target, guard, state, random
        self._corpus = list(target.seeds)
        self._usual = 100 + GROWTH * max(map(len, target.seeds))
        self._outcomes: set[Outcome] = set()
        self._memory = 0
        self._stderr = 0
        self._armed = -self._target.seconds

    def warm_up(self) -> None:
        """Check the valid inputs first, after loading lazy imports."""
        for data in self._target.seeds:
            with contextlib.suppress(Exception):
                run_case(self._target, data)
        for data in self._target.seeds:
            self._check(data)
        if not self.result.accepted:
            raise AssertionError(f"no valid input was accepted: {self.result.findings}")
        self._memory = _peak_memory()
        self.result.cases = self.result.accepted = 0

    def step(self) -> None:
        """One case."""
        random = self._random
        corpus = self._target.seeds if random.random() < 0.4 else self._corpus
        data = self._target.mutate(corpus[random.randrange(len(corpus))], random)[:LARGEST]
        self._check(data)

    def _check(self, data: bytes) -> None:
        result = self.result
        self._state[: STATE.size + len(data)] = STATE.pack(result.cases, len(data)) + data
        result.cases += 1
        begin = time.process_time()
        if begin >= self._armed + self._target.seconds:
            self._armed = begin
            signal.setitimer(signal.ITIMER_PROF, HANGS * self._target.seconds)
        try:
            with self._guard:
                outcome = run_case(self._target, data)
        except BaseException as error:
            self._found(error, data)
            return
        self._check_costs(time.process_time() - begin, data)
        result.accepted += outcome.accepted
        if not outcome.accepted:
            result.refusals[outcome.way] += 1
        if outcome not in self._outcomes:
            self._outcomes.add(outcome)
            if len(result.kept) < MOST_KEPT and len(data) <= self._usual:
                self._corpus.append(data)
                result.kept.append(data)

    def _check_costs(self, seconds: float, data: bytes) -> None:
        result = self.result
        result.slowest = max(result.slowest, seconds)
        if seconds > self._target.seconds:
            self._found(BrokenError(f"{seconds:.1f} s of processor time"), data, "slow")
        if self._memory:
            more = _peak_memory() - self._memory
            result.memory = max(result.memory, more)
            if more > self._target.memory:
                self._found(BrokenError(f"{more >> 20} MB of memory"), data, "memory")
                self._memory += more
        written = os.fstat(2).st_size
        if written > self._stderr:
            said = Path("/proc/self/fd/2").read_bytes()[self._stderr :].decode(errors="replace")
            self._stderr = written
            if "panicked at" not in said:  # which nobody can keep Rust from saying
                line = re.sub(r"\d+|0x\w+", "#", said.strip().partition("\n")[0])[:100]
                self._found(BrokenError(said), data, f"stderr {line}")

    def _found(self, error: BaseException, data: bytes, kind: str = "") -> None:
        """Keep the smallest input of each kind; a kind is an exception and its origin."""
        frames = traceback.extract_tb(error.__traceback__)
        place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
        kind = kind or f"{type(error).__name__} {way(error.__traceback__)[-1:]} {place}"
        known = self.result.findings.get(kind)
        if known is None or len(data) < len(known.data):
            detail = "".join(traceback.format_exception(error))[-3000:]
            self.result.findings[kind] = Finding(kind, detail, data)


def _peak_memory() -> int:
    """Return the peak memory of the process in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
