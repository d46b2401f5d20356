"""Every variant of a model that could be the fastest here, tried in a process of its own.

A variant competes only with exact tokens: those that numpy computes from the checkpoint.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nemocli.bench.conversion import count_agreeing
from nemocli.bench.os_metrics import EnergyCounter, measure_peak_memory
from nemocli.bench.reference import Reference
from nemocli.bench.run_config import RunConfig, run_packets
from nemocli.bench.speed import count_chunks_per_call
from nemocli.bench.subprocess_run import SubprocessError, run_in_subprocess
from nemocli.errors import NemocliError, UnsupportedError
from nemocli.models.measured_choices import Variant
from nemocli.units import SAMPLE_RATE

if TYPE_CHECKING:
    from nemocli.transcriber import Transcriber

#: Chunks that are timed at least, so that the slowest of a hundred says something.
MIN_CHUNKS = 100

#: Times that the sound is transcribed in blocks, the first not counted.
BLOCK_PASSES = 3

#: Times that each variant is run, in turn with the others.
ROUNDS = 2

#: Variants whose times differ by less than this fraction count as equally fast.
TOLERANCE = 0.05


@dataclass(frozen=True)
class Trial:
    """What came of one variant. Times and counts are None if it did not run."""

    runtime: str
    precision: str
    #: None where the runtime has no choice.
    compute_units: str | None
    #: `same`, `differs`, `failed`, or `not here` for what this machine cannot run.
    verdict: str
    message: str = ""
    #: Tokens of the reference, and how many the variant gave in the same order: chunk by chunk,
    #: and in blocks of chunks.
    tokens: int | None = None
    agreeing: int | None = None
    agreeing_in_blocks: int | None = None
    #: Whether the tokens are those of the reference, chunk by chunk and in blocks.
    is_exact: bool = False
    is_exact_in_blocks: bool = False
    #: Milliseconds for a chunk of a stream, and for each chunk of a block.
    chunk_ms_p50: float | None = None
    chunk_ms_p99: float | None = None
    block_chunk_ms: float | None = None
    load_seconds: float | None = None
    peak_memory_mb: float | None = None
    #: Energy of the processor's packages for a second of sound; None where it cannot be read.
    joules_per_second: float | None = None
    #: How arrays go in and out; None for the runtime's default.
    transfer: str | None = None

    @property
    def variant(self) -> Variant:
        return Variant(self.runtime, self.precision, self.compute_units, self.transfer)


@dataclass(frozen=True)
class Measured:
    """What a process measured. Times are in seconds."""

    tokens: list[int]
    tokens_in_blocks: list[int]
    load: float
    #: For each chunk of the stream.
    chunks: list[float]
    #: For each chunk of the blocks.
    block_chunk: float
    peak_memory: int
    joules: float | None
    #: Seconds of sound that took these joules.
    seconds: float


def try_variants(
    configs: Sequence[RunConfig],
    reference: Reference,
    progress: Callable[[str, int, int], None],
) -> list[Trial]:
    """Run each variant ROUNDS times, in turn, each time in a process of its own.

    A trial has the shorter times of these: what else the machine did makes them only longer.
    `progress` is called before each with its name, its number from 1, and the number of all.
    """
    numbers, total = count(1), ROUNDS * len(configs)
    trials: list[Trial] = []
    for number in range(ROUNDS):
        for index, config in enumerate(configs):
            progress(str(config), next(numbers), total)
            if not number:
                trials.append(_try(config, reference))
            elif trials[index].tokens is not None:
                trials[index] = _merge(trials[index], _try(config, reference))
    return trials


def _merge(earlier: Trial, later: Trial) -> Trial:
    """Return the result of two runs: the worse verdict and tokens, the shorter times."""
    if later.tokens is None:
        return later
    worse = min(
        *(earlier, later), key=lambda one: (one.is_exact, one.is_exact_in_blocks, one.agreeing or 0)
    )
    times = ("chunk_ms_p50", "chunk_ms_p99", "block_chunk_ms", "load_seconds", "joules_per_second")
    pairs = {name: (getattr(earlier, name), getattr(later, name)) for name in times}
    shorter: dict[str, Any] = {
        name: None if None in pair else min(pair) for name, pair in pairs.items()
    }
    return replace(worse, **shorter)


def _try(config: RunConfig, reference: Reference) -> Trial:
    trial = Trial(
        *(config.runtime, config.precision, config.compute_units, "failed"),
        transfer=config.transfer,
    )
    try:
        measured = run_in_subprocess(measure_variant, config, reference.sound)
    except UnsupportedError as error:
        return replace(trial, verdict="not here", message=str(error))
    except (NemocliError, SubprocessError, OSError) as error:
        return replace(trial, message=str(error))
    expected = reference.tokens[config.lookahead]
    is_exact = measured.tokens == expected
    in_blocks = measured.tokens_in_blocks == expected
    milliseconds = [1e3 * seconds for seconds in measured.chunks]
    joules = measured.joules
    return replace(
        trial,
        verdict="same" if is_exact and in_blocks else "differs",
        tokens=len(expected),
        agreeing=count_agreeing(measured.tokens, expected),
        agreeing_in_blocks=count_agreeing(measured.tokens_in_blocks, expected),
        is_exact=is_exact,
        is_exact_in_blocks=in_blocks,
        chunk_ms_p50=round(float(np.percentile(milliseconds, 50)), 3),
        chunk_ms_p99=round(float(np.percentile(milliseconds, 99)), 3),
        block_chunk_ms=round(1e3 * measured.block_chunk, 3),
        load_seconds=round(measured.load, 3),
        peak_memory_mb=round(measured.peak_memory / 1e6, 1),
        joules_per_second=None if joules is None else round(joules / measured.seconds, 3),
    )


def measure_variant(config: RunConfig, sound: NDArray[np.float32]) -> Measured:
    """Measure a variant; to be called in a process of its own."""
    began = time.perf_counter()
    transcriber = config.load()
    load = time.perf_counter() - began
    session, samples = transcriber.session, config.chunk_samples
    run_packets(session, sound[: SAMPLE_RATE * 2], samples)  # the first calls find cold caches
    counter = EnergyCounter.find()
    before = counter.read() if counter else []
    tokens, chunks = run_packets(session, sound, samples)
    seconds = len(sound) / SAMPLE_RATE
    while len(chunks) < MIN_CHUNKS:
        again, more = run_packets(session, sound, samples)
        chunks, seconds = chunks + more, seconds + len(sound) / SAMPLE_RATE
        if again != tokens:
            raise NemocliError("It gives other tokens for the same sound.")
    joules = counter.count_joules_since(before) if counter else None
    in_blocks, block_chunk = _measure_blocks(transcriber, config, sound)
    return Measured(
        tokens, in_blocks, load, chunks, block_chunk, measure_peak_memory(), joules, seconds
    )


def _measure_blocks(
    transcriber: "Transcriber", config: RunConfig, sound: NDArray[np.float32]
) -> tuple[list[int], float]:
    """Return the tokens of the sound in blocks, and the seconds for a chunk of it."""
    samples = config.chunk_samples * count_chunks_per_call(config.lookahead)
    chunks = len(sound) / config.chunk_samples
    tokens: list[int] = []
    passes = []
    for _ in range(BLOCK_PASSES):
        began = time.perf_counter()
        tokens, _ = run_packets(transcriber.session, sound, samples)
        passes.append(time.perf_counter() - began)
    return tokens, median(passes[1:]) / chunks


def rank_for_live(trials: Sequence[Trial]) -> tuple[Variant, ...]:
    """Return the variants with exact tokens, by the median time of a chunk of a stream.

    Among those that are equally fast, the one with the shorter slowest chunks goes first.
    """
    exact = [one for one in trials if one.is_exact]
    return _rank(exact, lambda one: one.chunk_ms_p50, lambda one: one.chunk_ms_p99)


def rank_for_files(trials: Sequence[Trial]) -> tuple[Variant, ...]:
    """Return the variants whose tokens are exact in blocks too, by the time of a chunk in blocks.

    Among those that are equally fast, the one that takes less memory goes first.
    """
    exact = [one for one in trials if one.is_exact and one.is_exact_in_blocks]
    return _rank(exact, lambda one: one.block_chunk_ms, lambda one: one.peak_memory_mb)


def _rank(
    trials: Sequence[Trial],
    time_of: Callable[[Trial], float | None],
    second: Callable[[Trial], float | None],
) -> tuple[Variant, ...]:
    """Sort by time, in steps of TOLERANCE above the shortest, and then by the second value."""
    if not trials:
        return ()
    shortest = min(time_of(one) or 0.0 for one in trials) or 1e-9

    def key(one: Trial) -> tuple[int, float]:
        return int(((time_of(one) or 0.0) / shortest - 1) / TOLERANCE), second(one) or 0.0

    return tuple(one.variant for one in sorted(trials, key=key))
