"""Run many cases of a target in a process of its own, whose death is a finding too."""

import hashlib
import multiprocessing
import os
import signal
import tempfile
import time
from pathlib import Path

from tests.fuzz.result import Finding, Result
from tests.fuzz.target import MakeTarget, Target, run_case, way
from tests.fuzz.worker import LARGEST, STATE, work

#: A folder in memory where there is one: cases write files, and some wait until they are kept.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None

#: Waits of a second for a case that needs no processor time, and processes that may die.
PATIENCE, DEATHS = 600, 10


def run_target(make: MakeTarget, seed: int, cases: int | None, seconds: float | None) -> Result:
    """Run a number of cases, or for some seconds; Ctrl-C ends it earlier."""
    result = Result()
    begin = time.monotonic()
    for attempt in range(DEATHS):
        cases_left = None if cases is None else cases - result.cases
        time_left = None if seconds is None else seconds - (time.monotonic() - begin)
        if any(left is not None and left <= 0 for left in (cases_left, time_left)):
            break
        with tempfile.TemporaryDirectory(prefix="nemocli-fuzz-", dir=MEMORY) as folder:
            own_seed = f"{seed}-{attempt}"
            done, death = _in_process(make, own_seed, cases_left, time_left, Path(folder))
        result.add(done)
        if death is None:
            break
        result.findings[death.kind] = death
    result.seconds = time.monotonic() - begin
    return result


def _in_process(
    make: MakeTarget, seed: str, cases: int | None, seconds: float | None, folder: Path
) -> tuple[Result, Finding | None]:
    """Return what the process sent; or, if it died, the number of cases it began, and the last."""
    state = folder / "state"
    state.write_bytes(b"\0" * (STATE.size + LARGEST))
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(make, seed, cases, seconds, folder, sender))
    process.start()
    sender.close()
    waits, last = 0, b""
    received: Result | None = None
    while received is None and waits < PATIENCE:
        try:
            if receiver.poll(1.0):
                received = receiver.recv()
        except EOFError:
            break
        except KeyboardInterrupt:
            process.terminate()  # it sends what it has
        now = _begun(state)
        waits, last = (0, now) if now != last else (waits + 1, last)
    if waits >= PATIENCE:
        process.kill()
    process.join()
    if received is not None:
        return received, None
    before, length = STATE.unpack(_begun(state))
    data = state.read_bytes()[STATE.size :][:length]
    how = "hang" if process.exitcode == -signal.SIGPROF else f"exit {process.exitcode}"
    stderr = (folder / "stderr").read_text(errors="replace")[-3000:]
    return Result(cases=before + 1), Finding(f"died: {how}", stderr, data)


def _begun(state: Path) -> bytes:
    with state.open("rb") as file:
        return file.read(STATE.size)


def save_findings(name: str, result: Result, folder: Path) -> list[Path]:
    """Write each finding's input into a folder, with its error beside it."""
    paths = []
    for finding in result.findings.values():
        path = folder / name / hashlib.sha256(finding.data).hexdigest()[:12]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(finding.data)
        path.with_suffix(".txt").write_text(f"{finding.kind}\n\n{finding.detail}\n")
        paths.append(path)
    return paths


def smaller(target: Target, data: bytes, seconds: float = 20.0) -> bytes:
    """Return a smaller input that fails in the same way."""
    wanted = _failure(target, data)
    end = time.monotonic() + seconds
    size = max(1, len(data) // 2)
    while size and time.monotonic() < end:
        at, is_shorter = 0, False
        while at < len(data) and time.monotonic() < end:
            shorter = data[:at] + data[at + size :]
            if _failure(target, shorter) == wanted:
                data, is_shorter = shorter, True
            else:
                at += size
        size = size if is_shorter else size // 2
    return data


def _failure(target: Target, data: bytes) -> object:
    try:
        run_case(target, data)
    except BaseException as error:
        return type(error), way(error.__traceback__)[-1:]
    return None
