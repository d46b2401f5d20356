"""What the processes that run a peer have in common: a job comes in, a result goes out.

A job is one JSON object on a line of stdin, the result one JSON object on the last line of stdout.
Each job has a process of its own, in the peer's own virtual environment: nothing here may need more
than numpy.
"""

import json
import sys
import time
import wave
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

#: Imports of the peer's libraries count as a part of loading it.
STARTED = time.perf_counter()

RATE = 16000

#: Seconds of a sound that is heard before anything is measured.
WARM_UP = 3.0

#: Samples of a packet at the pace of real time: 50 ms.
PACKET = RATE // 20

Samples = NDArray[np.float32]


class Pace:
    """A stream that began at a moment of time.monotonic(); it comes in packets.

    A chunk is complete when the packet with its last sample has come in whole. Its lag is the time
    from that moment to its result, however late the recognizer took the sound.
    """

    def __init__(self, began: float) -> None:
        self._began = began
        #: For each chunk, when it was complete, and its lag in seconds.
        self.lags: list[tuple[float, float]] = []

    def due(self, samples: int) -> float:
        """Return when the stream's first `samples` samples have come."""
        return self._began + -(-samples // PACKET) * PACKET / RATE

    def wait(self, samples: int) -> None:
        """Wait until they have come."""
        time.sleep(max(0.0, self.due(samples) - time.monotonic()))

    def record(self, samples: int) -> None:
        """Note that the chunk that is complete with these samples has its result now."""
        due = self.due(samples)
        self.lags.append((due, time.monotonic() - due))


class Peer(Protocol):
    """A speech recognizer with the model loaded. Tokens are numbers of the vocabulary."""

    #: Names and versions of the libraries that do the work.
    libraries: tuple[str, ...]

    def stream(self, samples: Samples) -> tuple[list[float], list[int]]:
        """Hear samples [n] in packets of a chunk: seconds that each chunk took, and the tokens."""

    def paced(self, samples: Samples, paces: list[Pace]) -> None:
        """Transcribe a stream of the samples [n] for each pace, and record its chunks there."""

    def files(self, paths: list[str]) -> list[list[int]]:
        """Transcribe sound files in the way meant for that: the tokens of each."""

    def files_by_chunk(self, paths: list[str]) -> list[list[int]]:
        """Transcribe sound files one after the other, chunk by chunk: the tokens of each."""
        return [self.stream(read_wav(path))[1] for path in paths]


def serve(load: Callable[[str, int, int], Peer]) -> None:
    """Do the job on stdin with the peer that `load(model, lookahead, threads)` makes."""
    job = json.loads(sys.stdin.readline())
    peer = load(job["model"], job["lookahead"], job["threads"])
    result = {"load": time.perf_counter() - STARTED}
    if job["measure"] == "stream":
        samples = read_wav(job["wavs"][0])
        peer.stream(samples[: round(WARM_UP * RATE)])
        result["chunks"], tokens = peer.stream(samples)
        result["tokens"] = [tokens]
    elif job["measure"] == "paced":
        result["lags"] = _wait_and_pace(peer, job)
    else:
        transcribe = getattr(peer, job["measure"])
        transcribe([job["warm_up"]])
        began = time.perf_counter()
        result["tokens"] = transcribe(job["wavs"])
        result["seconds"] = time.perf_counter() - began
    result["peak"] = peak_memory()
    result["versions"] = {name: metadata.version(name) for name in peer.libraries}
    print("\n" + json.dumps(result))


def _wait_and_pace(peer: Peer, job: dict[str, Any]) -> list[list[tuple[float, float]]]:
    """Say "ready", and begin at the moments on the next line of stdin; return the lags."""
    samples = read_wav(job["wavs"][0])
    past = time.monotonic() - 1000  # all of it is there
    peer.paced(samples[: round(WARM_UP * RATE)], [Pace(past) for _ in range(job["streams"])])
    print("\nready", flush=True)
    paces = [Pace(began) for began in json.loads(sys.stdin.readline())]
    peer.paced(samples, paces)
    return [pace.lags for pace in paces]


def read_wav(path: str) -> Samples:
    """Samples [n] from -1 to 1 of a 16-bit mono file."""
    with wave.open(path) as file:
        data = file.readframes(file.getnframes())
    return np.frombuffer(data, "<i2").astype(np.float32) / 32768


def packets(samples: Samples, lookahead: int) -> list[Samples]:
    """The samples cut into pieces as long as a chunk of the lookahead: 80 ms a frame."""
    size = (lookahead + 1) * RATE * 80 // 1000
    return [samples[start : start + size] for start in range(0, len(samples), size)]


def peak_memory() -> int:
    """The most bytes of memory this process had resident, its libraries and mapped files too."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
