"""The curve of throughput over latency, drawn with characters."""

import math
from collections.abc import Sequence

from nemocli.bench.sweep import SweepPoint

#: Marks of the series, in order.
MARKS = "abcdefghijklmnopqrstuvwxyz"

#: Mark of a cell in which points of several series lie.
SHARED = "*"

#: Columns for the labels on the left.
MARGIN = 9


def draw_curve(points: Sequence[SweepPoint], width: int, height: int = 14) -> list[str]:
    """Return lines of at most `width` characters; no lines without points.

    Latency grows to the right, speed upwards; both axes are logarithmic.
    """
    if not points:
        return []
    columns = max(width - MARGIN - 2, 10)
    x = _Scale([point.latency_ms for point in points], columns)
    y = _Scale([point.speed for point in points], height)
    grid = [[" "] * columns for _ in range(height)]
    series = _list_series(points)
    for point in points:
        row, column = height - 1 - y.to_cell(point.speed), x.to_cell(point.latency_ms)
        mark = MARKS[series.index(point.series) % len(MARKS)]
        grid[row][column] = mark if grid[row][column] in (" ", mark) else SHARED
    lines = ["times as quick as real time"]
    for number, row_marks in enumerate(grid):
        label = ""
        if number in (0, height - 1):
            label = f"{y.most if number == 0 else y.least:.3g}x"
        lines.append(f"{label:>{MARGIN}} |{''.join(row_marks)}".rstrip())
    lines.append(f"{'':{MARGIN}} +{'-' * columns}")
    least, most = f"{x.least:.0f} ms", f"{x.most:.0f} ms"
    lines.append(f"{'':{MARGIN}}  {least}{most:>{columns - len(least)}}")
    lines.append("latency: the sound that a call waits for, and the call")
    legend = [f"{MARKS[n % len(MARKS)]}: {name}" for n, name in enumerate(series)]
    is_shared = any(SHARED in row for row in grid)
    return lines + legend + ([f"{SHARED}: several"] if is_shared else [])


def _list_series(points: Sequence[SweepPoint]) -> list[str]:
    """Return the names of the series, in the order of their first points."""
    return list(dict.fromkeys(point.series for point in points))


class _Scale:
    """Logarithmic axis: maps values above 0 to cells."""

    def __init__(self, values: Sequence[float], cells: int) -> None:
        self.least, self.most = min(values), max(values)
        self._cells = cells

    def to_cell(self, value: float) -> int:
        """Return the number of the cell, from 0."""
        if self.most == self.least:
            return 0
        fraction = math.log(value / self.least) / math.log(self.most / self.least)
        return min(round(fraction * (self._cells - 1)), self._cells - 1)
