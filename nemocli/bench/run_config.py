"""One variant of a model to run: how it is loaded, and a run that returns tokens and times."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nemocli.bench.subprocess_run import run_in_subprocess
from nemocli.units import SAMPLE_RATE

# The time of loading includes the imports, so nothing heavy may be imported here before.
if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nemocli.engine.session import Session
    from nemocli.models.resolve import ResolvedModel
    from nemocli.transcriber import Transcriber

#: Samples of an encoder frame of 80 ms.
FRAME_SAMPLES = 1280


def describe_variant(
    runtime: str,
    precision: str,
    compute_units: str | None,
    lookahead: int | None,
    transfer: str | None = None,
) -> str:
    """Return a variant's name, such as `onnx int8 on cpu, lookahead 3`."""
    units = f" on {compute_units}" if compute_units else ""
    arrays = f", {transfer}" if transfer else ""
    frames = "" if lookahead is None else f", lookahead {lookahead}"
    return f"{runtime} {precision}{units}{arrays}{frames}"


@dataclass(frozen=True)
class RunConfig:
    """A model and how to run it, as plain data that is sent to another process."""

    #: A model folder, or a checkpoint for a runtime that needs no conversion.
    path: Path
    runtime: str
    precision: str
    #: None where the runtime has no choice.
    compute_units: str | None
    lookahead: int
    #: How arrays go in and out; None for the runtime's default.
    transfer: str | None = None

    @classmethod
    def of(cls, model: "ResolvedModel") -> "RunConfig":
        """Make one for a model that needs no conversion."""
        return cls(
            *(model.path, model.runtime, model.precision, model.compute_units, model.lookahead),
            model.transfer,
        )

    def __str__(self) -> str:
        return describe_variant(
            self.runtime, self.precision, self.compute_units, self.lookahead, self.transfer
        )

    @property
    def chunk_samples(self) -> int:
        """Samples of a chunk at 16 kHz."""
        return FRAME_SAMPLES * (self.lookahead + 1)

    @property
    def chunk_seconds(self) -> float:
        """Seconds of a chunk."""
        return self.chunk_samples / SAMPLE_RATE

    def load(self) -> "Transcriber":
        """Load the model in this process, with all imports that this needs."""
        from nemocli.models.spec import ModelSpec
        from nemocli.transcriber import load_transcriber

        return load_transcriber(
            ModelSpec(
                *(self.path, self.runtime, self.precision, self.lookahead, self.compute_units),
                transfer=self.transfer,
                untrained_lookahead=True,  # whether it may be one was decided before
            )
        )


@dataclass(frozen=True)
class RunResult:
    """Tokens and times of one run; times in seconds."""

    tokens: list[int]
    load: float
    #: Computing time of each chunk.
    chunks: list[float]
    seconds_of_sound: float

    @property
    def real_time_factor(self) -> float:
        """Computing time per second of sound."""
        return sum(self.chunks) / self.seconds_of_sound


def run_config(config: RunConfig, sound: "NDArray[np.float32]") -> RunResult:
    """Load and run a model in a new process, so that native code may crash or hang there.

    Raises what loading or running raised there, and SubprocessError if the process died.
    """
    return run_in_subprocess(_measure, config, sound)


def _measure(config: RunConfig, sound: "NDArray[np.float32]") -> RunResult:
    began = time.perf_counter()
    transcriber = config.load()
    load = time.perf_counter() - began
    # A short run first: it fills caches, and loads the graphs for the end of a stream.
    run_packets(transcriber.session, sound[: SAMPLE_RATE * 2], config.chunk_samples)
    tokens, chunks = run_packets(transcriber.session, sound, config.chunk_samples)
    return RunResult(tokens, load, chunks, len(sound) / SAMPLE_RATE)


def run_packets(
    make_session: Callable[[], "Session"], sound: "NDArray[np.float32]", packet_samples: int
) -> tuple[list[int], list[float]]:
    """Transcribe a sound; return its token ids, and the seconds of each call of `feed`."""
    session = make_session()
    chunks = []
    for start in range(0, len(sound), packet_samples):
        began = time.perf_counter()
        session.feed(sound[start : start + packet_samples])
        chunks.append(time.perf_counter() - began)
    return [token.id for token in session.finish().tokens], chunks
