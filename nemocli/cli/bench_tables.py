"""Tables that `nemocli bench` prints: by Rich on a terminal, as aligned columns elsewhere."""

import sys
from collections.abc import Sequence
from statistics import median

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nemocli.bench.accuracy import ALL, Accuracy, PhraseAccuracy
from nemocli.bench.compare import Comparison
from nemocli.bench.figures import Figure, compute_figures, compute_load_figures
from nemocli.bench.report import BenchReport, ModelResult
from nemocli.bench.speaker_accuracy import ScoredSpeakers, SpeakerSummary, summarize_speakers
from nemocli.bench.speed import count_chunks_per_call
from nemocli.bench.sweep import SweepPoint
from nemocli.cli.printable import make_printable
from nemocli.counting import count_things

#: Shown for a missing value.
NONE = "-"

#: Limit on the characters of a text in the list of the worst files.
MAX_TEXT_LENGTH = 300


def show_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table on stdout; all columns but the first are aligned to the right."""
    if sys.stdout.isatty():
        table = Table()
        for index, title in enumerate(header):
            table.add_column(title, justify="right" if index else "left")
        for row in rows:
            table.add_row(*(Text(make_printable(cell)) for cell in row))
        Console(highlight=False, emoji=False).print(table)
        return
    rows = [[make_printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for row in (header, *rows):
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        print("  ".join(cells).rstrip())


def print_line(line: str) -> None:
    """Print a line on stdout; on a terminal it is wrapped between words."""
    line = make_printable(line)
    if sys.stdout.isatty():
        Console(highlight=False, emoji=False).print(line, markup=False)
    else:
        print(line)


def format_number(value: float | None) -> str:
    """Return a number with about three digits, or `-` for None."""
    if value is None:
        return NONE
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.3g}"


def _format_cell(figure: Figure) -> str:
    """Return the value, with half the range of the repeats in percent."""
    if figure.value is None:
        return "unknown here" if figure.name == "energy" else NONE
    if len(figure.by_repeat) < 2 or not figure.is_compared:
        return format_number(figure.value)
    spread = (max(figure.by_repeat) - min(figure.by_repeat)) / 2 / figure.value
    return f"{format_number(figure.value)} ±{spread:.0%}"


def show_speed(report: BenchReport) -> None:
    """Print the figures of one model, and how they were measured."""
    result = report.results[0]
    print_line(f"{result.model}: {result.variant}; model {result.revision[:12]}")
    software = _format_software(report)
    processors = count_things(report.machine.usable, "processor")
    print_line(f"{report.machine.processor}, {processors}, {software}")
    columns = {way: compute_figures(result, way) for way in result.ways}
    rows = []
    for row in zip(*columns.values(), strict=True):
        cells = [
            "" if _is_empty(way, figure) else _format_cell(figure)
            for way, figure in zip(columns, row, strict=True)
        ]
        rows.append([_format_title(row[0]), *cells])
    padding = [""] * (len(columns) - 1)
    for figure in compute_load_figures(result):
        rows.append([_format_title(figure), _format_cell(figure), *padding])
    show_table(["", *columns], rows)
    for line in _explain(report, result):
        print_line(line)


def _format_title(figure: Figure) -> str:
    return f"{figure.name}, {figure.unit}" if figure.unit else figure.name


def _is_empty(way: str, figure: Figure) -> bool:
    """Return whether a figure does not exist for files that are transcribed together."""
    return way == "many" and figure.value is None and figure.name != "energy"


def _format_software(report: BenchReport) -> str:
    return ", ".join(f"{name} {version}" for name, version in report.software.items())


def _explain(report: BenchReport, result: ModelResult) -> list[str]:
    """Return lines that say how the figures were measured."""
    repeats = len(result.ways["stream"])
    chunk = 80 * (result.lookahead + 1)
    names = ", ".join(str(sound.name) for sound in report.sounds)
    seconds = result.ways["stream"][0].heard[0].sound
    cold = (
        "the system was asked to drop the model's files from its cache, but not libraries"
        if result.files_dropped
        else "the model's files may still be in the system's cache"
    )
    return [
        f"{names}: {seconds:.1f} s, {count_things(repeats, 'repeat')}, each in processes"
        " of its own; ±: half the range of the repeats.",
        f"stream: a chunk of {chunk} ms in each call, without pauses; blocks:"
        f" {count_things(count_chunks_per_call(result.lookahead), 'chunk')} in each;"
        " many: files together, with decoding.",
        "first token: from the last sample of its chunk to the token; end of speech: from the"
        " end of sound to the whole text.",
        f"load: imports included; cold: the first one, before which {cold}.",
        "peak memory: of the process, mapped files included; energy: of the whole processor.",
        _describe_machine(report, result),
    ]


def _describe_machine(report: BenchReport, result: ModelResult) -> str:
    speed = median(calibration.bytes_per_second for calibration in report.gauged)
    product = 1e3 * median(calibration.product for calibration in report.gauged)
    return (
        f"The machine itself: {speed / 1e9:.1f} GB/s from memory, so that reading the model's"
        f" {result.bytes / 1e6:.0f} MB takes {1e3 * result.bytes / speed:.1f} ms;"
        f" {product:.1f} ms for a 512x512 matrix product."
    )


def show_comparison(comparison: Comparison) -> None:
    """Print the remarks, and a row for each figure that both measurements have."""
    for remark in comparison.remarks:
        print_line(f"Not the same: {remark}.")
    rows = [
        [
            f"{change.way}: {change.figure}" + (f", {change.unit}" if change.unit else ""),
            format_number(change.then),
            format_number(change.now),
            f"{change.ratio:.2f} ({change.low:.2f}-{change.high:.2f})",
            change.verdict.removesuffix(" repeats"),
        ]
        for change in comparison.differences
    ]
    show_table(["", "then", "now", "ratio (99 %)", "is"], rows)
    verdicts = {change.verdict for change in comparison.differences if change.way != "machine"}
    if verdicts <= {"equal"}:
        print_line("No difference is real.")
    elif verdicts & {"too few repeats"}:
        print_line("With fewer than four repeats on either side, no difference can be called real.")


def show_sweep(points: Sequence[SweepPoint], curve: Sequence[str]) -> None:
    """Print a row for each variant and number of chunks per call, and the drawn curve."""
    rows = [
        [
            point.series,
            str(point.lookahead),
            str(point.chunks_per_call),
            format_number(point.chunk_ms),
            format_number(point.latency_ms),
            format_number(point.speed),
            format_number(point.peak_memory_mb),
        ]
        for point in points
    ]
    show_table(["", "lookahead", "chunks", "ms/chunk", "latency ms", "x real", "MB"], rows)
    print_line(
        "chunks: per call; MB: peak memory of the process, for all numbers of chunks together."
    )
    print("\n".join(curve), flush=True)


def show_accuracy(accuracy: Accuracy, worst: int) -> None:
    """Print the errors by language, and the worst files with both texts."""
    rows = [
        [
            "all languages" if summary.lang == ALL else summary.lang,
            str(summary.files),
            _format_rate(summary.wer),
            f"{summary.word_errors}/{summary.words}",
            _format_rate(summary.cer),
            f"{summary.character_errors}/{summary.characters}",
        ]
        for summary in accuracy.summarize_by_language()
    ]
    show_table(["", "files", "WER", "words", "CER", "characters"], rows)
    print_line(
        "Compared in lower case, without punctuation (NFKC; apostrophes within words stay). Scripts"
        " without spaces (Chinese, Japanese, Thai, ...) have no words to count: there, CER counts."
    )
    if accuracy.phrases is not None:
        _show_phrases(accuracy.phrases)
    if accuracy.speakers:
        model = accuracy.speaker_model
        _show_speakers(accuracy.speakers, (model and model.model) or NONE)
    for one in accuracy.find_worst(worst):
        print_line(f"{one.character_rate:.1%} CER: {one.file}")
        print_line(f"    said:  {_shorten(one.reference)}")
        print_line(f"    heard: {_shorten(one.heard)}")


def _show_phrases(phrases: PhraseAccuracy) -> None:
    counts, about = phrases.counts, phrases.list
    print_line(
        f"{count_things(about.count, 'phrase')}, boost {about.boost:g}: {counts.found} of"
        f" {counts.spoken} that were said are written (recall {_format_rate(counts.recall)}), and"
        f" {counts.wrong} that were not (precision {_format_rate(counts.precision)}); errors"
        f" outside of them {_format_rate(counts.other_rate)}."
    )


def _show_speakers(judged: Sequence[ScoredSpeakers], name: str) -> None:
    """Print a row for each collar, and what does not depend on it."""
    summary = summarize_speakers(judged)
    rows = [
        [
            f"collar {turns.collar:g} s",
            _format_rate(turns.rate),
            *(
                _format_rate(seconds / turns.spoken if turns.spoken else None)
                for seconds in (turns.missed, turns.false_alarm, turns.confusion)
            ),
            f"{turns.spoken:.1f}",
        ]
        for turns in summary.turns
    ]
    show_table(["", "DER", "missed", "false alarm", "confusion", "spoken s"], rows)
    print_line(
        f"Speakers by {name}; where several speak at once, each counts. JER:"
        f" {_format_rate(summary.jer)}. {_describe_cpwer(judged, summary)} Files with"
        f" the right number of speakers: {summary.counted_right} of {summary.files}."
    )


def _describe_cpwer(judged: Sequence[ScoredSpeakers], summary: SpeakerSummary) -> str:
    if all(one.words is None for one in judged):
        return (
            "cpWER is not counted: it needs a seglst_filepath, which says who says what, and words"
            " with spaces between them."
        )
    return (
        "cpWER, words that are wrong or another speaker's:"
        f" {_format_rate(summary.cpwer)} ({summary.word_errors} of {summary.words})."
    )


def _format_rate(rate: float | None) -> str:
    return NONE if rate is None else f"{rate:.2%}"


def _shorten(text: str) -> str:
    shown = make_printable(text)
    return shown if len(shown) <= MAX_TEXT_LENGTH else shown[:MAX_TEXT_LENGTH] + "…"
