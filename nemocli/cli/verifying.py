"""`nemocli doctor --verify`, which is `nemocli bench --verify` too."""

from pathlib import Path

import typer

from nemocli.bench.run_config import describe_variant
from nemocli.bench.verify import (
    VariantCheck,
    check_verifiable,
    format_report,
    verify_all,
    write_report,
)
from nemocli.cli.printable import printable, printable_path
from nemocli.cli.screen import Screen
from nemocli.errors import NemocliError


def verify(report: Path | None, screen: Screen, as_json: bool = False) -> None:
    """Compare every runtime and precision with reference tokens; a line for each to stdout.

    `report` is a JSON file, rewritten after each; with `as_json`, stdout gets that JSON at the end
    instead of the lines. The exit code is 1 if one failed, or is not exact that should be.
    """
    check_verifiable()
    outcomes: list[VariantCheck] = []
    if report:
        write_report(report, outcomes)  # a place that cannot be written is told before the work
    for outcome in verify_all(screen.note):
        outcomes.append(outcome)
        if report:
            write_report(report, outcomes)
        if as_json:
            screen.note(_line(outcome))
        else:
            print(printable(_line(outcome)), flush=True)
    if as_json:
        print(format_report(outcomes), end="")
    elif report:
        print(f"written: {printable_path(report)}")
    if any(outcome.is_bad for outcome in outcomes):
        raise typer.Exit(NemocliError.exit_code)


def _line(outcome: VariantCheck) -> str:
    variant = describe_variant(
        outcome.runtime, outcome.precision, outcome.compute_units, outcome.lookahead
    )
    line = f"{outcome.model}: {variant}:"
    if outcome.tokens is None:
        return f"{line} {outcome.verdict}: {outcome.message}"
    return (
        f"{line} {outcome.agreeing} of {outcome.tokens} tokens, {outcome.verdict};"
        f" {outcome.chunk_ms_median:.1f} ms a chunk, RTF {outcome.real_time_factor:.3f},"
        f" loaded in {outcome.load_seconds:.1f} s"
    )
