"""What `nemocli bench` prints: Rich tables on a terminal, aligned columns elsewhere."""

import sys
from collections.abc import Sequence
from statistics import median

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nemocli.bench.accuracy import ALL, Accuracy
from nemocli.bench.compare import Comparison
from nemocli.bench.figures import Figure, compute_figures, compute_load_figures
from nemocli.bench.report import BenchReport, ModelResult
from nemocli.bench.speed import max_chunks_per_call
from nemocli.bench.sweep import SweepPoint
from nemocli.cli.printable import printable

#: What stands where there is nothing to tell.
NONE = "-"

#: Characters of a text in the list of the worst.
MAX_TEXT_LENGTH = 300


def show_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """To stdout; all but the first column to the right."""
    if sys.stdout.isatty():
        table = Table()
        for place, title in enumerate(header):
            table.add_column(title, justify="right" if place else "left")
        for row in rows:
            table.add_row(*(Text(printable(cell)) for cell in row))
        Console(highlight=False, emoji=False).print(table)
        return
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for row in (header, *rows):
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        print("  ".join(cells).rstrip())


def tell(line: str) -> None:
    """A line to stdout; a terminal breaks it between words."""
    line = printable(line)
    if sys.stdout.isatty():
        Console(highlight=False, emoji=False).print(line, markup=False)
    else:
        print(line)


def number(value: float | None) -> str:
    """Three digits, as a person writes them."""
    if value is None:
        return NONE
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.3g}"


def _cell(figure: Figure) -> str:
    """The value, and half the range of the repeats."""
    if figure.value is None:
        return "not told here" if figure.name == "energy" else NONE
    if len(figure.by_repeat) < 2 or not figure.is_compared:
        return number(figure.value)
    spread = (max(figure.by_repeat) - min(figure.by_repeat)) / 2 / figure.value
    return f"{number(figure.value)} ±{spread:.0%}"


def show_speed(report: BenchReport) -> None:
    """The figures of one model, with how they were measured."""
    result = report.results[0]
    tell(f"{result.model}: {result.variant}; model {result.revision[:12]}")
    tell(f"{report.machine.processor}, {report.machine.usable} processors, {_software(report)}")
    columns = {way: compute_figures(result, way) for way in result.ways}
    rows = [
        [_title(row[0]), *("" if _elsewhere(way, f) else _cell(f) for way, f in zip(columns, row))]  # noqa: B905
        for row in zip(*columns.values(), strict=True)
    ]
    rows += [
        [_title(f), _cell(f), *[""] * (len(columns) - 1)] for f in compute_load_figures(result)
    ]
    show_table(["", *columns], rows)
    for line in _how(report, result):
        tell(line)


def _title(figure: Figure) -> str:
    return f"{figure.name}, {figure.unit}" if figure.unit else figure.name


def _elsewhere(way: str, figure: Figure) -> bool:
    """Whether a figure has no meaning for files that are transcribed together."""
    return way == "many" and figure.value is None and figure.name != "energy"


def _software(report: BenchReport) -> str:
    return ", ".join(f"{name} {version}" for name, version in report.software.items())


def _how(report: BenchReport, result: ModelResult) -> list[str]:
    repeats = len(result.ways["stream"])
    chunk = 80 * (result.lookahead + 1)
    names = ", ".join(str(sound.name) for sound in report.sounds)
    seconds = result.ways["stream"][0].heard[0].sound
    cold = (
        "the system was asked to drop the model's files from memory; libraries stay in it"
        if result.files_dropped
        else "the model's files may be in the system's memory still"
    )
    return [
        f"{names}: {seconds:.1f} s, {repeats} repeat{'s' if repeats > 1 else ''}, each in processes"
        " of its own; ±: half the range of the repeats.",
        f"stream: a chunk of {chunk} ms in each call, without pauses; blocks:"
        f" {max_chunks_per_call(result.lookahead)} chunks in each; many: files together,"
        " with decoding.",
        "first token: from the last sample of its chunk to the token; end of speech: from the"
        " end of sound to the whole text.",
        f"load: from nothing imported; cold: the first, before which {cold}.",
        "peak memory: of the process, with files that it maps; energy: of the whole processor.",
        _machine_line(report, result),
    ]


def _machine_line(report: BenchReport, result: ModelResult) -> str:
    speed = median(gauged.bytes_per_second for gauged in report.gauged)
    product = 1e3 * median(gauged.product for gauged in report.gauged)
    return (
        f"The machine itself: {speed / 1e9:.1f} GB/s from memory, so that reading the model's"
        f" {result.bytes / 1e6:.0f} MB takes {1e3 * result.bytes / speed:.1f} ms;"
        f" {product:.1f} ms for a 512x512 matrix product."
    )


def show_comparison(comparison: Comparison) -> None:
    """Remarks, and a row for each figure that both measurements have."""
    for remark in comparison.remarks:
        tell(f"Not the same: {remark}.")
    rows = [
        [
            f"{change.way}: {change.figure}" + (f", {change.unit}" if change.unit else ""),
            number(change.then),
            number(change.now),
            f"{change.ratio:.2f} ({change.low:.2f}-{change.high:.2f})",
            change.verdict.removesuffix(" repeats"),
        ]
        for change in comparison.differences
    ]
    show_table(["", "then", "now", "ratio (99 %)", "is"], rows)
    verdicts = {change.verdict for change in comparison.differences if change.way != "machine"}
    if verdicts <= {"equal"}:
        tell("No difference is real.")
    elif verdicts & {"too few repeats"}:
        tell("With fewer than four repeats on either side, no difference can be called real.")


def show_sweep(points: Sequence[SweepPoint], curve: Sequence[str]) -> None:
    """A row for each form and number of chunks in a call, and the drawn curve."""
    rows = [
        [
            point.series,
            str(point.lookahead),
            str(point.chunks_per_call),
            number(point.chunk_ms),
            number(point.latency_ms),
            number(point.speed),
            number(point.peak_memory_mb),
        ]
        for point in points
    ]
    show_table(["", "lookahead", "chunks", "ms/chunk", "latency ms", "x real", "MB"], rows)
    tell("chunks: in each call; MB: the most that the process held over all numbers of chunks.")
    print("\n".join(curve), flush=True)


def show_accuracy(accuracy: Accuracy, worst: int) -> None:
    """Errors by language, and the worst files with both texts."""
    rows = [
        [
            "all languages" if summary.lang == ALL else summary.lang,
            str(summary.files),
            _rate(summary.wer),
            f"{summary.word_errors}/{summary.words}",
            _rate(summary.cer),
            f"{summary.character_errors}/{summary.characters}",
        ]
        for summary in accuracy.by_language()
    ]
    show_table(["", "files", "WER", "words", "CER", "characters"], rows)
    tell(
        "Compared in lower case, without punctuation (NFKC; apostrophes within words stay). Scripts"
        " without spaces (Chinese, Japanese, Thai, ...) have no words to count: there, CER counts."
    )
    for one in accuracy.worst(worst):
        tell(f"{one.character_rate:.1%} CER: {one.file}")
        tell(f"    said:  {_short(one.reference)}")
        tell(f"    heard: {_short(one.heard)}")


def _rate(rate: float | None) -> str:
    return NONE if rate is None else f"{rate:.2%}"


def _short(text: str) -> str:
    shown = printable(text)
    return shown if len(shown) <= MAX_TEXT_LENGTH else shown[:MAX_TEXT_LENGTH] + "…"
