"""One model folder, tried once in a process of its own: its tokens, and the time it takes."""

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from nemocli.engine.session import Session

#: Seconds after which a trial is given up: a cold compile for a Neural Engine may take minutes.
TIME_LIMIT = 1800.0


@dataclass(frozen=True)
class Setting:
    """What is tried: a model folder, or a checkpoint run by numpy."""

    folder: Path
    runtime: str
    precision: str
    #: None where a runtime has no choice.
    compute_units: str | None
    lookahead: int


@dataclass(frozen=True)
class Measured:
    """What one trial found; times in seconds."""

    tokens: list[int]
    load: float
    #: For each chunk of sound.
    chunks: list[float]
    seconds_of_sound: float

    @property
    def real_time_factor(self) -> float:
        return sum(self.chunks) / self.seconds_of_sound


def try_setting(setting: Setting, sound: NDArray[np.float32]) -> Measured:
    """Load and run it in a new process, which a crash or a hang of native code cannot outlive.

    Raises what loading or running raised there, and TrialError if the process died.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        running = pool.submit(_measure, setting, sound)
        try:
            return running.result(timeout=TIME_LIMIT)
        except BrokenProcessPool:
            raise TrialError("it ended the process that ran it") from None
        except TimeoutError:
            for process in multiprocessing.active_children():
                process.kill()
            raise TrialError(f"it was not done after {TIME_LIMIT:.0f} s") from None


class TrialError(Exception):
    """The process of a trial ended without a result."""


def _measure(setting: Setting, sound: NDArray[np.float32]) -> Measured:
    import nemocli

    began = time.perf_counter()
    transcriber = nemocli.load(
        setting.folder,
        runtime="numpy" if setting.runtime == "numpy" else "auto",
        lookahead=setting.lookahead,
        compute_units=setting.compute_units,
    )
    load = time.perf_counter() - began
    # The first chunks find cold caches, and graphs for the end of a stream load when it comes.
    _run(transcriber.session, sound[: 16000 * 2], setting.lookahead)
    tokens, chunks = _run(transcriber.session, sound, setting.lookahead)
    return Measured(tokens, load, chunks, len(sound) / 16000)


def _run(
    session: Callable[[], "Session"], sound: NDArray[np.float32], lookahead: int
) -> tuple[list[int], list[float]]:
    stream = session()
    packet = 1280 * (lookahead + 1)  # samples of one chunk
    chunks = []
    for start in range(0, len(sound), packet):
        began = time.perf_counter()
        stream.feed(sound[start : start + packet])
        chunks.append(time.perf_counter() - began)
    return [token.id for token in stream.finish().tokens], chunks
