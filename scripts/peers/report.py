"""The tables that are printed: Markdown, so that they can be put into a document as they are."""

from collections.abc import Sequence
from typing import Any

from .comparison import QUANTILES, Row, Spread, failure
from .runs import Result

MS, GB = 1e3, 1e9

#: The last columns of every table.
COMMON = ["load s", "peak GB", "tokens", "as transformers"]


def machine_lines(machine: dict[str, Any], versions: dict[str, str]) -> list[str]:
    instructions = " ".join(machine["instructions"]) or "instructions not known"
    return [
        f"{machine['processor']}, {machine['cores']} cores, as many threads for each"
        f" ({instructions}); {machine['memory'] / GB:.0f} GB; {machine['system']}",
        "; ".join(f"{name} {version}" for name, version in versions.items()),
    ]


def stream_table(rows: Sequence[Row]) -> list[str]:
    head = ["", *(f"ms a chunk, p{q}" for q in QUANTILES), "x real time", "nemocli over this"]
    lines = [
        [
            row.name,
            *(_scaled(row.chunk[q], MS).show(1) for q in QUANTILES),
            row.speed.show(1),
            row.ratio.show(3) if row.ratio else "-",
            *_common(row),
        ]
        for row in rows
    ]
    return table([head + COMMON, *lines])


def files_table(rows: Sequence[Row]) -> list[str]:
    head = ["", "seconds of sound a second", "nemocli is faster by"]
    lines = [
        [
            row.name,
            row.speed.show(2),
            _inverse(row.ratio).show(2) if row.ratio else "-",
            *_common(row),
        ]
        for row in rows
    ]
    return table([head + COMMON, *lines])


def _common(row: Row) -> list[str]:
    same = "-" if row.agreement is None else f"{100 * row.agreement:.1f} %"
    return [row.load.show(1), f"{row.peak / GB:.2f}", str(row.tokens), same]


def _scaled(spread: Spread, by: float) -> Spread:
    return Spread(by * spread.median, by * spread.least, by * spread.largest)


def _inverse(spread: Spread) -> Spread:
    return Spread(1 / spread.median, 1 / spread.largest, 1 / spread.least)


def memory_line(size: int, times: Sequence[float], rows: Sequence[Row]) -> str:
    """How the quickest possible chunk compares with nemocli's."""
    spread = Spread.of(times)
    line = (
        f"Reading the {size / GB:.3f} GB of nemocli's int8 weights once:"
        f" {_scaled(spread, MS).show(1)} ms"
    )
    if rows and rows[0].chunk:
        line += f"; a chunk of {rows[0].name} takes {rows[0].chunk[50].median / spread.median:.2f}x"
    return line + "."


def failure_lines(turns: dict[str, list[Result]]) -> list[str]:
    failed = {name: failure(results) for name, results in turns.items()}
    return [f"{name} failed: {why}" for name, why in failed.items() if why]


def table(lines: Sequence[Sequence[str]]) -> list[str]:
    """Markdown with columns of even width."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = ["-" * width for width in widths]
    padded = [
        [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        for line in (lines[0], rule, *lines[1:])
    ]
    return ["| " + " | ".join(line) + " |" for line in padded]
