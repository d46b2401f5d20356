"""Figures of a result, such as RTF and p95, computed from its samples."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import numpy as np

from nemocli.bench.measure import PassTimes
from nemocli.bench.report import BenchReport, ModelResult

#: Samples that each percentile needs: with fewer it would be the largest sample.
MIN_SAMPLES = {50: 1, 95: 20, 99: 100}


@dataclass(frozen=True)
class Figure:
    """A figure: a value for all samples together, and one for each repeat, which show its spread.

    The value is None if there are too few samples.
    """

    name: str
    unit: str
    value: float | None
    by_repeat: list[float]
    #: Whether measurements are compared by it; not if a few outliers decide it.
    is_compared: bool = True


def compute_figures(result: ModelResult, way: str, index: int = 0) -> list[Figure]:
    """Compute the figures of one way; `index` chooses a pass of each run where it has several."""
    runs = result.ways[way]
    passes = [run.heard[index] for run in runs]
    return [
        _summarize_repeats("RTF", "", (one.real_time_factor for one in passes)),
        *_compute_chunk_times(passes),
        _compute_median_ms("first token", "ms", passes, lambda one: one.first_token),
        _compute_median_ms("end of speech", "ms", passes, lambda one: one.end_of_speech),
        _summarize_repeats("peak memory", "MB", (run.peak_memory / 1e6 for run in runs)),
        _summarize_repeats("energy", "J/s of sound", (_compute_joules(one) for one in passes)),
    ]


def compute_load_figures(result: ModelResult) -> list[Figure]:
    """Compute the time of the first load, and that of the others, in processes of their own."""
    cold = [] if result.cold_load is None else [result.cold_load]
    return [
        Figure("load, cold", "s", cold[0] if cold else None, cold, is_compared=False),
        _summarize_repeats("load, warm", "s", map(_compute_median, _warm_loads(result))),
    ]


def list_figures(report: BenchReport) -> list[dict[str, Any]]:
    """Return every figure as plain data, with its variant (`form`), way and chunks per call."""
    rows = []
    for result in report.results:
        loads = compute_load_figures(result)
        rows += [{"form": result.variant, "way": "load"} | asdict(figure) for figure in loads]
        for way, runs in result.ways.items():
            for index, times in enumerate(runs[0].heard):
                key = {"form": result.variant, "way": way, "chunks_per_call": times.chunks_per_call}
                rows += [key | asdict(figure) for figure in compute_figures(result, way, index)]
    return rows


def _warm_loads(result: ModelResult) -> list[list[float]]:
    """Return the loads of each repeat, in seconds, without the very first one."""
    repeats = max(map(len, result.ways.values()), default=0)
    loads: list[list[float]] = [[] for _ in range(repeats)]
    for number, runs in enumerate(result.ways.values()):
        for repeat, run in enumerate(runs):
            if number or repeat:
                loads[repeat].append(run.load)
    return loads


def _compute_chunk_times(passes: Sequence[PassTimes]) -> list[Figure]:
    pooled = [seconds for one in passes for seconds in one.chunks]
    found = []
    for percent, least in MIN_SAMPLES.items():
        by_repeat = [
            1e3 * _compute_percentile(one.chunks, percent)
            for one in passes
            if len(one.chunks) >= least
        ]
        value = 1e3 * _compute_percentile(pooled, percent) if len(pooled) >= least else None
        found.append(Figure(f"chunk, p{percent}", "ms", value, by_repeat, percent < 99))
    longest = [1e3 * max(one.chunks) for one in passes if one.chunks]
    found.append(Figure("chunk, max", "ms", max(longest, default=None), longest, False))
    return found


def _compute_median_ms(
    name: str, unit: str, passes: Sequence[PassTimes], samples: Callable[[PassTimes], list[float]]
) -> Figure:
    in_ms = [[1e3 * seconds for seconds in samples(one)] for one in passes]
    return _summarize_repeats(name, unit, map(_compute_median, in_ms))


def _summarize_repeats(name: str, unit: str, values: Iterable[float | None]) -> Figure:
    known = [value for value in values if value is not None]
    return Figure(name, unit, _compute_median(known), known)


def _compute_joules(times: PassTimes) -> float | None:
    """Return joules per second of sound, if both are known."""
    if times.joules is None or not times.sound:
        return None
    return times.joules / times.sound


def _compute_median(values: Sequence[float]) -> float | None:
    return median(values) if values else None


def _compute_percentile(values: Sequence[float], percent: float) -> float:
    return float(np.percentile(values, percent))
