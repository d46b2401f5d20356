"""Every form of a model that this machine can run, at every lookahead and size of block."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from nemocli.bench.calibration import calibrate
from nemocli.bench.figures import figures
from nemocli.bench.measure import chunks_of_a_block, run_sessions
from nemocli.bench.os_metrics import forget_files
from nemocli.bench.report import BenchReport, ModelResult
from nemocli.bench.speed import Step
from nemocli.bench.subject import Subject, check_runtime, in_form, in_numpy, prepare
from nemocli.bench.subprocess_run import TrialError, run_in_subprocess
from nemocli.bench.variants import compute_units, list_variants
from nemocli.errors import NemocliError, UnsupportedError, UsageError
from nemocli.models.folder import read_manifest
from nemocli.models.named import find_model
from nemocli.network.checkpoint import AnyCheckpoint, open_checkpoint
from nemocli.network.parameters import count_weights

#: The way under which a sweep's runs are kept.
SWEEP = "sweep"

#: Weights above which numpy is left out: it would take hours.
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
    """One form with one number of chunks in a call."""

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


def sweep_subjects(
    model: str, wanted: SweepChoice, progress: Callable[[str], None], tell: Callable[[str], None]
) -> list[Subject]:
    """Every form that is wanted and can be had.

    `progress` hears what is being converted, and `tell` what is left out, and why.

    Raises UsageError if that leaves nothing, and ModelError as `prepare`.
    """
    check_runtime(wanted.runtime or "auto")
    found = find_model(model, wanted.runtime or "auto")
    if found.is_converted:
        manifest = read_manifest(found.path)
        chosen = _lookaheads(manifest.lookaheads, wanted)
        return [
            prepare(model, wanted.runtime or "auto", wanted.precision, lookahead, units, progress)
            for lookahead in chosen
            for units in _units(manifest.kind, wanted)
        ]
    checkpoint = open_checkpoint(found.path)
    subjects = list(_of_checkpoint(checkpoint, found.name, wanted, progress, tell))
    if not subjects:
        raise UsageError("No form of the model is left to run; leave out --runtime or --precision.")
    return subjects


def _of_checkpoint(
    checkpoint: AnyCheckpoint,
    name: str,
    wanted: SweepChoice,
    progress: Callable[[str], None],
    tell: Callable[[str], None],
) -> Iterator[Subject]:
    chosen = _lookaheads(checkpoint.config.lookaheads, wanted)
    if wanted.runtime in (None, "numpy") and wanted.precision in (None, "fp32"):
        if wanted.runtime is None and count_weights(checkpoint.config) > LARGE:
            tell("numpy is left out: with so many weights it would take hours.")
        else:
            for lookahead in chosen:
                yield in_numpy(checkpoint, name, lookahead)
    for kind, precision in list_variants():
        if wanted.runtime not in (None, kind) or wanted.precision not in (None, precision):
            continue
        try:
            for lookahead in chosen:
                for units in _units(kind, wanted):
                    yield in_form(checkpoint, name, kind, precision, lookahead, units, progress)
        except UnsupportedError as error:
            tell(f"{kind} {precision} is left out: {error}")


def _lookaheads(known: Sequence[int], wanted: SweepChoice) -> list[int]:
    if wanted.lookahead is None:
        return sorted(known)
    if wanted.lookahead not in known:
        listed = ", ".join(map(str, sorted(known)))
        raise UsageError(f"The model has no lookahead {wanted.lookahead}; choose from {listed}.")
    return [wanted.lookahead]


def _units(kind: str, wanted: SweepChoice) -> tuple[str | None, ...]:
    return compute_units(kind) if wanted.compute_units is None else (wanted.compute_units,)


def measure_sweep(
    subjects: Sequence[Subject],
    sounds: Sequence[Path],
    repeats: int,
    report: BenchReport,
    step: Step,
) -> list[str]:
    """Measure each form in a process of its own for each repeat, and add it to the report.

    A form that fails is left out of the report; a sentence for each.
    """
    results: dict[Subject, ModelResult] = {}
    failed: dict[Subject, str] = {}
    steps, total = count(1), repeats * (1 + len(subjects))
    for _ in range(repeats):
        step("the machine itself", next(steps), total)
        report.gauged.append(run_in_subprocess(calibrate))
        for subject in subjects:
            step(subject.form, next(steps), total)
            if subject in failed:
                continue
            setting = subject.setting
            if subject not in results:
                results[subject] = ModelResult.of(subject, forget_files(setting.folder))
            result = results[subject]
            try:
                run = run_in_subprocess(run_sessions, setting, sounds, calls_at(setting.lookahead))
            except (NemocliError, TrialError, OSError) as error:
                failed[subject] = f"{subject.form} failed: {error}"
                continue
            if result.cold_load is None:
                result.cold_load = run.load
            result.ways.setdefault(SWEEP, []).append(run)
    report.results += [result for subject, result in results.items() if subject not in failed]
    return list(failed.values())


def points(report: BenchReport) -> list[SweepPoint]:
    """A point for each form and number of chunks in a call of which the sound had any."""
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
                    result.form.partition(",")[0],
                    result.lookahead,
                    heard.chunks_per_call,
                    heard.chunks_per_call * (chunk_length + chunk_ms),
                    1 / rtf,
                    chunk_ms,
                    memory,
                )
            )
    return found
