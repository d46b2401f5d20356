"""Latency against throughput, drawn with characters."""

import math
from collections.abc import Sequence

from nemocli.bench.sweep import SweepPoint

#: Marks of the series, in order; where two fall together stands an asterisk.
MARKS = "abcdefghijklmnopqrstuvwxyz"

SHARED = "*"

#: Columns for the numbers on the left.
MARGIN = 9


def draw_curve(points: Sequence[SweepPoint], width: int, height: int = 14) -> list[str]:
    """Lines of at most `width` characters: latency to the right, speed upwards, both logarithmic.

    Empty without points.
    """
    if not points:
        return []
    columns = max(width - MARGIN - 2, 10)
    x = _Scale([point.latency_ms for point in points], columns)
    y = _Scale([point.speed for point in points], height)
    grid = [[" "] * columns for _ in range(height)]
    series = _series(points)
    for point in points:
        row, column = height - 1 - y.place(point.speed), x.place(point.latency_ms)
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
    return lines + legend + ([f"{SHARED}: several"] if _any(grid, SHARED) else [])


def _series(points: Sequence[SweepPoint]) -> list[str]:
    """Their names in the order they come."""
    return list(dict.fromkeys(point.series for point in points))


def _any(grid: list[list[str]], mark: str) -> bool:
    return any(mark in row for row in grid)


class _Scale:
    """Values above 0 onto so many places, by their logarithm."""

    def __init__(self, values: Sequence[float], places: int) -> None:
        self.least, self.most = min(values), max(values)
        self._places = places

    def place(self, value: float) -> int:
        """From 0 to the last place."""
        if self.most == self.least:
            return 0
        part = math.log(value / self.least) / math.log(self.most / self.least)
        return min(round(part * (self._places - 1)), self._places - 1)
