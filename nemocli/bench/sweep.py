"""Every variant of a model that this machine can run, at every lookahead and size of block."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from nemocli.bench.calibration import calibrate
from nemocli.bench.figures import figures
from nemocli.bench.measure import chunks_of_a_block, run_sessions
from nemocli.bench.os_metrics import forget_files
from nemocli.bench.report import BenchReport, ModelResult
from nemocli.bench.run_config import RunConfig
from nemocli.bench.speed import Step
from nemocli.bench.subprocess_run import TrialError, run_in_subprocess
from nemocli.bench.variants import compute_units, is_slow, list_variants
from nemocli.errors import NemocliError, UnsupportedError, UsageError
from nemocli.models.find import FoundModel, find_model
from nemocli.models.resolve import ResolvedModel, choose_lookahead, resolve
from nemocli.models.spec import ModelSpec
from nemocli.network.parameters import count_weights
from nemocli.runtimes.kinds import AUTO, check_runtime

#: The way under which a sweep's runs are kept.
SWEEP = "sweep"

#: Weights above which slow runtimes are left out: they would take hours.
LARGE = 50_000_000


@dataclass(frozen=True)
class SweepChoice:
    """What a sweep is restricted to; None for everything there is."""

    runtime: str | None
    precision: str | None
    lookahead: int | None
    compute_units: str | None


@dataclass(frozen=True)
class SweepPoint:
    """One variant with one number of chunks in a call."""

    #: Runtime, precision and compute units.
    series: str
    lookahead: int
    chunks_per_call: int
    #: The longest that sound waits for its text: until the call has all its chunks, and the call.
    latency_ms: float
    #: Seconds of sound that are heard in a second.
    speed: float
    chunk_ms: float
    peak_memory_mb: float


def calls_at(lookahead: int) -> list[int]:
    """Numbers of chunks in a call: powers of two, to as many as a session encodes at once."""
    most = chunks_of_a_block(lookahead)
    return [1 << n for n in range(most.bit_length()) if 1 << n < most] + [most]


def sweep_models(
    model: str, wanted: SweepChoice, progress: Callable[[str], None], note: Callable[[str], None]
) -> list[ResolvedModel]:
    """Resolve and convert every variant that is wanted and can be had.

    `progress` is called with what is being converted, `note` with what is left out, and why.
    Raises UsageError if that leaves nothing, and ModelError as `resolve`.
    """
    check_runtime(wanted.runtime or AUTO)
    found = find_model(model, wanted.runtime or AUTO, wanted.precision)
    if found.is_converted:
        config, known = found.manifest.config, found.manifest.lookaheads
        variants = [(found.manifest.kind, found.manifest.precision)]
    else:
        config = found.checkpoint.config
        known, variants = config.lookaheads, list(_variants(count_weights(config), wanted, note))
    lookaheads = sorted(known)
    if wanted.lookahead is not None:
        lookaheads = [choose_lookahead(config, known, wanted.lookahead)]
    models: list[ResolvedModel] = []
    for runtime, precision in variants:
        try:
            models += [
                resolve(spec, found).convert(progress)
                for spec in _specs(found, runtime, precision, lookaheads, wanted)
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


def _variants(
    weights: int, wanted: SweepChoice, note: Callable[[str], None]
) -> Iterator[tuple[str, str]]:
    """Runtime and precision of what is wanted, but for slow runtimes that nobody asked for."""
    for runtime, precision in list_variants():
        if wanted.runtime not in (None, runtime) or wanted.precision not in (None, precision):
            continue
        if wanted.runtime is None and weights > LARGE and is_slow(runtime):
            note(f"{runtime} is left out: with so many weights it would take hours.")
        else:
            yield runtime, precision


def _specs(
    found: FoundModel,
    runtime: str,
    precision: str,
    lookaheads: Sequence[int],
    wanted: SweepChoice,
) -> Iterator[ModelSpec]:
    units = (wanted.compute_units,) if wanted.compute_units else compute_units(runtime)
    runtime, precision = wanted.runtime or runtime, wanted.precision or precision
    for lookahead in lookaheads:
        for unit in units:
            yield ModelSpec(found.path, runtime, precision, lookahead, unit)


def measure_sweep(
    models: Sequence[ResolvedModel],
    sounds: Sequence[Path],
    repeats: int,
    report: BenchReport,
    step: Step,
) -> list[str]:
    """Measure each variant in a process of its own for each repeat, and add it to the report.

    A variant that fails is left out of the report; a sentence for each.
    """
    results: dict[RunConfig, ModelResult] = {}
    failed: dict[RunConfig, str] = {}
    steps, total = count(1), repeats * (1 + len(models))
    for _ in range(repeats):
        step("the machine itself", next(steps), total)
        report.gauged.append(run_in_subprocess(calibrate))
        for model in models:
            config = RunConfig.of(model)
            step(str(config), next(steps), total)
            if config in failed:
                continue
            if config not in results:
                results[config] = ModelResult.of(model, forget_files(model.path))
            result = results[config]
            try:
                run = run_in_subprocess(run_sessions, config, sounds, calls_at(config.lookahead))
            except (NemocliError, TrialError, OSError) as error:
                failed[config] = f"{config} failed: {error}"
                continue
            if result.cold_load is None:
                result.cold_load = run.load
            result.ways.setdefault(SWEEP, []).append(run)
    report.results += [result for config, result in results.items() if config not in failed]
    return list(failed.values())


def points(report: BenchReport) -> list[SweepPoint]:
    """A point for each variant and number of chunks in a call of which the sound had any."""
    found = []
    for result in report.results:
        for place, heard in enumerate(result.ways[SWEEP][0].heard):
            told = {figure.name: figure.value for figure in figures(result, SWEEP, place)}
            chunk_ms, rtf, memory = told["chunk, p50"], told["RTF"], told["peak memory"]
            if chunk_ms is None or rtf is None or memory is None:
                continue
            chunk_length = 80 * (result.lookahead + 1)
            found.append(
                SweepPoint(
                    result.variant.partition(",")[0],
                    result.lookahead,
                    heard.chunks_per_call,
                    heard.chunks_per_call * (chunk_length + chunk_ms),
                    1 / rtf,
                    chunk_ms,
                    memory,
                )
            )
    return found
