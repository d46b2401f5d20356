"""Measurements made in a process of their own: loading a model, and transcribing sounds.

Nothing heavy is imported here before the loading is timed. Only the session's calls are timed;
decoding is not, except where many files are transcribed together. Calls follow each other without
a pause: in a live stream the processor rests between them, and may be slower.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from nemocli.bench.os_metrics import EnergyCounter, measure_peak_memory
from nemocli.bench.run_config import RunConfig
from nemocli.units import SAMPLE_RATE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nemocli.transcriber import Transcriber

#: Calls of `feed` before the measurement: the first ones find cold caches.
WARM_UP_CALLS = 2


@dataclass
class PassTimes:
    """Times of one pass over all sounds, in seconds."""

    #: 0 for many files together, where it differs from call to call.
    chunks_per_call: int
    #: Length of the sounds.
    sound: float = 0.0
    #: Time of all calls; computing / sound is the RTF.
    computing: float = 0.0
    #: Time per chunk, for each call of `feed` that encoded `chunks_per_call` chunks. Calls that
    #: encoded fewer, at the end of a sound, count in `computing` alone.
    chunks: list[float] = field(default_factory=list)
    #: Time of the call, `feed` or `finish`, that gave the first token, for each sound with tokens.
    first_token: list[float] = field(default_factory=list)
    #: Time of `finish`, which returns the whole transcript, for each sound.
    end_of_speech: list[float] = field(default_factory=list)
    #: Energy of the processor's packages, whatever else ran; None where it cannot be read.
    joules: float | None = None

    @property
    def real_time_factor(self) -> float | None:
        """Computing time per second of sound; None without sound."""
        return self.computing / self.sound if self.sound else None


@dataclass(frozen=True)
class ProcessRun:
    """Measurements of one process."""

    #: Seconds to load the model, imports included.
    load: float
    #: Bytes.
    peak_memory: int
    #: One for each pass over the sounds.
    heard: list[PassTimes]


def run_sessions(
    config: RunConfig, sounds: Sequence[Path], chunks_per_calls: Sequence[int]
) -> ProcessRun:
    """Load the model and transcribe the sounds once for each number of chunks per call of `feed`.

    To be called in a process of its own. Raises what loading and decoding raise.
    """
    transcriber, load = _load(config)
    passes = []
    for chunks_per_call in chunks_per_calls:
        samples = config.chunk_samples * chunks_per_call
        _warm_up(transcriber, sounds[0], samples)
        counter = EnergyCounter.find()
        before = counter.read() if counter else []
        result = PassTimes(chunks_per_call)
        for path in sounds:
            _transcribe(transcriber, _read_packets(path, samples), result)
        if counter:
            result.joules = counter.count_joules_since(before)
        passes.append(result)
    return ProcessRun(load, measure_peak_memory(), passes)


def run_many(config: RunConfig, sounds: Sequence[Path], copies: int) -> ProcessRun:
    """Load the model and transcribe `copies` times all sounds together, decoding included.

    To be called in a process of its own. Raises what loading and decoding raise.
    """
    transcriber, load = _load(config)
    list(transcriber.transcribe_many(sounds[:1]))  # warms up
    counter = EnergyCounter.find()
    before = counter.read() if counter else []
    result = PassTimes(0)
    began = time.perf_counter()
    file_results = list(transcriber.transcribe_many([*sounds] * copies))
    result.computing = time.perf_counter() - began
    for file_result in file_results:
        if file_result.error is not None:
            raise file_result.error
        assert file_result.transcript is not None
        result.sound += file_result.transcript.duration
    if counter:
        result.joules = counter.count_joules_since(before)
    return ProcessRun(load, measure_peak_memory(), [result])


def _load(config: RunConfig) -> "tuple[Transcriber, float]":
    began = time.perf_counter()
    transcriber = config.load()
    return transcriber, time.perf_counter() - began


def _warm_up(transcriber: "Transcriber", path: Path, samples: int) -> None:
    session = transcriber.session()
    for _, packet in zip(range(WARM_UP_CALLS), _read_packets(path, samples), strict=False):
        session.feed(packet)
    session.finish()


def _transcribe(
    transcriber: "Transcriber", packets: "Iterator[NDArray[np.float32]]", result: PassTimes
) -> None:
    """Transcribe one sound in a session, and add the times of its calls to `result`."""
    session = transcriber.session()
    frames_per_call = result.chunks_per_call * (transcriber.lookahead + 1)
    has_token = False
    for packet in packets:
        frames = session.frames
        began = time.perf_counter()
        session.feed(packet)
        taken = time.perf_counter() - began
        result.sound += len(packet) / SAMPLE_RATE
        result.computing += taken
        if session.frames - frames == frames_per_call:
            result.chunks.append(taken / result.chunks_per_call)
        if not has_token and session.last_token_frame is not None:
            has_token = True
            result.first_token.append(taken)
    began = time.perf_counter()
    session.finish()
    taken = time.perf_counter() - began
    result.computing += taken
    result.end_of_speech.append(taken)
    if not has_token and session.last_token_frame is not None:
        result.first_token.append(taken)


def _read_packets(path: Path, samples: int) -> "Iterator[NDArray[np.float32]]":
    """Read the sound in packets of `samples` samples; the last one may be shorter."""
    from nemocli.audio.sound import open_sound

    with open_sound(path, packet_seconds=samples / SAMPLE_RATE) as sound:
        yield from sound
