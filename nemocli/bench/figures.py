"""The figures that a result is told by, each from samples: one value a repeat, and all together."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import numpy as np

from nemocli.bench.measure import PassTimes
from nemocli.bench.report import BenchReport, ModelResult

#: Samples from which a percentile is told: fewer would make it the largest one.
ENOUGH = {50: 1, 95: 20, 99: 100}


@dataclass(frozen=True)
class Figure:
    """A figure: one value over all samples, and one for each repeat, whose range is its spread."""

    name: str
    unit: str
    value: float | None
    by_repeat: list[float]
    #: Whether two measurements are compared by it: not by what a few outliers decide.
    is_compared: bool = True


def figures(result: ModelResult, way: str, call: int = 0) -> list[Figure]:
    """The figures of one way; `call` is the place among the numbers of chunks in a sweep."""
    runs = result.ways[way]
    heard = [run.heard[call] for run in runs]
    return [
        _by_repeat("RTF", "", (one.real_time_factor for one in heard)),
        *_chunk_times(heard),
        _of_samples("first token", "ms", heard, lambda one: one.first_token),
        _of_samples("end of speech", "ms", heard, lambda one: one.end_of_speech),
        _by_repeat("peak memory", "MB", (run.peak_memory / 1e6 for run in runs)),
        _by_repeat("energy", "J/s of sound", (_joules(one) for one in heard)),
    ]


def load_figures(result: ModelResult) -> list[Figure]:
    """The first load, and the others, each in a process of its own."""
    cold = [] if result.cold_load is None else [result.cold_load]
    return [
        Figure("load, cold", "s", cold[0] if cold else None, cold, is_compared=False),
        _by_repeat("load, warm", "s", map(_median, _warm_loads(result))),
    ]


def all_figures(report: BenchReport) -> list[dict[str, Any]]:
    """Every figure of a report as plain data, each with its form, way, and chunks in a call."""
    told = []
    for result in report.results:
        told += [{"form": result.variant, "way": "load"} | asdict(f) for f in load_figures(result)]
        for way, runs in result.ways.items():
            for place, heard in enumerate(runs[0].heard):
                of = {"form": result.variant, "way": way, "chunks_per_call": heard.chunks_per_call}
                told += [of | asdict(figure) for figure in figures(result, way, place)]
    return told


def _warm_loads(result: ModelResult) -> list[list[float]]:
    """Of each repeat, the loads that were not the very first."""
    repeats = max(map(len, result.ways.values()), default=0)
    loads: list[list[float]] = [[] for _ in range(repeats)]
    for number, runs in enumerate(result.ways.values()):
        for repeat, run in enumerate(runs):
            if number or repeat:
                loads[repeat].append(run.load)
    return loads


def _chunk_times(heard: Sequence[PassTimes]) -> list[Figure]:
    pooled = [seconds for one in heard for seconds in one.chunks]
    told = []
    for percent, enough in ENOUGH.items():
        by_repeat = [
            1e3 * _percentile(one.chunks, percent) for one in heard if len(one.chunks) >= enough
        ]
        value = 1e3 * _percentile(pooled, percent) if len(pooled) >= enough else None
        told.append(Figure(f"chunk, p{percent}", "ms", value, by_repeat, percent < 99))
    most = [1e3 * max(one.chunks) for one in heard if one.chunks]
    told.append(Figure("chunk, max", "ms", max(most, default=None), most, False))
    return told


def _of_samples(
    name: str, unit: str, heard: Sequence[PassTimes], samples: Callable[[PassTimes], list[float]]
) -> Figure:
    in_ms = [[1e3 * seconds for seconds in samples(one)] for one in heard]
    return _by_repeat(name, unit, map(_median, in_ms))


def _by_repeat(name: str, unit: str, values: Iterable[float | None]) -> Figure:
    known = [value for value in values if value is not None]
    return Figure(name, unit, _median(known), known)


def _joules(heard: PassTimes) -> float | None:
    if heard.joules is None or not heard.sound:
        return None
    return heard.joules / heard.sound


def _median(values: Sequence[float]) -> float | None:
    return median(values) if values else None


def _percentile(values: Sequence[float], percent: float) -> float:
    return float(np.percentile(values, percent))
