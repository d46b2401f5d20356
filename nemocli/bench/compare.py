"""Whether two measurements really differ, or differ by noise.

A figure has one value per repeat, and each repeat is a process of its own. Two figures are compared
by the ratio of their medians. Its interval holds 99 % of the ratios found by resampling the repeats
of both (the bootstrap; repeats are resampled because samples of one process are not independent).
A difference is called real only if all of this holds:

- both measurements have at least four repeats;
- their ranges do not overlap (with five repeats each, that happens by chance once in 126 times);
- the whole interval lies on one side of 1, and further from 1 than the machine's own speed changed
  between the two measurements: fixed work is timed with every repeat;
- the medians differ by at least 3 %: where the code lies in memory can change times by less.

In a simulation of equal measurements with noise of 1 to 40 %, at most 7 figures in 1000 were called
different.

Figures that a few outliers decide (p99 and the largest chunk) are shown but not compared. Neither
is the cold load, which happens only once.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from nemocli.bench.figures import Figure, compute_figures, compute_load_figures
from nemocli.bench.report import BenchReport, ModelResult
from nemocli.errors import UsageError

MIN_REPEATS = 4

#: Relative differences below this are never called real.
MIN_DIFFERENCE = 0.03

CONFIDENCE = 0.99

#: Resamples of the bootstrap.
RESAMPLES = 4000


@dataclass(frozen=True)
class Difference:
    """One figure in both measurements; `ratio` is now / then."""

    form: str
    #: `stream`, `blocks`, `many`, `load`, or `machine` for the machine's own speed.
    way: str
    figure: str
    unit: str
    then: float
    now: float
    ratio: float
    #: Bounds of the ratio's interval.
    low: float
    high: float
    #: `equal`, `lower`, `higher` or `too few repeats`; lower is better for all figures.
    verdict: str


@dataclass(frozen=True)
class Comparison:
    """All figures that both measurements have, and remarks on their circumstances."""

    #: What differs between the machines, the software and the models.
    remarks: list[str]
    differences: list[Difference]


def check_comparable(then: BenchReport, now: BenchReport) -> None:
    """Raise UsageError if the two were measured with different sounds."""
    if sorted(s.sha256 for s in then.sounds) != sorted(s.sha256 for s in now.sounds):
        raise UsageError(
            f"The report was made with other sounds ({_list_sounds(then)}) than are to be heard now"
            f" ({_list_sounds(now)}); name the same files."
        )


def compare(then: BenchReport, now: BenchReport) -> Comparison:
    """Compare every result of `now` with its counterpart in `then`.

    Raises UsageError if the sounds differ or a result has no counterpart.
    """
    check_comparable(then, now)
    machine = _compare_machines(then, now)
    drift = max((abs(math.log(change.ratio)) for change in machine), default=0.0)
    remarks, differences = _describe_surroundings(then, now), machine
    for result in now.results:
        before = find_counterpart(then, result)
        remarks += _describe_models(before, result)
        pairs = [("load", compute_load_figures(before), compute_load_figures(result))]
        for way in result.ways:
            if way in before.ways and way != "sweep":
                pairs.append((way, compute_figures(before, way), compute_figures(result, way)))
        for way, old, new in pairs:
            differences += _compare_figures(result.variant, way, old, new, drift)
    return Comparison(remarks, differences)


def find_counterpart(then: BenchReport, result: ModelResult) -> ModelResult:
    """Return the result of the same variant, or else the only one at the same lookahead.

    Raises UsageError if there is neither.
    """
    same_variant = [old for old in then.results if old.variant == result.variant]
    same_lookahead = [old for old in then.results if old.lookahead == result.lookahead]
    if same_variant or len(same_lookahead) == 1:
        return (same_variant or same_lookahead)[0]
    variants = "; ".join(old.variant for old in then.results) or "nothing"
    raise UsageError(f"The report has no figures for {result.variant}; it has: {variants}.")


def _describe_surroundings(then: BenchReport, now: BenchReport) -> list[str]:
    machines = _list_changes(vars(then.machine), vars(now.machine))
    software = _list_changes(then.software, now.software)
    remarks = [f"another machine: {change}" for change in machines]
    return remarks + [f"other software: {change}" for change in software]


def _describe_models(then: ModelResult, now: ModelResult) -> list[str]:
    remarks = []
    if then.revision != now.revision:
        remarks.append(
            f"another model: {then.model} ({then.revision[:12]}) then,"
            f" {now.model} ({now.revision[:12]}) now"
        )
    if then.variant != now.variant:
        remarks.append(f"another variant: {then.variant} then, {now.variant} now")
    return remarks


def _list_changes(then: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    names = sorted({*then, *now})
    return [
        f"{name.replace('_', ' ')} {then.get(name, 'unset')} then, {now.get(name, 'unset')} now"
        for name in names
        if then.get(name) != now.get(name)
    ]


def _compare_machines(then: BenchReport, now: BenchReport) -> list[Difference]:
    products = [[1e3 * g.product for g in report.gauged] for report in (then, now)]
    reads = [[1e9 / g.bytes_per_second for g in report.gauged] for report in (then, now)]
    named = (("product", "ms", products), ("memory", "s/GB", reads))
    return [
        _compare_values("", "machine", name, unit, old, new, 0.0)
        for name, unit, (old, new) in named
        if old and new
    ]


def _compare_figures(
    form: str, way: str, then: list[Figure], now: list[Figure], drift: float
) -> list[Difference]:
    differences = []
    for old, new in zip(then, now, strict=True):
        values = (old.by_repeat, new.by_repeat)
        # The energy counter may not move during a short sound, and 0 has no ratio.
        if old.is_compared and all(values) and min(map(min, values)) > 0:
            # Memory does not depend on the speed of the machine.
            allowed = 0.0 if old.unit == "MB" else drift
            differences.append(_compare_values(form, way, old.name, old.unit, *values, allowed))
    return differences


def _compare_values(
    form: str,
    way: str,
    figure: str,
    unit: str,
    then: Sequence[float],
    now: Sequence[float],
    drift: float,
) -> Difference:
    low, high = estimate_ratio_interval(then, now)
    ratio = median(now) / median(then)
    allowed = max(drift, math.log1p(MIN_DIFFERENCE))
    is_disjoint = min(now) > max(then) or max(now) < min(then)
    if min(len(then), len(now)) < MIN_REPEATS:
        verdict = "too few repeats"
    elif is_disjoint and (low > math.exp(allowed) or high < math.exp(-allowed)):
        verdict = "higher" if ratio > 1 else "lower"
    else:
        verdict = "equal"
    return Difference(form, way, figure, unit, median(then), median(now), ratio, low, high, verdict)


def estimate_ratio_interval(then: Sequence[float], now: Sequence[float]) -> tuple[float, float]:
    """Return the bounds of the ratio of medians, now / then, by the bootstrap.

    All values must be above 0.
    """
    draw = np.random.default_rng(0)
    medians = [
        np.median(draw.choice(np.asarray(values), (RESAMPLES, len(values))), axis=1)
        for values in (now, then)
    ]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(medians[0] / medians[1], (tail, 1 - tail))
    return float(low), float(high)


def _list_sounds(report: BenchReport) -> str:
    return ", ".join(sound.name for sound in report.sounds) or "none"
