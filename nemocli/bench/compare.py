"""Whether two measurements differ, or only look so.

A figure has one value for each repeat, and each repeat is a process of its own. The ratio of two
figures is that of their medians, and its interval holds 99 % of the ratios that come of drawing the
repeats of both anew (the bootstrap, over repeats: samples within one process are not independent).
A difference is called real only if all of this holds:

- both measurements have at least four repeats;
- no repeat of the one lies within the range of the other (by chance, with five repeats each, that
  happens once in 126 times);
- the whole interval lies on one side of 1, and further from it than the machine's own speed changed
  between the two measurements: fixed work is timed beside every repeat;
- the medians differ by at least 3 %, less than what the place of the code in memory can make.

Of equal measurements with noise of 1 to 40 %, simulated, at most 7 figures in 1000 are called
different.

What a few outliers decide, p99 and the largest chunk, is told but not compared; nor is the cold
load, which happens once.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from nemocli.bench.figures import Figure, figures, load_figures
from nemocli.bench.report import BenchReport, ModelResult
from nemocli.errors import UsageError

MIN_REPEATS = 4

#: Differences below this are never called real.
FLOOR = 0.03

CONFIDENCE = 0.99

DRAWS = 4000


@dataclass(frozen=True)
class Difference:
    """One figure then and now; `ratio` is now over then."""

    form: str
    #: `stream`, `blocks`, `many`, `load`, or `machine` for fixed work.
    way: str
    figure: str
    unit: str
    then: float
    now: float
    ratio: float
    #: Bounds of the ratio.
    low: float
    high: float
    #: `equal`, `lower` or `higher` (all figures are the better, the lower), or `too few repeats`.
    verdict: str


@dataclass(frozen=True)
class Comparison:
    """All figures that both measurements have, and what else is not the same."""

    #: Sentences on what differs between machines, software and models.
    remarks: list[str]
    differences: list[Difference]


def check_comparable(then: BenchReport, now: BenchReport) -> None:
    """UsageError if no figure of the one is a figure of the other: heard other sounds."""
    if sorted(s.sha256 for s in then.sounds) != sorted(s.sha256 for s in now.sounds):
        raise UsageError(
            f"The report was made with other sounds ({_names(then)}) than are to be heard now"
            f" ({_names(now)}); name the same files."
        )


def compare(then: BenchReport, now: BenchReport) -> Comparison:
    """Every result of `now` with that of `then` in the same variant, or the only one that it has.

    Raises UsageError if the sounds differ or no result has a counterpart.
    """
    check_comparable(then, now)
    machine = _machine_speed(then, now)
    drift = max((abs(math.log(change.ratio)) for change in machine), default=0.0)
    remarks, differences = list(_surroundings(then, now)), machine
    for result in now.results:
        before = counterpart(then, result)
        remarks += _model_remarks(before, result)
        pairs = [("load", load_figures(before), load_figures(result))]
        for way in result.ways:
            if way in before.ways and way != "sweep":
                pairs.append((way, figures(before, way), figures(result, way)))
        for way, old, new in pairs:
            differences += _compared(result.variant, way, old, new, drift)
    return Comparison(remarks, differences)


def counterpart(then: BenchReport, result: ModelResult) -> ModelResult:
    """The result to compare with; UsageError if there is none at the same lookahead."""
    same = [old for old in then.results if old.variant == result.variant]
    alike = [old for old in then.results if old.lookahead == result.lookahead]
    if same or len(alike) == 1:
        return (same or alike)[0]
    variants = "; ".join(old.variant for old in then.results) or "nothing"
    raise UsageError(f"The report has no figures for {result.variant}; it has: {variants}.")


def _surroundings(then: BenchReport, now: BenchReport) -> list[str]:
    machines = _changes(vars(then.machine), vars(now.machine))
    software = _changes(then.software, now.software)
    remarks = [f"another machine: {change}" for change in machines]
    return remarks + [f"other software: {change}" for change in software]


def _model_remarks(then: ModelResult, now: ModelResult) -> list[str]:
    remarks = []
    if then.revision != now.revision:
        remarks.append(
            f"another model: {then.model} ({then.revision[:12]}) then,"
            f" {now.model} ({now.revision[:12]}) now"
        )
    if then.variant != now.variant:
        remarks.append(f"another variant: {then.variant} then, {now.variant} now")
    return remarks


def _changes(then: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    names = sorted({*then, *now})
    return [
        f"{name.replace('_', ' ')} {then.get(name, 'unset')} then, {now.get(name, 'unset')} now"
        for name in names
        if then.get(name) != now.get(name)
    ]


def _machine_speed(then: BenchReport, now: BenchReport) -> list[Difference]:
    products = [[1e3 * g.product for g in report.gauged] for report in (then, now)]
    reads = [[1e9 / g.bytes_per_second for g in report.gauged] for report in (then, now)]
    named = (("product", "ms", products), ("memory", "s/GB", reads))
    return [
        _difference("", "machine", name, unit, old, new, 0.0)
        for name, unit, (old, new) in named
        if old and new
    ]


def _compared(
    form: str, way: str, then: list[Figure], now: list[Figure], drift: float
) -> list[Difference]:
    found = []
    for old, new in zip(then, now, strict=True):
        values = (old.by_repeat, new.by_repeat)
        # A counter of energy may stand still for a short sound, which has no ratio.
        if old.is_compared and all(values) and min(map(min, values)) > 0:
            # Memory does not depend on the speed of the machine.
            allowed = 0.0 if old.unit == "MB" else drift
            found.append(_difference(form, way, old.name, old.unit, *values, allowed))
    return found


def _difference(
    form: str,
    way: str,
    figure: str,
    unit: str,
    then: Sequence[float],
    now: Sequence[float],
    drift: float,
) -> Difference:
    low, high = ratio_interval(then, now)
    ratio = median(now) / median(then)
    beyond = max(drift, math.log1p(FLOOR))
    apart = min(now) > max(then) or max(now) < min(then)
    if min(len(then), len(now)) < MIN_REPEATS:
        verdict = "too few repeats"
    elif apart and (low > math.exp(beyond) or high < math.exp(-beyond)):
        verdict = "higher" if ratio > 1 else "lower"
    else:
        verdict = "equal"
    return Difference(form, way, figure, unit, median(then), median(now), ratio, low, high, verdict)


def ratio_interval(then: Sequence[float], now: Sequence[float]) -> tuple[float, float]:
    """Bounds of the ratio of medians, now over then, by drawing the values anew. All above 0."""
    draw = np.random.default_rng(0)
    medians = [
        np.median(draw.choice(np.asarray(values), (DRAWS, len(values))), axis=1)
        for values in (now, then)
    ]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(medians[0] / medians[1], (tail, 1 - tail))
    return float(low), float(high)


def _names(report: BenchReport) -> str:
    return ", ".join(sound.name for sound in report.sounds) or "none"
