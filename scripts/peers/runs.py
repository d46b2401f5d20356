"""What is run, one after the other: each recognizer in a process of its own, its result kept."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import models
from .environments import python_of

Result = dict[str, Any]


@dataclass(frozen=True)
class PeerRun:
    """One recognizer with its model, in one way of working; `script` is a module beside this."""

    name: str
    python: Path
    script: str
    model: Path
    #: `stream`, `files`, `files_by_chunk`, or `paced`, which measure_streams.py runs by `begin`.
    measure: str


def plan(
    work: Path, size: str, lookahead: int, measure: str, peers: Sequence[str], fp32: bool
) -> list[PeerRun]:
    """The runs of a measurement in their order; environments and models are made if need be."""
    own = Path(sys.executable)
    runs = []
    for precision in ("int8", "fp32") if fp32 else ("int8",):
        model = models.for_nemocli(work, size, precision, lookahead)
        runs.append(PeerRun(f"nemocli {precision}", own, "run_nemocli.py", model, measure))
    if measure == "files":
        by_chunk = PeerRun("nemocli int8 by chunk", own, "run_nemocli.py", runs[0].model, BY_CHUNK)
        runs.insert(1, by_chunk)
    if "transformers" in peers:
        python, model = python_of(work, "transformers"), models.checkpoint(work, size)
        runs.append(PeerRun(REFERENCE, python, "run_transformers.py", model, measure))
    if "sherpa-onnx" in peers:
        python, model = python_of(work, "sherpa-onnx"), models.for_sherpa(work, size, lookahead)
        runs.append(PeerRun("sherpa-onnx int8", python, "run_sherpa.py", model, measure))
    return runs


BY_CHUNK = "files_by_chunk"

#: The run whose tokens the others are compared with.
REFERENCE = "transformers fp32"


def do(run: PeerRun, wavs: Sequence[Path], warm_up: Path, lookahead: int, threads: int) -> Result:
    """Run it once; a result with the one key `error` if it failed."""
    job = {
        "measure": run.measure,
        "model": str(run.model),
        "wavs": [str(wav) for wav in wavs],
        "warm_up": str(warm_up),
        "lookahead": lookahead,
        "threads": threads,
    }
    script = Path(__file__).parent / run.script
    done = subprocess.run(
        [run.python, script],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        env=models.environment(),
    )
    if done.returncode:
        reason = (done.stderr.strip() or f"code {done.returncode}").splitlines()[-1]
        print(f"{run.name} failed: {done.stderr[-2000:]}", file=sys.stderr)
        return {"error": f"{reason} (code {done.returncode})"}
    result: Result = json.loads(done.stdout.splitlines()[-1])
    return result


def begin(
    run: PeerRun, wav: Path, lookahead: int, threads: int, streams: int
) -> "subprocess.Popen[str]":
    """Begin a process that loads its model for so many streams at the pace of real time."""
    job = {
        "measure": "paced",
        "model": str(run.model),
        "wavs": [str(wav)],
        "lookahead": lookahead,
        "threads": threads,
        "streams": streams,
    }
    process = subprocess.Popen(
        [run.python, Path(__file__).parent / run.script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=models.environment(),
    )
    _write(process, job)
    return process


def wait_until_ready(process: "subprocess.Popen[str]") -> bool:
    """Wait until its model is loaded and warm; False if it failed, as its stderr says."""
    assert process.stdout is not None
    return any(line.strip() == "ready" for line in process.stdout)


def go(process: "subprocess.Popen[str]", moments: Sequence[float]) -> None:
    """Let its streams begin at these moments of time.monotonic()."""
    _write(process, moments)


def finish(process: "subprocess.Popen[str]") -> Result | None:
    """Wait for its result; None if it failed."""
    output, _ = process.communicate()
    if process.returncode:
        return None
    result: Result = json.loads(output.splitlines()[-1])
    return result


def _write(process: "subprocess.Popen[str]", value: Any) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(value) + "\n")
    process.stdin.flush()


def read_memory(size: int, threads: int) -> list[float]:
    """Seconds of several readings of so many bytes; see memory_read.py."""
    script = Path(__file__).with_name("memory_read.py")
    command = [sys.executable, str(script), str(size), str(threads)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    times: list[float] = json.loads(done.stdout)
    return times
