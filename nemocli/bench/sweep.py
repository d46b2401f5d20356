"""Speed of every variant of a model that this machine can run, by lookahead and chunks per call."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from nemocli.bench.calibration import calibrate
from nemocli.bench.figures import compute_figures
from nemocli.bench.measure import run_sessions
from nemocli.bench.os_metrics import drop_cached_files
from nemocli.bench.report import BenchReport, ModelResult
from nemocli.bench.run_config import RunConfig
from nemocli.bench.speed import Progress, count_chunks_per_call
from nemocli.bench.subprocess_run import SubprocessError, run_in_subprocess
from nemocli.bench.variants import is_large, is_slow, list_compute_units, list_variants
from nemocli.errors import NemocliError, UnsupportedError, UsageError
from nemocli.models.find import FoundModel, find_model, refuse_diarizer_name
from nemocli.models.resolve import ResolvedModel, resolve
from nemocli.models.runtime_and_precision import choose_lookaheads, list_untrained
from nemocli.models.spec import ModelSpec
from nemocli.runtimes.kinds import AUTO_RUNTIME, check_runtime

#: Name of the way under which a sweep's runs are kept.
SWEEP = "sweep"


@dataclass(frozen=True)
class SweepChoice:
    """What a sweep is restricted to; None for no restriction."""

    runtime: str | None
    precision: str | None
    lookahead: int | None
    compute_units: str | None
    #: Whether the lookahead may be one that the model was not trained for.
    untrained_lookahead: bool = False


@dataclass(frozen=True)
class SweepPoint:
    """One variant with one number of chunks per call."""

    #: Runtime, precision and compute units.
    series: str
    lookahead: int
    chunks_per_call: int
    #: Longest time from a sound to its text: the sound of a call's chunks, and the call itself.
    latency_ms: float
    #: Seconds of sound that are transcribed per second.
    speed: float
    chunk_ms: float
    peak_memory_mb: float


def list_chunks_per_call(lookahead: int) -> list[int]:
    """Return the numbers of chunks per call to measure: powers of two, and the largest number."""
    most = count_chunks_per_call(lookahead)
    return [1 << n for n in range(most.bit_length()) if 1 << n < most] + [most]


def sweep_models(
    model: str, choice: SweepChoice, progress: Callable[[str], None], note: Callable[[str], None]
) -> list[ResolvedModel]:
    """Resolve and convert every chosen variant that this machine can run.

    `progress` is called with what is being converted, `note` with what is left out, and why.
    Raises UsageError if no variant is left, and what `resolve` raises.
    """
    check_runtime(choice.runtime or AUTO_RUNTIME)
    refuse_diarizer_name(model)
    found = find_model(model, choice.runtime or AUTO_RUNTIME, choice.precision)
    if found.is_converted:
        variants = [(found.manifest.kind, found.manifest.precision)]
    else:
        variants = list(_choose_variants(is_large(found.config), choice, note))
    wanted = None if choice.lookahead is None else [choice.lookahead]
    untrained = list_untrained(found.config, choice.untrained_lookahead and not found.is_converted)
    possible = list_untrained(found.config, not found.is_converted)
    lookaheads = choose_lookaheads(found.lookaheads, wanted, untrained, possible)
    models: list[ResolvedModel] = []
    for runtime, precision in variants:
        try:
            models += [
                resolve(spec, found).convert(progress)
                for spec in _list_specs(found, runtime, precision, lookaheads, choice)
            ]
        except UnsupportedError as error:
            if found.is_converted:
                raise
            note(f"{runtime} {precision} is left out: {error}")
    if not models:
        raise UsageError(
            "No variant of the model is left to run; leave out --runtime or --precision."
        )
    return models


def _choose_variants(
    large: bool, choice: SweepChoice, note: Callable[[str], None]
) -> Iterator[tuple[str, str]]:
    """Yield runtime and precision of each chosen variant.

    Slow runtimes are left out for a large model, unless the runtime was named.
    """
    for runtime, precision in list_variants():
        if choice.runtime not in (None, runtime) or choice.precision not in (None, precision):
            continue
        if choice.runtime is None and large and is_slow(runtime):
            note(f"{runtime} is left out: with so many weights it would take hours.")
        else:
            yield runtime, precision


def _list_specs(
    found: FoundModel,
    runtime: str,
    precision: str,
    lookaheads: Sequence[int],
    choice: SweepChoice,
) -> Iterator[ModelSpec]:
    units = (choice.compute_units,) if choice.compute_units else list_compute_units(runtime)
    runtime, precision = choice.runtime or runtime, choice.precision or precision
    for lookahead in lookaheads:
        for unit in units:
            yield ModelSpec(
                *(found.path, runtime, precision, lookahead, unit),
                untrained_lookahead=choice.untrained_lookahead,
            )


def measure_sweep(
    models: Sequence[ResolvedModel],
    sounds: Sequence[Path],
    repeats: int,
    report: BenchReport,
    progress: Progress,
) -> list[str]:
    """Measure each variant, in a new process for each repeat, and add it to the report.

    Variants that fail are left out of the report. Returns a sentence about each of them.
    """
    results: dict[RunConfig, ModelResult] = {}
    failed: dict[RunConfig, str] = {}
    numbers, total = count(1), repeats * (1 + len(models))
    for _ in range(repeats):
        progress("the machine itself", next(numbers), total)
        report.gauged.append(run_in_subprocess(calibrate))
        for model in models:
            config = RunConfig.of(model)
            progress(str(config), next(numbers), total)
            if config in failed:
                continue
            if config not in results:
                results[config] = ModelResult.of(model, drop_cached_files(model.path))
            result = results[config]
            try:
                run = run_in_subprocess(
                    run_sessions, config, sounds, list_chunks_per_call(config.lookahead)
                )
            except (NemocliError, SubprocessError, OSError) as error:
                failed[config] = f"{config} failed: {error}"
                continue
            if result.cold_load is None:
                result.cold_load = run.load
            result.ways.setdefault(SWEEP, []).append(run)
    report.results += [result for config, result in results.items() if config not in failed]
    return list(failed.values())


def compute_points(report: BenchReport) -> list[SweepPoint]:
    """Compute a point for each variant and number of chunks per call.

    There is none where the sounds were too short for a call of so many chunks.
    """
    found = []
    for result in report.results:
        for index, times in enumerate(result.ways[SWEEP][0].heard):
            figures = {
                figure.name: figure.value for figure in compute_figures(result, SWEEP, index)
            }
            chunk_ms, rtf, memory = figures["chunk, p50"], figures["RTF"], figures["peak memory"]
            if chunk_ms is None or rtf is None or memory is None:
                continue
            chunk_length_ms = 80 * (result.lookahead + 1)
            found.append(
                SweepPoint(
                    result.variant.partition(",")[0],
                    result.lookahead,
                    times.chunks_per_call,
                    times.chunks_per_call * (chunk_length_ms + chunk_ms),
                    1 / rtf,
                    chunk_ms,
                    memory,
                )
            )
    return found
