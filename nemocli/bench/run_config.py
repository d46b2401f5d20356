"""One model in one variant: what loads it, and a trial of its tokens and its time."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nemocli.bench.subprocess_run import run_in_subprocess
from nemocli.units import SAMPLE_RATE

# Loading is timed from nothing imported, in a process that imports this: all else comes with it.
if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nemocli.engine.session import Session
    from nemocli.models.resolve import ResolvedModel
    from nemocli.transcriber import Transcriber

#: Samples of an encoder frame of 80 ms.
FRAME_SAMPLES = 1280


def describe_variant(
    runtime: str, precision: str, compute_units: str | None, lookahead: int | None
) -> str:
    """Such as `onnx int8 on cpu, lookahead 3`."""
    units = f" on {compute_units}" if compute_units else ""
    frames = "" if lookahead is None else f", lookahead {lookahead}"
    return f"{runtime} {precision}{units}{frames}"


@dataclass(frozen=True)
class RunConfig:
    """What is run: plain data, so that a process that loads it has imported nothing before."""

    #: The model folder, or the checkpoint of a runtime that opens it as it is.
    path: Path
    runtime: str
    precision: str
    #: None where a runtime has no choice.
    compute_units: str | None
    lookahead: int

    @classmethod
    def of(cls, model: "ResolvedModel") -> "RunConfig":
        """How to run a model that needs no conversion any more."""
        return cls(model.path, model.runtime, model.precision, model.compute_units, model.lookahead)

    def __str__(self) -> str:
        return describe_variant(self.runtime, self.precision, self.compute_units, self.lookahead)

    @property
    def chunk_samples(self) -> int:
        """Samples of a chunk at 16 kHz."""
        return FRAME_SAMPLES * (self.lookahead + 1)

    @property
    def chunk_seconds(self) -> float:
        return self.chunk_samples / SAMPLE_RATE

    def load(self) -> "Transcriber":
        """Load it in this process, importing what that takes."""
        import nemocli

        return nemocli.load(
            self.path,
            runtime=self.runtime,
            precision=self.precision,
            lookahead=self.lookahead,
            compute_units=self.compute_units,
        )


@dataclass(frozen=True)
class RunResult:
    """What one trial found; times in seconds."""

    tokens: list[int]
    load: float
    #: For each chunk of sound.
    chunks: list[float]
    seconds_of_sound: float

    @property
    def real_time_factor(self) -> float:
        return sum(self.chunks) / self.seconds_of_sound


def run_config(config: RunConfig, sound: "NDArray[np.float32]") -> RunResult:
    """Load and run it in a new process, which a crash or a hang of native code cannot outlive.

    Raises what loading or running raised there, and TrialError if the process died.
    """
    return run_in_subprocess(_measure, config, sound)


def _measure(config: RunConfig, sound: "NDArray[np.float32]") -> RunResult:
    began = time.perf_counter()
    transcriber = config.load()
    load = time.perf_counter() - began
    # The first chunks find cold caches, and graphs for the end of a stream load when it comes.
    _run(transcriber.session, sound[: SAMPLE_RATE * 2], config.chunk_samples)
    tokens, chunks = _run(transcriber.session, sound, config.chunk_samples)
    return RunResult(tokens, load, chunks, len(sound) / SAMPLE_RATE)


def _run(
    session: Callable[[], "Session"], sound: "NDArray[np.float32]", packet: int
) -> tuple[list[int], list[float]]:
    stream = session()
    chunks = []
    for start in range(0, len(sound), packet):
        began = time.perf_counter()
        stream.feed(sound[start : start + packet])
        chunks.append(time.perf_counter() - began)
    return [token.id for token in stream.finish().tokens], chunks
