"""What is measured in a process of its own: loading a model, and hearing sounds in one way.

Nothing is imported here before the loading is timed. What is timed is the session's calls alone;
decoding the sound file is not, except where many files are transcribed together. Calls follow one
another without a pause: in a live stream the processor rests between them, and may be slower.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from nemocli.bench.os_metrics import EnergyCounter, peak_memory
from nemocli.bench.run_config import RunConfig
from nemocli.units import SAMPLE_RATE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nemocli.transcriber import Transcriber

#: Encoder frames of a call for blocks: as many as a session encodes at once.
MAX_BLOCK_FRAMES = 128

#: Calls of `feed` that come before what is measured: the first ones find cold caches.
WARM_UP = 2


@dataclass
class PassTimes:
    """Sounds heard once, in one way. Times in seconds."""

    #: 0 for many files together, where that changes from call to call.
    chunks_per_call: int
    #: Sound that was heard, and the time that all calls took: their ratio is the RTF.
    sound: float = 0.0
    computing: float = 0.0
    #: For each call of `feed` that encoded all its chunks: its time for one chunk. Calls that
    #: encoded fewer, at the end of a sound, count in `computing` alone.
    chunks: list[float] = field(default_factory=list)
    #: For each sound with tokens in it: from the call of `feed` with the last samples of the chunk
    #: that gave the first token, to the return with that token. (Or of `finish`.)
    first_token: list[float] = field(default_factory=list)
    #: For each sound: from the call of `finish` to the whole transcript.
    end_of_speech: list[float] = field(default_factory=list)
    #: Of the processor's packages, whatever else ran; None where the system does not tell.
    joules: float | None = None

    @property
    def real_time_factor(self) -> float | None:
        """None for sounds of no length."""
        return self.computing / self.sound if self.sound else None


@dataclass(frozen=True)
class ProcessRun:
    """One process: what loading took, what was heard in it, and the memory it held at most."""

    #: Seconds from nothing imported to a model that is ready.
    load: float
    peak_memory: int
    heard: list[PassTimes]


def chunks_of_a_block(lookahead: int) -> int:
    """Chunks that a session encodes in one call at most."""
    return max(1, MAX_BLOCK_FRAMES // (lookahead + 1))


def run_sessions(config: RunConfig, sounds: Sequence[Path], calls: Sequence[int]) -> ProcessRun:
    """Load the model and hear the sounds once for each number of chunks in a call of `feed`.

    Called in a process of its own. Raises as loading and decoding do.
    """
    transcriber, load = _load(config)
    heard = []
    for chunks_per_call in calls:
        samples = config.chunk_samples * chunks_per_call
        _warm_up(transcriber, sounds[0], samples)
        counter = EnergyCounter.find()
        before = counter.read() if counter else []
        result = PassTimes(chunks_per_call)
        for path in sounds:
            _hear(transcriber, _packets(path, samples), result)
        if counter:
            result.joules = counter.joules_since(before)
        heard.append(result)
    return ProcessRun(load, peak_memory(), heard)


def run_many(config: RunConfig, sounds: Sequence[Path], copies: int) -> ProcessRun:
    """Load the model and transcribe all sounds, so many times each, together; decoding included."""
    transcriber, load = _load(config)
    list(transcriber.transcribe_many(sounds[:1]))  # warms up
    counter = EnergyCounter.find()
    before = counter.read() if counter else []
    result = PassTimes(0)
    began = time.perf_counter()
    outcomes = list(transcriber.transcribe_many([*sounds] * copies))
    result.computing = time.perf_counter() - began
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error
        assert outcome.transcript is not None
        result.sound += outcome.transcript.duration
    if counter:
        result.joules = counter.joules_since(before)
    return ProcessRun(load, peak_memory(), [result])


def _load(config: RunConfig) -> "tuple[Transcriber, float]":
    began = time.perf_counter()
    transcriber = config.load()
    return transcriber, time.perf_counter() - began


def _warm_up(transcriber: "Transcriber", path: Path, samples: int) -> None:
    session = transcriber.session()
    for _, packet in zip(range(WARM_UP), _packets(path, samples), strict=False):
        session.feed(packet)
    session.finish()


def _hear(
    transcriber: "Transcriber", packets: "Iterator[NDArray[np.float32]]", result: PassTimes
) -> None:
    """One sound through a session, its calls added to `result`."""
    session = transcriber.session()
    frames_per_call = result.chunks_per_call * (transcriber.lookahead + 1)
    spoke = False
    for packet in packets:
        frames = session.frames
        began = time.perf_counter()
        session.feed(packet)
        taken = time.perf_counter() - began
        result.sound += len(packet) / SAMPLE_RATE
        result.computing += taken
        if session.frames - frames == frames_per_call:
            result.chunks.append(taken / result.chunks_per_call)
        if not spoke and session.last_token_frame is not None:
            spoke = True
            result.first_token.append(taken)
    began = time.perf_counter()
    session.finish()
    taken = time.perf_counter() - began
    result.computing += taken
    result.end_of_speech.append(taken)
    if not spoke and session.last_token_frame is not None:
        result.first_token.append(taken)


def _packets(path: Path, samples: int) -> "Iterator[NDArray[np.float32]]":
    """The sound in packets of so many samples, the last one of what is left."""
    from nemocli.audio import open_sound

    with open_sound(path, packet_seconds=samples / SAMPLE_RATE) as sound:
        yield from sound
