"""From the results of all turns to the numbers that are reported: medians, ratios, agreement."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .runs import REFERENCE, Result


@dataclass(frozen=True)
class Spread:
    """The median over the turns, and the least and the largest of them."""

    median: float
    least: float
    largest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))

    def show(self, digits: int) -> str:
        return f"{self.median:.{digits}f} ({self.least:.{digits}f}..{self.largest:.{digits}f})"


@dataclass(frozen=True)
class Row:
    """One recognizer in one measurement, over all its turns."""

    name: str
    #: Seconds that a chunk took: the median of each turn, and higher quantiles. Of streams.
    chunk: dict[int, Spread]
    #: Seconds of sound done in a second. Of files, and of streams without the waiting.
    speed: Spread
    #: nemocli's int8 time divided by this one's, turn by turn: below 1, nemocli is quicker. None if
    #: nemocli failed.
    ratio: Spread | None
    load: Spread
    peak: float
    tokens: int
    #: Share of the tokens that are transformers' too; None without transformers.
    agreement: float | None


QUANTILES = (50, 95, 99)


def rows(turns: dict[str, list[Result]], seconds: float, chunk_seconds: float) -> list[Row]:
    """A row for each recognizer that never failed; the first of `turns` is nemocli's int8.

    `seconds` of sound were heard in each turn, in chunks of `chunk_seconds` if it was a stream.
    """
    good = {name: results for name, results in turns.items() if not failure(results)}
    costs = {
        name: [cost(result, seconds, chunk_seconds) for result in results]
        for name, results in good.items()
    }
    own = costs.get(next(iter(turns)))
    wanted = good[REFERENCE][0]["tokens"] if REFERENCE in good else None
    return [
        Row(
            name,
            quantiles(results),
            Spread.of([1 / each for each in costs[name]]),
            Spread.of([a / b for a, b in zip(own, costs[name], strict=True)]) if own else None,
            Spread.of([result["load"] for result in results]),
            max(result["peak"] for result in results),
            sum(map(len, results[0]["tokens"])),
            None if wanted is None else agreement(results[0]["tokens"], wanted),
        )
        for name, results in good.items()
    ]


def failure(results: Sequence[Result]) -> str | None:
    return next((result["error"] for result in results if "error" in result), None)


def cost(result: Result, seconds: float, chunk_seconds: float) -> float:
    """Seconds for a second of sound: of a stream by its median chunk, of files in all."""
    if "chunks" in result:
        return float(statistics.median(result["chunks"])) / chunk_seconds
    return float(result["seconds"]) / seconds


def quantiles(results: Sequence[Result]) -> dict[int, Spread]:
    if "chunks" not in results[0]:
        return {}
    return {
        q: Spread.of([float(np.percentile(result["chunks"], q)) for result in results])
        for q in QUANTILES
    }


def agreement(ours: list[list[int]], theirs: list[list[int]]) -> float:
    """Tokens that both have in the same order, as a share of those of whoever has more."""
    longer = sum(max(len(a), len(b)) for a, b in zip(ours, theirs, strict=True))
    same = sum(common(a, b) for a, b in zip(ours, theirs, strict=True))
    return same / longer if longer else 1.0


def common(a: Sequence[int], b: Sequence[int]) -> int:
    """The length of the longest common subsequence."""
    row = np.zeros(len(b) + 1, np.int64)
    other = np.asarray(b)
    for token in a:
        # With this token of `a`, or without it; then the best of all shorter beginnings of `b`.
        row[1:] = np.maximum(row[1:], row[:-1] + (other == token))
        row = np.maximum.accumulate(row)
    return int(row[-1])


def as_json(table: Sequence[Row]) -> list[dict[str, Any]]:
    """The rows as plain data."""
    return [
        {
            "name": row.name,
            "chunk_ms": {
                f"p{q}": [1e3 * v for v in vars(spread).values()] for q, spread in row.chunk.items()
            },
            "speed": list(vars(row.speed).values()),
            "ratio": row.ratio and list(vars(row.ratio).values()),
            "load_seconds": list(vars(row.load).values()),
            "peak_bytes": row.peak,
            "tokens": row.tokens,
            "agreement": row.agreement,
        }
        for row in table
    ]
